"""The parts of the bench `wan`, each in its own process: `python -m bench.wan_parts PART FOLDER`. JSON on stdout.

All is in seconds of CPU with one thread, which other work on the machine hardly changes.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from wanserve.engine.wan.library_logging import silence_libraries

silence_libraries()

import torch  # noqa: E402 - the libraries are silenced before they are imported
from diffusers import AutoencoderKLWan, WanPipeline, WanTransformer3DModel  # noqa: E402

from bench.processes import memory_mb  # noqa: E402
from bench.result import ROOT  # noqa: E402
from wanserve.domain.generation import Generation  # noqa: E402
from wanserve.engine.wan.decode import decode as decode_latents  # noqa: E402
from wanserve.engine.wan.decode import denormalise, to_frames  # noqa: E402
from wanserve.engine.wan.denoise import denoise  # noqa: E402
from wanserve.engine.wan.device import has_bf16_units  # noqa: E402
from wanserve.engine.wan.loading import read_pipeline, use_channels_last  # noqa: E402
from wanserve.engine.wan.memory import BlockFormat  # noqa: E402
from wanserve.engine.wan.profiles import quantise  # noqa: E402
from wanserve.models.framing import framing_for  # noqa: E402
from wanserve.models.sampling import SHAPE_1_3B, WAN_MODELS, SamplingSettings  # noqa: E402

MODEL: Final = "wanx2.1-t2v-turbo"
CPU: Final = torch.device("cpu")
LAYERS: Final = 2
"""Of the true shape; the real model has 30 of them, one like the other."""

CLIP: Final = Generation(MODEL, "a cat", "", width=416, height=240, frames=17, fps=16, seed=1)
"""1,950 tokens."""

ROUNDS: Final = 4
DECODED: Final = (1, 16, 2, 16, 16)
"""Latents of five pictures of 128*128, at the VAE's true width."""


def steps(folder: Path) -> dict[str, Any]:
    """CPU seconds of a guided step, stock and ours, one after the other in turn."""
    sampling = replace(WAN_MODELS[MODEL].sampling, weights=str(_true_blocks(folder / "blocks")), steps=2)
    stock = WanPipeline.from_pretrained(sampling.weights, dtype=torch.float32)
    stock.set_progress_bar_config(disable=True)
    exact, small = read_pipeline(sampling, CPU), read_pipeline(sampling, CPU)
    quantise(small, BlockFormat.INT8)
    small.transformer.compile_repeated_blocks(fullgraph=True, dynamic=True)
    pipes = {"stock": stock, "exact": exact, "int8_compiled": small}
    measured: dict[str, Any] = {name: [] for name in pipes}
    for number in range(ROUNDS + 1):
        for name, pipe in pipes.items():
            seconds = _step_seconds(pipe, sampling)
            if number > 0:
                # The first round warms up, and compiles.
                measured[name].append(seconds)
    return measured | {"bf16": has_bf16_units(CPU)}


def _step_seconds(pipe: Any, sampling: SamplingSettings) -> float:
    """The second of two guided steps, in the loop that serves, whatever the pipeline's numbers."""
    generator = torch.Generator().manual_seed(1)
    embeddings = [torch.randn(1, 512, 32, generator=generator).to(pipe.transformer.dtype) for _ in range(2)]
    told: dict[float, float] = {}

    def note(done: float) -> None:
        # Also called between layers: the first time that a fraction is told is the end of its step.
        told.setdefault(done, time.process_time())

    denoise(
        pipe,
        sampling,
        CLIP,
        framing_for((CLIP.width, CLIP.height), sampling.large_sizes),
        (embeddings[0], embeddings[1]),
        note,
    )
    return told[1.0] - told[0.5]


def _true_blocks(folder: Path) -> Path:
    """A checkpoint with blocks of the 1.3B's true shape, and the tiny one's other parts."""
    pipe = WanPipeline.from_pretrained(ROOT / "tests/assets/tiny-wan", dtype=torch.float32)
    torch.manual_seed(1)
    pipe.transformer = WanTransformer3DModel(
        num_attention_heads=SHAPE_1_3B.heads,
        attention_head_dim=SHAPE_1_3B.dim // SHAPE_1_3B.heads,
        ffn_dim=SHAPE_1_3B.ffn,
        num_layers=LAYERS,
        text_dim=32,
    ).eval()
    pipe.save_pretrained(folder)
    return folder


def decode(folder: Path) -> dict[str, Any]:  # noqa: ARG001 - every part takes a folder
    """CPU seconds of a decode to pictures, stock and ours in turn."""
    stock, ours, latents = _vae(), _our_vae(), _latents(DECODED)

    def by_stock() -> None:
        with torch.no_grad():
            stock.decode(denormalise(stock, latents))

    measured: dict[str, Any] = {"stock": [], "exact": []}
    works: dict[str, Callable[[], object]] = {"stock": by_stock, "exact": lambda: _decode(ours, latents)}
    for _ in range(3):
        for name, work in works.items():
            begun = time.process_time()
            work()
            measured[name].append(time.process_time() - begun)
    return measured


def peak(folder: Path, frames: str) -> dict[str, Any]:  # noqa: ARG001 - every part takes a folder
    """How much more memory than before this process held while so many frames were decoded."""
    vae = _our_vae()
    _decode(vae, _latents((1, 16, 1, 4, 4)))
    before = memory_mb(os.getpid(), "VmRSS")
    _decode(vae, _latents((1, 16, (int(frames) - 1) // 4 + 1, 12, 12)))
    return {"grown_mb": round(memory_mb(os.getpid(), "VmHWM") - before, 1)}


def _decode(vae: Any, latents: torch.Tensor) -> int:
    height, width = latents.shape[3] * 8, latents.shape[4] * 8
    made = framing_for((width, height), WAN_MODELS[MODEL].sampling.large_sizes)
    return sum(1 for each in decode_latents(vae, denormalise(vae, latents)) for _ in to_frames(each, made))


def _vae() -> Any:
    torch.manual_seed(1)
    return AutoencoderKLWan().eval()


def _our_vae() -> Any:
    """As the engine loads it in the profile `exact`."""
    vae = _vae()
    if has_bf16_units(CPU):
        vae = vae.to(torch.bfloat16)
        use_channels_last(vae)
    return vae


def _latents(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


def main() -> None:
    """Run the part that is named."""
    torch.set_num_threads(1)
    parts: dict[str, Callable[..., dict[str, Any]]] = {"steps": steps, "decode": decode, "peak": peak}
    name, folder, *rest = sys.argv[1:]
    print(json.dumps(parts[name](Path(folder), *rest)))


if __name__ == "__main__":
    main()
