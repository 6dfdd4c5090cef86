"""Provides the loaded engine, once for all tests, and a function that draws a prompt."""

from collections.abc import Callable

import pytest

from tests.unit.animatic.pictures import Picture
from wanserve.domain.generation import Generation
from wanserve.engine.animatic.engine import AnimaticEngine
from wanserve.engine.animatic.words.lexicon import Lexicon, load_lexicon

Draw = Callable[..., list[Picture]]


@pytest.fixture(scope="session")
def engine() -> AnimaticEngine:
    loaded = AnimaticEngine()
    loaded.load("wan2.2-t2v-plus")
    return loaded


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    return load_lexicon()


@pytest.fixture(scope="session")
def draw(engine: AnimaticEngine) -> Draw:
    """A function that draws a prompt and returns its frames as pictures."""

    def frames(
        prompt: str,
        negative: str = "",
        width: int = 160,
        height: int = 96,
        frames: int = 2,
        fps: int = 8,
        seed: int = 3,
    ) -> list[Picture]:
        asked = Generation("preview", prompt, negative, width, height, frames, fps, seed)
        clip = engine.generate(asked, lambda done: None)
        return [Picture(width, height, bytes(frame)) for frame in clip.frames]

    return frames
