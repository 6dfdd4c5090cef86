"""What the parts of the bench share: the pipelines, what they are asked for, and how time and memory are taken."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import WanPipeline

from wanserve.domain.generation import Generation
from wanserve.domain.progress import Progress
from wanserve.engine.wan.denoise import denoise
from wanserve.engine.wan.device import DeviceInfo, inspect_device
from wanserve.models.framing import Framing, framing_for
from wanserve.models.sampling import WAN_MODELS, SamplingSettings

STEPS: Final = 3
"""Steps of a timed video: the first one is left out."""

Figures = dict[str, Any]


def device() -> str:
    """Where it is measured; on a CPU the bench can only be tried."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def now() -> float:
    """The time once the device has done all that it was asked for."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def held_gb() -> float:
    """The memory that tensors take now."""
    return round(torch.cuda.memory_allocated() / 1e9, 2) if torch.cuda.is_available() else 0.0


def peak_gb() -> float:
    """The most memory that tensors took at once since the last call."""
    if not torch.cuda.is_available():
        return 0.0
    peak = torch.cuda.max_memory_allocated() / 1e9
    torch.cuda.reset_peak_memory_stats()
    return round(peak, 2)


def limited_device(card_gb: float) -> DeviceInfo:
    """What there would be on a card of so many GB, within which this process is kept from now on; 0: the card as it is.

    The driver's context is counted as on any card.
    """
    info = inspect_device()
    if not card_gb or info.kind == "cpu":
        return info
    taken = info.total_bytes - info.free_bytes - torch.cuda.memory_reserved()
    free = int(card_gb * 1e9) - taken
    torch.cuda.set_per_process_memory_fraction(free / info.total_bytes)
    return replace(info, total_bytes=int(card_gb * 1e9), free_bytes=free)


def asked(model: str, size: str, frames: int = 81) -> tuple[Generation, Framing]:
    """A video of this size, and how it is drawn."""
    width, height = map(int, size.split("*"))
    generation = Generation(model, "a cat", "", width=width, height=height, frames=frames, fps=16, seed=1)
    return generation, framing_for((width, height), WAN_MODELS[model].sampling.large_sizes)


def embeddings() -> tuple[torch.Tensor, torch.Tensor]:
    """Random embeddings in the place of a prompt's and a negative prompt's."""
    generator = torch.Generator().manual_seed(1)
    prompt, negative = (torch.randn(1, 512, 4096, generator=generator).to(device(), torch.bfloat16) for _ in range(2))
    return prompt, negative


def stock_pipeline(weights: Path) -> Any:
    """As diffusers' documentation loads it: bf16, with the VAE in fp32; nothing is compiled."""
    dtypes = {"default": torch.bfloat16, "vae": torch.float32}
    pipe = WanPipeline.from_pretrained(weights, dtype=dtypes, text_encoder=None, tokenizer=None).to(device())
    pipe.set_progress_bar_config(disable=True)
    return pipe


def denoised(
    pipe: Any,
    sampling: SamplingSettings,
    generation: Generation,
    framing: Framing,
    at_step: Callable[[float], None] = lambda _: None,
) -> torch.Tensor:
    """The latents of the video, from random embeddings."""
    return denoise(pipe, sampling, generation, framing, embeddings(), at_step)


def timed(
    pipe: Any, sampling: SamplingSettings, generation: Generation, framing: Framing
) -> tuple[Figures, torch.Tensor]:
    """Seconds of the first step and of the others, the peak in GB, weights included, and the latents."""
    ends: list[float] = []

    def note(done: float) -> None:
        # Between the layers of eager blocks the fraction stays that of the step before.
        if done > (len(ends) + 0.5) / sampling.steps:
            ends.append(now())

    peak_gb()
    weights_gb, begun = held_gb(), now()
    latents = denoised(pipe, sampling, generation, framing, note)
    others = [round(end - before, 3) for before, end in pairwise(ends)]
    figures = {
        "first_step_s": round(ends[0] - begun, 2),
        "step_s": round(sum(others) / len(others), 3),
        "each_step_s": others,
        "held_before_gb": weights_gb,
        "denoise_peak_gb": peak_gb(),
    }
    return figures, latents


def error(ours: torch.Tensor, expected: torch.Tensor) -> float:
    """The relative error, by Euclid's norm."""
    return float((ours.float() - expected.float()).norm() / expected.float().norm())


def mean_square(difference: torch.Tensor) -> float:
    """The mean square of it, and never 0."""
    return max(1e-12, difference.float().square().mean().item())


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
            self.begun_s[step] = now()
            self.note_peak()
            self._stage = progress.stage.value

    def note_peak(self) -> None:
        """The peak since the last call belongs to the stage that was told then."""
        self.peaks_gb[self._stage] = max(self.peaks_gb.get(self._stage, 0.0), peak_gb())
