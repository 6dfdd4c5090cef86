"""Over many generations the engine keeps no memory of a former one, however each of them ended."""

import ctypes
import gc
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.wan.engines import PLUS, SMALL, TURBO, ignore_progress, loaded_engine, pictures, tiny_card
from wanserve.domain.errors import Canceled
from wanserve.domain.generation import Generation
from wanserve.domain.progress import Progress
from wanserve.engine.wan.engine import WanEngine
from wanserve.models.sampling import Profile

ROUNDS = 50
SIZES = ((96, 64), (64, 48), (48, 112), (128, 64))
GROWTH_MB = 2
"""Fifty clips of nine frames, forgotten as bytes, would be 8 MB; Python's own caches grow by some ten kilobytes."""


class Mallinfo2(ctypes.Structure):
    """glibc's `struct mallinfo2`: see mallinfo(3)."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in [
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        ]
    )


def tensor_bytes() -> int:
    """How much memory all tensors of this process take."""
    gc.collect()
    return bytes_of(each for each in gc.get_objects() if type(each) in (torch.Tensor, torch.nn.Parameter))


def bytes_of(tensors: Iterable[torch.Tensor]) -> int:
    """How much memory the tensors take; the memory that several views share counts once."""
    return sum({each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}.values())


def allocated_mb() -> float:
    """The memory that malloc has handed out and that is not freed: in heaps, and in mappings of its own.

    Not the resident memory of the process, which also holds what the allocator keeps for itself: its heaps of several
    threads grow and shrink by tens of megabytes with nothing forgotten.
    """
    gc.collect()
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = Mallinfo2
    info = mallinfo2()
    return float(info.uordblks + info.hblkhd) / 1e6


def cancel_at(limit: float) -> Any:
    def report(progress: Progress) -> None:
        if progress.fraction >= limit:
            raise Canceled("asked")

    return report


class Broken(Exception):
    """An error that the engine itself never raises."""


def run_one(engine: WanEngine, number: int) -> None:
    """Run one generation. Its number decides how it ends: complete, canceled in a stage, abandoned, or failed."""
    width, height = SIZES[number % len(SIZES)]
    asked = replace(
        SMALL, model=engine._loaded.card.name if engine._loaded else "", width=width, height=height, seed=number
    )
    with suppress(Canceled, Broken):
        generate_and_end(engine, asked, number % 6)
    # Like the child, only after the error is released, whose traceback refers to the frames of the stack.
    engine.clean_up()


def generate_and_end(engine: WanEngine, asked: Generation, how: int) -> None:
    if how == 0:
        assert len(pictures(engine.generate(asked, ignore_progress))) == 9
    elif how == 1:
        # The prompt is not in the cache, so the text encoder runs.
        engine.generate(replace(asked, prompt=f"canceled {asked.seed}"), cancel_at(0.0))
    elif how == 2:
        engine.generate(asked, cancel_at(0.5))
    elif how == 3:
        list(engine.generate(asked, cancel_at(0.95)).frames)
    elif how == 4:
        # As when the video encoder fails, and takes no more frames.
        list(islice(engine.generate(asked, ignore_progress).frames, 3))
    else:
        fail_in_decoder(engine, asked)


def fail_in_decoder(engine: WanEngine, asked: Generation) -> None:
    """Generate with a decoder that raises at its second call."""
    assert engine._loaded is not None
    calls: Iterator[int] = iter(range(100))

    def fail_at_the_second(*_: object) -> None:
        if next(calls) == 1:
            raise Broken

    hook = engine._loaded.pipe.vae.decoder.register_forward_pre_hook(fail_at_the_second)
    try:
        list(engine.generate(asked, ignore_progress).frames)
    finally:
        hook.remove()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc 2.33 or newer counts its memory")
@pytest.mark.parametrize(("model", "profile"), [(TURBO, Profile.EXACT), (PLUS, Profile.BALANCED)])
def test_fifty_generations_of_every_end_leave_nothing(model: str, profile: Profile) -> None:
    engine = loaded_engine(tiny_card(model, profile=profile, steps=6))
    assert engine._loaded is not None
    at_first = tensor_bytes()
    for number in range(12):
        run_one(engine, number)
    before = allocated_mb()
    for number in range(ROUNDS):
        run_one(engine, number)
    # As much as before the first generation, except the embeddings of the prompts, which are meant to stay.
    assert tensor_bytes() - at_first == bytes_of(engine._loaded.prompt_encoder._cache.values())
    assert allocated_mb() - before < GROWTH_MB
    good = replace(SMALL, model=model)
    once = pictures(engine.generate(good, ignore_progress))
    engine.clean_up()
    assert np.array_equal(
        once, pictures(loaded_engine(tiny_card(model, profile=profile, steps=6)).generate(good, ignore_progress))
    )


def test_a_model_that_is_let_go_is_gone() -> None:
    engine = WanEngine({name: tiny_card(name, profile=Profile.BALANCED) for name in (TURBO, PLUS)})
    engine.load(TURBO)
    pictures(engine.generate(SMALL, ignore_progress))
    engine.clean_up()
    before = tensor_bytes()
    for _ in range(3):
        engine.load(PLUS)
        pictures(engine.generate(replace(SMALL, model=PLUS), ignore_progress))
        engine.clean_up()
        engine.load(TURBO)
        pictures(engine.generate(SMALL, ignore_progress))
        engine.clean_up()
    assert tensor_bytes() <= before
