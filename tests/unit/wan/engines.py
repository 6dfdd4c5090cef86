"""Provides the wan engine on tiny checkpoints, loaded once for all tests, and the stock WanPipeline to compare with."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wanserve.domain.generation import Generation
from wanserve.domain.ports import Clip
from wanserve.engine.wan.library_logging import silence_libraries
from wanserve.models.sampling import WAN_MODELS, Precision, WanModelCard

silence_libraries()

import torch  # noqa: E402 - the libraries are silenced before they are imported

from wanserve.engine.wan.engine import WanEngine  # noqa: E402

# With tensors this small a second thread is no faster, and much slower where the cores are busy.
torch.set_num_threads(1)

ASSETS = Path(__file__).parents[2] / "assets"
TURBO = "wanx2.1-t2v-turbo"
PLUS = "wan2.2-t2v-plus"
WEIGHTS = {TURBO: ASSETS / "tiny-wan", PLUS: ASSETS / "tiny-wan22"}
SMALL = Generation(TURBO, "a cat  &amp; a dog", "", 96, 64, 9, 16, 5)


def tiny_card(model: str = TURBO, **otherwise: Any) -> WanModelCard:
    """The model's card with tiny weights, in fp32 and with few steps. `otherwise` changes further settings."""
    settings: dict[str, Any] = {"weights": str(WEIGHTS[model]), "steps": 4, "precision": Precision.FP32}
    return replace(WAN_MODELS[model], sampling=replace(WAN_MODELS[model].sampling, **(settings | otherwise)))


def loaded_engine(*cards: WanModelCard) -> WanEngine:
    """An engine that has these models, with the first one loaded."""
    engine = WanEngine({card.name: card for card in cards})
    engine.load(cards[0].name)
    return engine


def pictures(clip: Clip) -> NDArray[np.uint8]:
    """Every frame of the clip: (frames, height, width, 3)."""
    return np.stack([np.array(frame) for frame in clip.frames])


def ignore_progress(_: object) -> None:
    """A `report` that does nothing."""


@pytest.fixture(scope="session")
def turbo() -> WanEngine:
    """An engine whose model has one expert."""
    return loaded_engine(tiny_card(TURBO))


@pytest.fixture(scope="session")
def plus() -> WanEngine:
    """An engine whose model has two experts."""
    return loaded_engine(tiny_card(PLUS))


@pytest.fixture(scope="session")
def stock() -> Callable[[str], Any]:
    """Loads the stock WanPipeline with a model's tiny weights, as a user of diffusers does."""
    from diffusers import WanPipeline

    made: dict[str, Any] = {}

    def load(model: str) -> Any:
        if model not in made:
            made[model] = WanPipeline.from_pretrained(WEIGHTS[model], dtype=torch.float32)
            made[model].set_progress_bar_config(disable=True)
        return made[model]

    return load
