"""The real models' shapes on a GPU, with random weights: parity with stock diffusers, speed beside it, and memory plans.

`python -m bench.gpu FOLDER [PART ...]` writes checkpoints of 15 to 44 GB into the folder, where none is yet, and prints a
line of JSON for each part. Random weights cost what trained ones cost; their pictures are noise.
"""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from wanserve.engine.wan.library_logging import silence_libraries

silence_libraries()

import torch  # noqa: E402 - the libraries are silenced before they are imported
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel  # noqa: E402
from transformers import UMT5Config, UMT5EncoderModel  # noqa: E402

from bench.processes import environment  # noqa: E402
from bench.result import ROOT, commit, machine  # noqa: E402
from wanserve.domain.errors import Canceled  # noqa: E402
from wanserve.domain.generation import Generation  # noqa: E402
from wanserve.domain.progress import Progress, Stage  # noqa: E402
from wanserve.engine.wan.decode import decode, denormalise  # noqa: E402
from wanserve.engine.wan.denoise import denoise  # noqa: E402
from wanserve.engine.wan.device import inspect_device, release_memory  # noqa: E402
from wanserve.engine.wan.engine import WanEngine, plan_for  # noqa: E402
from wanserve.engine.wan.loading import load_pipeline  # noqa: E402
from wanserve.engine.wan.previews import picture_of  # noqa: E402
from wanserve.models.framing import Framing, framing_for  # noqa: E402
from wanserve.models.sampling import WAN_MODELS, Placement, Profile, SamplingSettings, WanModelCard  # noqa: E402

TINY: Final = ROOT / "tests/assets/tiny-wan"
TURBO, PLUS, TWO_EXPERTS = "wanx2.1-t2v-turbo", "wanx2.1-t2v-plus", "wan2.2-t2v-plus"
PART_SECONDS: Final = 600
SHARD: Final = "5GB"
STEPS: Final = 3
"""Steps of a timed video: the first one is left out."""

CANCELS: Final = 20

PARTS: Final[Sequence[tuple[str, ...]]] = (
    ("tiny",),
    ("parity", TURBO),
    *[("speed", TURBO, "832*480", each) for each in ("stock", "exact", "cudnn", "small", "balanced")],
    *[("speed", PLUS, "832*480", each) for each in ("stock", "exact", "cudnn", "small", "balanced")],
    *[("placed", TURBO, "832*480", each) for each in ("whole", "text-off", "parts", "groups")],
    *[("placed", PLUS, "832*480", each) for each in ("whole", "text-off", "parts", "groups")],
    ("placed", TWO_EXPERTS, "832*480", "parts"),
)


def write_checkpoint(folder: Path, model: str) -> Path:
    """A checkpoint of the model's true shape in the folder, where there is none yet. The experts are one file, linked."""
    made = folder / model
    if (made / "model_index.json").exists():
        return made
    shape = WAN_MODELS[model].sampling.shape
    if model != TURBO:
        # All models have one text encoder and one VAE.
        shared = write_checkpoint(folder, TURBO)
    with _random_weights():
        transformer = WanTransformer3DModel(
            num_attention_heads=shape.heads,
            attention_head_dim=shape.dim // shape.heads,
            ffn_dim=shape.ffn,
            num_layers=shape.layers,
        )
    if model == TWO_EXPERTS and (folder / PLUS).exists():
        _link(made / "transformer", folder / PLUS / "transformer")
    else:
        transformer.save_pretrained(made / "transformer", max_shard_size=SHARD)
    del transformer
    release_memory()
    if model == TURBO:
        _write_text_encoder(made)
        with torch.device(_device()):
            AutoencoderKLWan().save_pretrained(made / "vae")
    else:
        for part in ("text_encoder", "vae"):
            _link(made / part, shared / part)
    _link(made / "tokenizer", TINY / "tokenizer")
    _link(made / "scheduler", TINY / "scheduler")
    index = json.loads((TINY / "model_index.json").read_text(encoding="utf-8"))
    if shape.experts == 2:
        _link(made / "transformer_2", made / "transformer")
        index |= {"transformer_2": index["transformer"], "boundary_ratio": WAN_MODELS[model].sampling.boundary_ratio}
    (made / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    return made


def _write_text_encoder(made: Path) -> None:
    with _random_weights():
        encoder = UMT5EncoderModel(
            UMT5Config(
                vocab_size=256384,
                d_model=4096,
                d_kv=64,
                d_ff=10240,
                num_layers=24,
                num_heads=64,
                feed_forward_proj="gated-gelu",
            )
        )
    encoder.save_pretrained(made / "text_encoder", max_shard_size=SHARD)


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target, target_is_directory=True)


@contextmanager
def _random_weights() -> Iterator[None]:
    """Within the block modules are made on the device, in bf16."""
    torch.manual_seed(1)
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(_device()), torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(torch.float32)


def tiny(_: Path) -> dict[str, Any]:
    """The whole engine beside the whole stock pipeline, with the tests' tiny checkpoints in fp32; and what it leaves."""
    # Imported here, because they limit torch to one thread.
    from tests.unit.wan.engines import SMALL, WEIGHTS, ignore_progress, loaded_engine, pictures, tiny_card  # noqa: PLC0415
    from tests.unit.wan.test_parity import frames_of_stock  # noqa: PLC0415

    told: dict[str, Any] = {}
    for model in (TURBO, TWO_EXPERTS):
        generation = replace(SMALL, model=model)
        engine = loaded_engine(tiny_card(model, compile=False))
        stock = WanPipeline.from_pretrained(WEIGHTS[model], dtype=torch.float32).to(_device())
        stock.set_progress_bar_config(disable=True)
        ours = pictures(engine.generate(generation, ignore_progress))
        told[f"{model}_frames_equal"] = bool((ours == frames_of_stock(stock, generation)).all())
        held = [torch.cuda.memory_allocated()]
        for number in range(CANCELS):
            stop_at = Stage.DENOISE if number % 2 else Stage.DECODE
            with suppress(Canceled):
                pictures(engine.generate(replace(generation, seed=number), partial(_cancel, stop_at)))
            engine.clean_up()
            held.append(torch.cuda.memory_allocated())
        told[f"{model}_grown_bytes"] = held[-1] - held[2]
    return told


def _cancel(at: Stage, progress: Progress) -> None:
    if progress.stage is at and progress.step == 2:
        raise Canceled("asked")


def parity(folder: Path, model: str) -> dict[str, Any]:
    """Our latents and frames beside those of the stock pipeline on the same device, in bf16: 17 frames, 3 steps."""
    weights = write_checkpoint(folder, model)
    sampling = replace(_sampling(model, weights), compile=False)
    generation, framing = _generation(model, "832*480", frames=17)
    embeddings = _embeddings()
    stock = _stock(weights)
    stock.scheduler = UniPCMultistepScheduler.from_config(stock.scheduler.config, flow_shift=sampling.flow_shift)
    with torch.no_grad():
        expected = stock(
            prompt_embeds=embeddings[0],
            negative_prompt_embeds=embeddings[1],
            width=framing.width,
            height=framing.height,
            num_frames=generation.frames,
            num_inference_steps=STEPS,
            guidance_scale=sampling.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(generation.seed),
            output_type="latent",
        ).frames
        pictures = stock.vae.decode(denormalise(stock.vae, expected)).sample
    del stock
    eager = _pipeline(sampling)
    ours = denoise(eager, sampling, generation, framing, embeddings, _ignore)
    decoded = torch.cat([each.float() for each in decode(eager.vae, denormalise(eager.vae, expected))], dim=2)
    eager.transformer.compile_repeated_blocks(fullgraph=True, dynamic=True)
    compiled = denoise(eager, sampling, generation, framing, embeddings, _ignore)
    return {
        "latents_equal": torch.equal(ours, expected),
        "latents_error": _error(ours, expected),
        "compiled_latents_error": _error(compiled, expected),
        "frames_psnr_db_bf16_vae": round(10 * math.log10(4 / _mean_square(decoded - pictures.clamp(-1, 1))), 1),
    }


def speed(folder: Path, model: str, size: str, variant: str) -> dict[str, Any]:
    """Seconds of a guided step, a decode and a preview; and the peaks in GB, weights included.

    `variant`: `stock` is diffusers' pipeline, `exact`, `small` and `balanced` are our profiles, and `cudnn` is `exact`
    with the attention kernel `_native_cudnn`. The text encoder is not loaded.
    """
    weights = write_checkpoint(folder, model)
    authors = _sampling(model, weights)
    sampling = {
        "stock": authors,
        "exact": authors,
        "cudnn": replace(authors, attention="_native_cudnn"),
        "small": replace(authors, profile=Profile.SMALL, placement=Placement.WHOLE),
        "balanced": replace(authors, profile=Profile.BALANCED),
    }[variant]
    generation, framing = _generation(model, size)
    pipe = _stock(weights) if variant == "stock" else _pipeline(sampling)
    begun = _now()
    # A video of its own first: it compiles.
    denoise(pipe, replace(sampling, steps=1), generation, framing, _embeddings(), _ignore)
    compiled = _now()
    times: list[float] = []
    latents = denoise(pipe, sampling, generation, framing, _embeddings(), lambda done: _note(times, done))
    denoising_gb = _peak_gb()
    decoding = _now()
    scaled = denormalise(pipe.vae, latents)
    if variant == "stock":
        with torch.no_grad():
            pipe.vae.decode(scaled)
    else:
        for _ in decode(pipe.vae, scaled):
            pass
    decoded = _now()
    picture_of(latents, framing)
    return {
        "first_step_s": round(compiled - begun, 2),
        "step_s": round((times[-1] - times[0]) / (STEPS - 1), 3),
        "decode_s": round(decoded - decoding, 2),
        "preview_ms": round((_now() - decoded) * 1000, 2),
        "denoise_peak_gb": denoising_gb,
        "decode_peak_gb": _peak_gb(),
    }


@dataclass(slots=True)
class Watched:
    """A `report` that notes when each step was told first, and the peak of each stage."""

    begun_s: dict[tuple[str, int], float] = field(default_factory=dict)
    peaks_gb: dict[str, float] = field(default_factory=dict)
    _stage: str = "load"

    def report(self, progress: Progress) -> None:
        """Note what is told. Within a step it is told the same again, before each layer."""
        step = progress.stage.value, progress.step
        if step not in self.begun_s:
            self.begun_s[step] = _now()
            self.note_peak()
            self._stage = progress.stage.value

    def note_peak(self) -> None:
        """The peak since the last call belongs to the stage that was told then."""
        self.peaks_gb[self._stage] = max(self.peaks_gb.get(self._stage, 0.0), _peak_gb())


def placed(folder: Path, model: str, size: str, placement: str) -> dict[str, Any]:
    """One short video of the engine in this placement: its plan, the memory that it took, and the seconds of its parts."""
    weights = write_checkpoint(folder, model)
    sampling = replace(_sampling(model, weights), placement=Placement(placement), compile=False, steps=2)
    card = WanModelCard.of(WAN_MODELS[model], sampling)
    plan = plan_for(card, inspect_device())
    engine = WanEngine({model: card})
    begun = _now()
    engine.load(model)
    loaded = _now()
    generation, _ = _generation(model, size)
    watched = Watched()
    clip = engine.generate(generation, watched.report)
    decoding = _now()
    count = sum(1 for _ in clip.frames)
    done = _now()
    watched.note_peak()
    free, total = torch.cuda.mem_get_info() if torch.cuda.is_available() else (0, 0)
    return {
        "plan": plan.description,
        "plan_gb": round(plan.device_bytes / 1e9, 1),
        "pinned": plan.pinned,
        "peaks_gb": watched.peaks_gb,
        "driver_gb": round((total - free - torch.cuda.memory_reserved()) / 1e9, 2),
        "frames": count,
        "load_s": round(loaded - begun, 1),
        "step_s": round(watched.begun_s["denoise", 2] - watched.begun_s["denoise", 1], 2),
        "decode_s": round(done - decoding, 2),
    }


def _sampling(model: str, weights: Path) -> SamplingSettings:
    return replace(WAN_MODELS[model].sampling, weights=str(weights), steps=STEPS)


def _generation(model: str, size: str, frames: int = 81) -> tuple[Generation, Framing]:
    width, height = map(int, size.split("*"))
    generation = Generation(model, "a cat", "", width=width, height=height, frames=frames, fps=16, seed=1)
    return generation, framing_for((width, height), WAN_MODELS[model].sampling.large_sizes)


def _embeddings() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    prompt, negative = (torch.randn(1, 512, 4096, generator=generator).to(_device(), torch.bfloat16) for _ in range(2))
    return prompt, negative


def _stock(weights: Path) -> Any:
    """As diffusers' documentation loads it: bf16, with the VAE in fp32; nothing is compiled."""
    dtypes = {"default": torch.bfloat16, "vae": torch.float32}
    pipe = WanPipeline.from_pretrained(weights, dtype=dtypes, text_encoder=None, tokenizer=None).to(_device())
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _pipeline(sampling: SamplingSettings) -> Any:
    model = next(name for name, card in WAN_MODELS.items() if card.sampling.shape == sampling.shape)
    card = WanModelCard.of(WAN_MODELS[model], sampling)
    return load_pipeline(card, plan_for(card, inspect_device()), torch.device(_device()), with_text_encoder=False).pipe


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _now() -> float:
    """The time once the device has done all that it was asked for."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _note(times: list[float], done: float) -> None:
    """Note the end of each step. Between the layers of eager blocks the fraction stays that of the step before."""
    if done > len(times) / STEPS:
        times.append(_now())


def _ignore(_: float) -> None:
    pass


def _peak_gb() -> float:
    """The most memory that tensors took at once since the last call."""
    if not torch.cuda.is_available():
        return 0.0
    peak = torch.cuda.max_memory_allocated() / 1e9
    torch.cuda.reset_peak_memory_stats()
    return round(peak, 2)


def _mean_square(difference: torch.Tensor) -> float:
    return max(1e-12, difference.float().square().mean().item())


def _error(ours: torch.Tensor, expected: torch.Tensor) -> float:
    """The relative error, by Euclid's norm."""
    return float((ours.float() - expected.float()).norm() / expected.float().norm())


def main() -> None:
    """Run one part in this process, or all of them, each in a process of its own."""
    folder, *words = sys.argv[1:]
    parts: Mapping[str, Callable[..., dict[str, Any]]] = {
        "tiny": tiny,
        "parity": parity,
        "speed": speed,
        "placed": placed,
    }
    if words and words[0] == "weights":
        write_checkpoint(Path(folder), words[1])
    elif words:
        name, *rest = words
        about = {"bench": " ".join(["gpu", *words]), "commit": commit(), "card": inspect_device().name}
        versions = {"torch": torch.__version__}
        print(json.dumps(about | versions | machine() | parts[name](Path(folder), *rest)), flush=True)
    else:
        for each in PARTS:
            subprocess.run(
                [sys.executable, "-m", "bench.gpu", folder, *each], env=environment(), check=False, timeout=PART_SECONDS
            )


if __name__ == "__main__":
    main()
