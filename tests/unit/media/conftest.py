"""Provides a small generation, and frames that all differ."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wanserve.domain.generation import Generation
from wanserve.domain.ports import Frame

Draw = Callable[..., Iterator[Frame]]


@pytest.fixture
def generation() -> Generation:
    """Ten frames of 64x48, a third of a second."""
    return Generation("wan2.2-t2v-plus", "A secret kitten", "", width=64, height=48, frames=10, fps=30, seed=7)


@pytest.fixture
def draw() -> Draw:
    """A function that draws frames: a bar that moves over noise, so that the file is not mostly index."""

    def frames(generation: Generation, count: int | None = None, channels: int = 4) -> Iterator[Frame]:
        width, height = generation.width, generation.height
        for number in range(generation.frames if count is None else count):
            pixels = bytearray()
            for y in range(height):
                for x in range(width):
                    bright = 220 if x // 8 == number % 8 else (x * x * 31 + y * y * 17 + x * y * number) % 97
                    pixels += bytes((bright, bright // 2, 255 - bright, 0)[:channels])
            yield memoryview(pixels).cast("B", (height, width, channels))

    return frames


@pytest.fixture
def open_files() -> Callable[[], list[str]]:
    """A function that lists the files that this process has open."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("this system does not list a process's open files")

    def listed() -> list[str]:
        return sorted(str(entry.readlink()) for entry in descriptors.iterdir() if entry.is_symlink())

    return listed
