"""How each size is generated: as requested up to the trained size, scaled or cut above it, always in steps of 16."""

import pytest

from wanserve.domain.catalogue import MODELS, TIER_1080P, Size
from wanserve.models.framing import STEP, framing_for
from wanserve.models.sampling import LargeSizes

SIZES = sorted({size for card in MODELS.values() for size in card.sizes})


@pytest.mark.parametrize("large_sizes", list(LargeSizes))
@pytest.mark.parametrize("size", SIZES)
def test_every_size_of_the_catalogue_can_be_drawn(size: Size, large_sizes: LargeSizes) -> None:
    made = framing_for(size, large_sizes)
    assert made.requested == size
    assert made.width % STEP == made.height % STEP == 0
    assert 0 <= made.width - made.cut_width < STEP
    assert 0 <= made.height - made.cut_height < STEP
    if size not in TIER_1080P:
        assert (made.width, made.height) == size
        assert made.description == "native"


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((1920, 1080), (1280, 720)),
        ((1080, 1920), (720, 1280)),
        ((1440, 1440), (960, 960)),
        ((1632, 1248), (1088, 832)),
        ((1248, 1632), (832, 1088)),
    ],
)
def test_large_sizes_are_scaled_by_one_and_a_half(size: Size, drawn: Size) -> None:
    made = framing_for(size, LargeSizes.SCALE)
    assert (made.width, made.height) == (made.cut_width, made.cut_height) == drawn
    assert made.description == "drawn at {}*{}, scaled to {}*{}".format(*drawn, *size)


def test_native_1080p_is_drawn_eight_rows_too_high_and_cut() -> None:
    made = framing_for((1920, 1080), LargeSizes.NATIVE)
    assert (made.width, made.height, made.cut_width, made.cut_height) == (1920, 1088, 1920, 1080)
    assert made.description == "drawn at 1920*1088, cut to 1920*1080"
    assert framing_for((1440, 1440), LargeSizes.NATIVE).description == "native"
