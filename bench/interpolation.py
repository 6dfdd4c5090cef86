"""How well and how fast frames are interpolated: frames of the preview engine that were held out, and the seconds of a clip.

The preview engine draws at 30 frames a second; every second frame is held out, and made again from the others.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.result import Result, Target
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Frame
from wanserve.engine.animatic.engine import AnimaticEngine
from wanserve.media.interpolation import interpolate
from wanserve.models.frame_rate import frames_after

MODEL: Final = "wanx2.1-t2v-turbo"
PROMPTS: Final = (
    "A kitten running in the moonlight",
    "Two birds fly over the sea at sunset",
    "A red car drives along a road in the city",
    "A dog jumps in the snow, the camera pans to the left",
    "A woman dances on a stage",
    "A boat sails in a storm",
    "A horse gallops across a meadow",
    "A train crosses a bridge in the mountains",
    "A child rides a bicycle in the park in the rain",
    "Fish swim in a coral reef",
)
FRAMES: Final = 61
"""Two seconds: 31 frames that are given to the filter, and 30 between them."""

CLIP_FRAMES, CLIP_FPS, OUTPUT_FPS = 81, 16, 30
SIZE: Final = (832, 480)
LARGE: Final = (1280, 720)
Pixels = npt.NDArray[np.uint8]


def run(_folder: Path) -> Result:
    """Measure the held out frames of all prompts, and then the seconds of a clip of each size."""
    ours: list[float] = []
    blended: list[float] = []
    repeated: list[float] = []
    for prompt in PROMPTS:
        drawn = draw(Generation(MODEL, prompt, "", *SIZE, FRAMES, OUTPUT_FPS, seed=7))
        kept, held = drawn[::2], drawn[1::2]
        ours.append(_mean(_between(kept), held))
        blended.append(_mean([_blend(before, after) for before, after in pairwise(kept)], held))
        repeated.append(_mean(kept, held))
    return Result(
        "interpolation",
        {
            "psnr_db": round(fmean(ours), 2),
            "psnr_db_blended": round(fmean(blended), 2),
            "psnr_db_repeated": round(fmean(repeated), 2),
            "least_psnr_db": round(min(ours), 2),
            "least_psnr_db_blended": round(min(blended), 2),
            "least_psnr_db_repeated": round(min(repeated), 2),
            "gain_db": round(fmean(ours) - fmean(blended), 2),
            "least_gain_db": round(min(own - other for own, other in zip(ours, blended, strict=True)), 2),
            "each_psnr_db": [round(each, 2) for each in ours],
            **_seconds(SIZE),
            **_seconds(LARGE),
        },
        [Target("gain_db", ">=", 3)],
    )


def draw(generation: Generation) -> list[Pixels]:
    """All frames of the generation by the preview engine, in red, green and blue."""
    engine = AnimaticEngine()
    engine.load(generation.model)
    clip = engine.generate(generation, lambda _: None)
    assert not clip.scaled, "where the camera zooms, it draws frames of many sizes"
    return [np.array(frame)[:, :, :3].copy() for frame in clip.frames]


def _interpolated(drawn: Sequence[Pixels], fps: int, output_fps: int) -> Iterator[Frame]:
    height, width, _ = drawn[0].shape
    asked = Generation(MODEL, "a clip", "", width, height, len(drawn), fps, seed=1)
    output = replace(asked, frames=frames_after(len(drawn), fps, output_fps), fps=output_fps)
    yield from interpolate((each.data for each in drawn), asked, output, lambda: None)


def _between(kept: Sequence[Pixels]) -> list[Pixels]:
    """The frame between each of these and the next one."""
    return [np.array(frame) for frame in _interpolated(kept, OUTPUT_FPS // 2, OUTPUT_FPS)][1::2]


def _blend(before: Pixels, after: Pixels) -> Pixels:
    return ((before.astype(np.uint16) + after + 1) // 2).astype(np.uint8)


def _mean(made: Sequence[Pixels], held: Sequence[Pixels]) -> float:
    """The mean PSNR of as many frames as were held out, in decibels."""
    return fmean(psnr(one, other) for one, other in zip(made, held, strict=False))


def psnr(one: Pixels, other: Pixels) -> float:
    """In decibels; at most 78."""
    error = float(np.mean((one.astype(np.float32) - other) ** 2))
    return 10 * math.log10(255**2 / max(error, 1e-3))


def _seconds(size: tuple[int, int]) -> dict[str, float]:
    """How long the frames of a clip of five seconds take, and how much CPU, without drawing and encoding them."""
    drawn = draw(Generation(MODEL, PROMPTS[0], "", *size, CLIP_FRAMES, CLIP_FPS, seed=7))
    begun, cpu = time.perf_counter(), time.process_time()
    count = sum(1 for _ in _interpolated(drawn, CLIP_FPS, OUTPUT_FPS))
    assert count == frames_after(CLIP_FRAMES, CLIP_FPS, OUTPUT_FPS)
    name = "{}x{}".format(*size)
    took = {"clip_s": time.perf_counter() - begun, "clip_cpu_s": time.process_time() - cpu}
    return {f"{figure}_{name}": round(seconds, 1) for figure, seconds in took.items()}
