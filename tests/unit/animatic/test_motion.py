"""Motion: every subject stays in the frame, keeps its feet on the ground, and its legs move with its speed."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanserve.engine.animatic.actor import Actor, MotionContext, Pose, pace_of
from wanserve.engine.animatic.camera import Camera
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.motion import pose
from wanserve.engine.animatic.scene import Motion, Rig, Shot, Subject

GEOMETRY = Geometry(1920, 1080)
SECONDS = 5.0
HIGHEST = 0.7
"""The tallest subject, in units."""


def actor(
    rig: Rig,
    motion: Motion,
    size: float = 0.4,
    facing: int = -1,
    direction: tuple[int, int] = (0, 0),
    phase: float = 0.3,
) -> Actor:
    subject = Subject("thing", "art", rig, size, "meadow")
    one = Actor(subject, motion, size * GEOMETRY.unit, GEOMETRY.width / 2, facing, phase, direction)
    return replace(one, velocity=pace_of(one, GEOMETRY) * facing)


def context(lead: Actor) -> MotionContext:
    """A camera that follows the actor."""
    return MotionContext(GEOMETRY, Camera(1920, 1080, SECONDS, follow=lead.velocity), GEOMETRY.ground)


def path(lead: Actor, steps: int = 150) -> list[Pose]:
    shared = context(lead)
    return [pose(lead, shared, SECONDS * k / steps) for k in range(steps)]


@settings(deadline=None)
@given(
    rig=st.sampled_from(Rig),
    motion=st.sampled_from(Motion),
    size=st.floats(0.15, HIGHEST),
    facing=st.sampled_from((-1, 1)),
    up=st.sampled_from((-1, 0, 1)),
    phase=st.floats(0, 0.99),
    t=st.floats(0, 30),
)
def test_whatever_moves_stays_in_the_picture(
    rig: Rig, motion: Motion, size: float, facing: int, up: int, phase: float, t: float
) -> None:
    one = actor(rig, motion, size, facing, (0, up), phase)
    found = pose(one, context(one), t)
    middle = found.y - one.size / 2
    assert 0.2 * GEOMETRY.width <= found.x <= 0.8 * GEOMETRY.width
    assert 0 < middle < GEOMETRY.height
    assert found.lift >= 0
    assert 0.2 < found.wide < 1.6
    assert 0.2 < found.tall < 1.6
    assert -1.001 <= found.swing <= 1.001


@pytest.mark.parametrize("rig", list(Rig))
def test_every_gait_has_a_life_of_its_own(rig: Rig) -> None:
    poses = path(actor(rig, Motion.STAND if rig is Rig.TALL else Motion.RUN))
    shapes = {(round(p.turn, 3), round(p.tall, 4), round(p.lean, 3), round(p.lift)) for p in poses}
    assert len(shapes) > 8


def test_a_boat_heaves_on_the_water_and_is_never_in_the_air() -> None:
    poses = path(actor(Rig.BOAT, Motion.SWIM))
    assert {p.lift for p in poses} == {0.0}
    assert len({round(p.turn, 3) for p in poses}) > 20


@pytest.mark.parametrize("motion", list(Motion))
def test_every_motion_moves(motion: Motion) -> None:
    assert (
        len({(round(p.x, 2), round(p.y, 2), round(p.turn, 3), round(p.tall, 3)) for p in path(actor(Rig.LEGS, motion))})
        > 20
    )


@pytest.mark.parametrize(("motion", "least"), [(Motion.RUN, 0.2), (Motion.WALK, 0.05), (Motion.FLY, 0.2)])
def test_what_runs_walks_and_flies_comes_forward(motion: Motion, least: float) -> None:
    assert pace_of(actor(Rig.LEGS, motion), GEOMETRY) > least * GEOMETRY.width


def test_running_is_faster_than_walking() -> None:
    assert pace_of(actor(Rig.LEGS, Motion.RUN), GEOMETRY) > 2 * pace_of(actor(Rig.LEGS, Motion.WALK), GEOMETRY)


def test_houses_do_not_run() -> None:
    house = actor(Rig.TALL, Motion.RUN)
    assert house.velocity == 0
    assert {p.lift for p in path(house)} == {0.0}


def test_who_stands_stays_where_the_ground_is() -> None:
    """The ground moves to the left under a camera that goes to the right, and so does who stands on it."""
    one = actor(Rig.LEGS, Motion.STAND)
    shared = MotionContext(GEOMETRY, Camera(1920, 1080, SECONDS, follow=100.0), GEOMETRY.ground)
    assert pose(one, shared, 2.0).x == pytest.approx(one.x - 200)


def test_what_is_carried_goes_where_its_carrier_goes() -> None:
    horse = actor(Rig.GALLOP, Motion.RUN)
    rider = replace(actor(Rig.WALKER, Motion.RIDE), base=0, offset=(10.0, 200.0))
    for t in (0.0, 0.7, 2.3):
        below = pose(horse, context(horse), t)
        above = pose(rider, context(horse), t, below)
        assert above.y == pytest.approx(below.y - 200 * below.tall)
        assert abs(above.x - below.x) <= 10 * below.wide + 1e-6
        assert above.turn == pytest.approx(below.turn)


def test_legs_swing_both_ways_while_running() -> None:
    swings = [p.swing for p in path(actor(Rig.LEGS, Motion.RUN))]
    assert min(swings) < -0.8
    assert max(swings) > 0.8


def test_the_gait_goes_with_the_distance() -> None:
    """The number of steps is the distance divided by the stride, for every size."""
    for size in (0.2, 0.4, 0.6):
        one = actor(Rig.LEGS, Motion.WALK, size)
        steps = path(one)[-1].step - one.phase
        way = abs(one.velocity) * SECONDS * 149 / 150
        assert steps == pytest.approx(way / (0.55 * one.size))


def test_a_jump_leaves_the_ground_and_squashes_on_landing() -> None:
    poses = path(actor(Rig.LEGS, Motion.JUMP))
    assert max(p.lift for p in poses) > 0.2 * GEOMETRY.unit
    assert min(p.tall for p in poses) < 0.9
    assert min(p.lift for p in poses) == 0


def test_a_fall_starts_high_in_the_picture_and_ends_on_the_ground() -> None:
    poses = path(actor(Rig.LEGS, Motion.FALL, phase=0.0))
    assert poses[0].lift > 0.4 * GEOMETRY.unit
    assert poses[0].y - actor(Rig.LEGS, Motion.FALL).size < 0.1 * GEOMETRY.height
    assert min(p.lift for p in poses) < 0.01 * GEOMETRY.unit


def test_a_spin_turns_all_the_way_round() -> None:
    turns = [p.turn for p in path(actor(Rig.LEGS, Motion.SPIN))]
    assert max(turns) - min(turns) > 2 * math.tau


def test_what_grows_ends_much_larger() -> None:
    poses = path(actor(Rig.THING, Motion.GROW))
    assert poses[-1].tall > 3 * poses[0].tall


@pytest.mark.parametrize(("up", "sign"), [(-1, 1), (1, -1)])
@pytest.mark.parametrize("motion", [Motion.FLY, Motion.FLOAT])
def test_up_and_down_are_heeded(motion: Motion, up: int, sign: int) -> None:
    poses = path(actor(Rig.BIRD, motion, 0.2, direction=(0, up)))
    assert (poses[-1].lift - poses[0].lift) * sign > 0.1 * GEOMETRY.unit


@pytest.mark.parametrize("size", [(1920, 1080), (480, 832), (960, 960), (64, 2048), (2048, 64)])
def test_the_ground_is_in_every_frame(size: tuple[int, int]) -> None:
    geometry = Geometry(*size)
    assert 0 < geometry.horizon < geometry.ground < geometry.height
    assert geometry.period > geometry.width


@pytest.mark.parametrize("shot", list(Shot))
def test_every_shot_shows_ground_and_sky(shot: Shot) -> None:
    geometry = Geometry(1280, 720, shot)
    assert 0.1 * 720 < geometry.horizon < geometry.ground < 720


def test_a_close_up_is_closer_than_a_wide_shot() -> None:
    assert (
        Geometry(1280, 720, Shot.CLOSE_UP).unit
        > 1.5 * Geometry(1280, 720).unit
        > 2 * Geometry(1280, 720, Shot.WIDE).unit
    )
