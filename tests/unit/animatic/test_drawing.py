"""The pure parts of drawing: colours, transforms, paths, weather that covers the frame at all times."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import (
    Affine,
    FilledPath,
    Path,
    Radial,
    Sticker,
    glow,
    rotation,
    scaling,
    shear,
    translation,
)
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scene import Weather
from wanserve.engine.animatic.scenery.elements import height_at
from wanserve.engine.animatic.weather import bubbles, flashes, fog, particle_layers

CHANNEL = st.integers(0, 255)
COLORS = st.builds(Color, CHANNEL, CHANNEL, CHANNEL, CHANNEL)
NUMBER = st.floats(-1000, 1000)


@settings(deadline=None)
@given(COLORS, COLORS, st.floats(0, 1), st.floats(0, 3), st.floats(-360, 360))
def test_every_colour_made_of_colours_is_a_colour(
    one: Color, other: Color, part: float, factor: float, hue: float
) -> None:
    for made in (
        one.mixed(other, part),
        one.times(other),
        one.brightened(factor),
        one.hue_shifted(hue),
        one.alpha(part),
    ):
        assert all(0 <= channel <= 255 for channel in made)
    assert one.mixed(other, part).a == one.a


def test_colours_are_read_and_written_as_svg_has_them() -> None:
    assert rgb("#fa0") == rgb("#ffaa00") == Color(255, 170, 0)
    assert Color(255, 170, 0).hex == "#ffaa00"
    assert WHITE.times(rgb("#123456")) == rgb("#123456")
    assert BLACK.mixed(WHITE, 0.5) == Color(128, 128, 128)


@settings(deadline=None)
@given(NUMBER, NUMBER)
def test_places_go_one_after_the_other(x: float, y: float) -> None:
    where = scaling(2, 3).then(translation(10, 20))
    assert where.at(x, y) == pytest.approx((2 * x + 10, 3 * y + 20))
    assert rotation(1.0).then(rotation(-1.0)).at(x, y) == pytest.approx((x, y), abs=1e-6)
    assert shear(0.5).at(x, 2) == pytest.approx((x + 1, 2))
    assert Affine().at(x, y) == (x, y)


def test_an_outline_knows_how_wide_it_is() -> None:
    assert Path().span() == (0.0, 0.0)
    assert Path().circle(10, 0, 4).span() == (6, 14)
    assert Path().rect(1, 2, 3, 4).add(Path().rect(0, 0, 1, 1), 20).span() == (1, 21)
    assert FilledPath(Path().rect(1, 2, 3, 4), WHITE).span() == (1, 4)
    assert Sticker("cat", 50, 0, 20).span() == (30, 70)


@settings(deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=12), st.floats(-5, 200))
def test_a_ridge_passes_through_its_points(heights: list[float], x: float) -> None:
    line = [(10.0 * i, y) for i, y in enumerate(heights)]
    ridge = Path().ridge(line, 500.0)
    assert set(line) <= set(ridge.points)
    assert min(heights) - 1e-6 <= height_at(line, x) <= max(heights) + 1e-6


def test_a_glow_fades_to_nothing() -> None:
    fill = glow(0, 0, 10, WHITE, 0.5).fill
    assert isinstance(fill, Radial)
    alphas = [stop.color.a for stop in fill.stops]
    assert alphas == sorted(alphas, reverse=True)
    assert alphas[-1] == 0


GEOMETRY = Geometry(640, 360)


@settings(deadline=None)
@given(st.sampled_from(Weather), st.integers(0, 999), st.floats(0, 600), st.floats(-9000, 9000))
def test_falling_things_always_cover_the_frame(weather: Weather, seed: int, t: float, scroll: float) -> None:
    for layer in [*particle_layers(weather, GEOMETRY, random.Random(seed)), *bubbles(GEOMETRY, random.Random(seed))]:
        x, y = layer.place(t, scroll)
        assert -layer.wide <= x <= 0
        assert -layer.tall <= y <= 0
        assert x + 2 * layer.wide >= GEOMETRY.width
        assert y + 2 * layer.tall >= GEOMETRY.height


@pytest.mark.parametrize(
    ("weather", "kinds"),
    [(Weather.CLEAR, 0), (Weather.FOG, 0), (Weather.RAIN, 3), (Weather.SNOW, 4), (Weather.WIND, 3)],
)
def test_each_weather_has_depth(weather: Weather, kinds: int) -> None:
    assert len(particle_layers(weather, GEOMETRY, random.Random(1))) == kinds


def test_fog_lies_before_and_behind_the_subjects() -> None:
    depths = [strip.depth for strip in fog(GEOMETRY, random.Random(1), WHITE)]
    assert min(depths) < 1 < max(depths)


def test_lightning_strikes_again_and_again() -> None:
    strikes = [flash.at for flash in flashes(GEOMETRY, random.Random(1), 10.0)]
    assert len(strikes) >= 4
    assert strikes == sorted(strikes)
    assert strikes[-1] < 10
