"""Styles: each changes the colours in its own way, and keeps light things lighter than dark ones."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.animatic.conftest import Draw
from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.scene import Style
from wanserve.engine.animatic.styles import GRADES, luma, texture

CHANNEL = st.integers(0, 255)
STYLED = [style for style in Style if style is not Style.PLAIN]


@settings(deadline=None)
@given(st.sampled_from(Style), st.builds(Color, CHANNEL, CHANNEL, CHANNEL, CHANNEL))
def test_every_grade_of_a_colour_is_a_colour_of_the_same_alpha(style: Style, color: Color) -> None:
    graded = GRADES[style](color)
    assert all(0 <= channel <= 255 for channel in graded)
    assert abs(graded.a - color.a) <= 1


@pytest.mark.parametrize("style", list(Style))
def test_white_stays_lighter_than_black(style: Style) -> None:
    assert luma(GRADES[style](WHITE)) > luma(GRADES[style](BLACK)) + 60


def test_black_and_white_has_no_hue() -> None:
    r, g, b, _ = GRADES[Style.BLACK_AND_WHITE](rgb("#d04020"))
    assert r == g == b


@pytest.mark.parametrize("style", STYLED)
def test_a_texture_lies_within_the_frame(style: Style) -> None:
    for item in texture(style, 320, 180, random.Random(1)):
        left, right = item.span()
        assert left < 320
        assert right > 0


def test_every_style_makes_another_picture(draw: Draw) -> None:
    words = {
        Style.PLAIN: "a cat",
        Style.WATERCOLOR: "a cat, watercolor",
        Style.OIL: "a cat, oil painting",
        Style.BLACK_AND_WHITE: "a cat, black and white",
        Style.SKETCH: "a cat, pencil sketch",
        Style.ANIME: "a cat, anime style",
        Style.NEON: "a cat, cyberpunk style",
        Style.PIXEL: "a cat, pixel art",
        Style.VINTAGE: "a cat, vintage style",
        Style.PAPER: "a cat, paper cut style",
    }
    pictures = {draw(prompt)[1].pixels for prompt in words.values()}
    assert set(words) == set(Style)
    assert len(pictures) == len(Style)
