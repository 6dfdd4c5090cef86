"""Large videos: generated at two thirds of the size and scaled, or at the next multiple of 16 and cut."""

from dataclasses import replace

import pytest

from tests.unit.wan.engines import PLUS, SMALL, ignore_progress, loaded_engine, pictures, tiny_card
from wanserve.domain.catalogue import Size
from wanserve.models.sampling import LargeSizes


@pytest.mark.parametrize(
    ("large_sizes", "drawn", "how"),
    [
        (LargeSizes.SCALE, (1280, 720), "drawn at 1280*720, scaled to 1920*1080"),
        (LargeSizes.NATIVE, (1920, 1080), "drawn at 1920*1088, cut to 1920*1080"),
    ],
)
def test_1080p_is_made_as_the_setting_says(large_sizes: LargeSizes, drawn: Size, how: str) -> None:
    engine = loaded_engine(tiny_card(PLUS, steps=1, large_sizes=large_sizes))
    clip = engine.generate(replace(SMALL, model=PLUS, width=1920, height=1080, frames=1), ignore_progress)
    frames = pictures(clip)
    assert clip.size == drawn
    assert frames.shape == (1, drawn[1], drawn[0], 3)
    assert list(clip.notes) == [how]
    assert clip.how == f"profile exact, 1 step, {how}"


def test_a_size_that_is_drawn_as_asked_has_no_note() -> None:
    clip = loaded_engine(tiny_card(PLUS, steps=1)).generate(replace(SMALL, model=PLUS, frames=1), ignore_progress)
    assert (list(clip.notes), clip.size) == ([], (96, 64))
