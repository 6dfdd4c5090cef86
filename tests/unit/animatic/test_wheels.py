"""Wheels turn as far as the way is long, and what is on the water has an image in it."""

import math
import random
from dataclasses import replace

import pytest

from wanserve.engine.animatic.actor import Actor, MotionContext
from wanserve.engine.animatic.art import load_pack
from wanserve.engine.animatic.camera import Camera
from wanserve.engine.animatic.canvas import Canvas, Painter
from wanserve.engine.animatic.cast import Reflection, reflect
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.motion import pose
from wanserve.engine.animatic.moving import cross
from wanserve.engine.animatic.plot.plot import read_scene
from wanserve.engine.animatic.puppet import Puppet
from wanserve.engine.animatic.scene import Motion, Rig
from wanserve.engine.animatic.scenery.elements import Scenery
from wanserve.engine.animatic.scenery.places import build_scenery
from wanserve.engine.animatic.staging import stage
from wanserve.engine.animatic.wheels import REACH, SPOKES, WHEELS, Wheel, spokes
from wanserve.engine.animatic.words.lexicon import Lexicon, load_lexicon

PACK = load_pack()
LEXICON: Lexicon = load_lexicon()


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter(PACK.sticker)


@pytest.mark.parametrize("name", sorted(WHEELS))
def test_a_wheel_lies_within_its_picture_near_the_ground(name: str) -> None:
    left, top, right, bottom = PACK[name].box
    for wheel in WHEELS[name]:
        assert left - 3 <= wheel.x - wheel.r
        assert wheel.x + wheel.r <= right + 3
        assert wheel.y > (top + bottom) / 2
        assert wheel.y + wheel.r <= bottom + 3
        assert wheel.y + wheel.r >= bottom - 8


def test_every_picture_with_wheels_rolls() -> None:
    rigs = {s.art: s.rig for s in LEXICON.subjects.values() if s.art in WHEELS}
    assert set(rigs) == set(WHEELS)
    assert {art for art, rig in rigs.items() if rig is not Rig.WHEELS} == set()


def test_spokes_stay_inside_their_wheel_and_look_the_same_after_a_part_of_a_turn() -> None:
    wheel = Wheel(50, 90, 12)
    path = spokes(wheel)
    assert max(math.hypot(x, y) for x, y in path.points) == pytest.approx(REACH * 12, rel=0.02)
    turn = math.pi / SPOKES
    cos, sin = math.cos(turn), math.sin(turn)
    turned = {(round(x * cos - y * sin, 6) + 0.0, round(x * sin + y * cos, 6) + 0.0) for x, y in path.points}
    assert turned == {(round(x, 6) + 0.0, round(y, 6) + 0.0) for x, y in path.points}


def driven(painter: Painter, prompt: str, time: float) -> bytes:
    """A prompt's first actor alone, drawn in front of nothing, as far as it has come."""
    actors, scenery = cast_of(prompt)
    geometry = Geometry(640, 360)
    context = MotionContext(geometry, Camera(640, 360, 5.0), geometry.ground)
    (actor,) = cross(actors, 0.0, 5.0, 640)
    with Canvas(painter, 640, 360) as canvas:
        puppet = Puppet(canvas, PACK[actor.art], actor, scenery, "")
        moved = pose(actor, context, time)
        # All else stays where it is, so that only the wheels can differ.
        puppet.draw(replace(moved, x=320.0, y=300.0, tall=1.0, wide=1.0, lean=0.0, turn=0.0), context, 0.0)
        return bytes(canvas.draw(clear=True))


def test_wheels_turn_while_it_drives_and_not_while_it_stands(painter: Painter) -> None:
    one, other = (driven(painter, "a car driving to the left in the city", t) for t in (1.0, 1.1))
    different = [i // 4 for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    assert different
    heights = {i // 640 for i in different}
    assert min(heights) > 200, "only the wheels, at the lower edge"
    assert driven(painter, "a parked car in the city", 1.0) == driven(painter, "a parked car on a road", 1.1)


def cast_of(prompt: str) -> tuple[list[Actor], Scenery]:
    geometry = Geometry(640, 360)
    scene = read_scene(LEXICON, prompt)
    scenery = build_scenery(scene, geometry, random.Random(1))
    return stage(scene, scenery, geometry, random.Random(1), PACK), scenery


def mirrored(
    painter: Painter, prompt: str, hidden: frozenset[int] = frozenset(), motion: Motion | None = None
) -> list[str]:
    """The names of those that have an image in the water; all do what `motion` says, if anything."""
    actors, scenery = cast_of(prompt)
    if motion is not None:
        actors = [replace(actor, motion=motion) for actor in actors]
    with Canvas(painter, 640, 360) as canvas:
        images = reflect(canvas, PACK, actors, scenery, hidden)
        assert all(isinstance(image, Reflection) for _, image in images)
        return [actors[index].subject.name for index, _ in images]


def test_what_swims_on_a_lake_has_an_image_in_it(painter: Painter) -> None:
    assert mirrored(painter, "a duck and a sailboat on a lake") == ["duck", "sailboat"]


@pytest.mark.parametrize("time", [0.0, 0.7, 1.9])
def test_an_image_lies_under_the_line_of_the_water_and_is_flatter(painter: Painter, time: float) -> None:
    (duck,), scenery = cast_of("a duck on a lake")
    context = MotionContext(Geometry(640, 360), Camera(640, 360, 5.0), 150.0)
    with Canvas(painter, 640, 360) as canvas:
        ((_, image),) = reflect(canvas, PACK, [duck], scenery, frozenset())
        image.draw(pose(duck, context, time), context, time)
        pixels = bytes(canvas.draw(clear=True))
    rows = {i // 640 for i, alpha in enumerate(pixels[3::4]) if alpha > 8}
    line = 150 - min(0.0, duck.raised)
    assert min(rows) >= line
    assert 0.4 * duck.size < max(rows) - min(rows) < 0.7 * duck.size


@pytest.mark.parametrize("motion", [Motion.FLY, Motion.JUMP])
def test_what_is_over_the_water_has_none(painter: Painter, motion: Motion) -> None:
    assert mirrored(painter, "a duck and a sailboat on a lake", motion=motion) == []


def test_on_land_nothing_has(painter: Painter) -> None:
    assert mirrored(painter, "a cat and a dog in the meadow") == []


def test_a_lead_that_is_hidden_has_no_image_either(painter: Painter) -> None:
    assert mirrored(painter, "a duck and a sailboat on a lake", frozenset({0})) == ["sailboat"]
