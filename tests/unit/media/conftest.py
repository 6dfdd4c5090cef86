"""Small clips to write and to break: a generation, and pictures whose every frame is another."""

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
    """A maker of frames: a noisy ground (so that the file is not all index) with a bar that moves."""

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
    """What this process holds open, to be compared before and after."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("this system does not list a process's open files")

    def listed() -> list[str]:
        return sorted(str(entry.readlink()) for entry in descriptors.iterdir() if entry.is_symlink())

    return listed
