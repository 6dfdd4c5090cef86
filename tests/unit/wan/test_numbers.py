"""Numbers that are none make a black video: they fail the attempt, at the step where they come up."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.wan.engines import SMALL, ignore_progress, loaded_engine, pictures, tiny_card
from wanserve.domain.errors import EngineFailed
from wanserve.domain.progress import Progress, Stage
from wanserve.engine.wan.engine import WanEngine


@pytest.fixture
def engine() -> WanEngine:
    """An engine whose weights a test may break."""
    return loaded_engine(tiny_card())


def broken(engine: WanEngine, part: str, name: str, value: float) -> Any:
    assert engine._loaded is not None
    module, _, last = name.rpartition(".")
    tensor = getattr(getattr(engine._loaded.pipe, part).get_submodule(module), last)
    tensor.data = torch.full_like(tensor.data, value)


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("part", "name", "value", "message"),
    [
        ("transformer", "proj_out.bias", NAN, r"^after step 1 of 4 the latents are infinite or not numbers: another"),
        ("transformer", "proj_out.bias", INFINITY, r"^after step 1 of 4 the latents are infinite or not numbers"),
        # The decoder clamps what is infinite.
        ("vae", "decoder.conv_out.bias", NAN, r"^the decoded pictures are infinite or not numbers"),
        ("text_encoder", "encoder.final_layer_norm.weight", INFINITY, r"^the embeddings of the prompt are infinite"),
    ],
)
def test_they_are_told_by_where_they_come_up(
    engine: WanEngine, part: str, name: str, value: float, message: str
) -> None:
    broken(engine, part, name, value)
    with pytest.raises(EngineFailed, match=message):
        pictures(engine.generate(SMALL, ignore_progress))
    engine.clean_up()


def test_no_further_step_is_computed(engine: WanEngine) -> None:
    broken(engine, "transformer", "proj_out.bias", float("nan"))
    steps: list[int] = []

    def note(progress: Progress) -> None:
        if progress.stage is Stage.DENOISE:
            steps.append(progress.step)

    with pytest.raises(EngineFailed):
        engine.generate(SMALL, note)
    assert set(steps) == {0}


def test_the_next_video_is_not_touched(engine: WanEngine, tmp_path: Path) -> None:
    assert engine._loaded is not None
    transformer = engine._loaded.pipe.transformer
    expected = pictures(engine.generate(SMALL, ignore_progress))
    whole = transformer.proj_out.bias.data.clone()
    broken(engine, "transformer", "proj_out.bias", float("nan"))
    with pytest.raises(EngineFailed):
        engine.generate(SMALL, ignore_progress)
    engine.clean_up()
    transformer.proj_out.bias.data = whole
    assert (pictures(engine.generate(SMALL, ignore_progress)) == expected).all()
