"""Motion: every subject stays in the frame, keeps its feet on the ground, and its legs move with its speed."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.motion import Actor, MotionContext, Pose, follow_speed, pose
from wanserve.engine.animatic.storyboard import Motion, Rig, Setting, Subject

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
    subject = Subject("thing", "art", rig, size, Setting.MEADOW)
    return Actor(subject, motion, size * GEOMETRY.unit, GEOMETRY.width / 2, facing, phase, direction)


def context(lead: Actor) -> MotionContext:
    return MotionContext(GEOMETRY, SECONDS, follow_speed(lead, GEOMETRY), lead.facing, GEOMETRY.ground)


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


@pytest.mark.parametrize(("motion", "least"), [(Motion.RUN, 0.2), (Motion.WALK, 0.05)])
def test_the_camera_follows_what_runs_and_walks(motion: Motion, least: float) -> None:
    assert follow_speed(actor(Rig.LEGS, motion), GEOMETRY) > least * GEOMETRY.width


def test_running_is_faster_than_walking() -> None:
    assert follow_speed(actor(Rig.LEGS, Motion.RUN), GEOMETRY) > 2 * follow_speed(
        actor(Rig.LEGS, Motion.WALK), GEOMETRY
    )


def test_houses_do_not_run() -> None:
    house = actor(Rig.TALL, Motion.RUN)
    assert follow_speed(house, GEOMETRY) == 0
    assert {p.lift for p in path(house)} == {0.0}


def test_the_camera_goes_the_way_of_the_actor() -> None:
    assert context(actor(Rig.LEGS, Motion.RUN, facing=-1)).scroll(1.0) < 0
    assert context(actor(Rig.LEGS, Motion.RUN, facing=1)).scroll(1.0) > 0


def test_legs_swing_both_ways_while_running() -> None:
    swings = [p.swing for p in path(actor(Rig.LEGS, Motion.RUN))]
    assert min(swings) < -0.8
    assert max(swings) > 0.8


def test_the_gait_goes_with_the_distance() -> None:
    """The number of steps is the distance divided by the stride, for every size."""
    for size in (0.2, 0.4, 0.6):
        one = actor(Rig.LEGS, Motion.WALK, size)
        steps = path(one)[-1].step - one.phase
        way = context(one).speed * SECONDS * 149 / 150
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
