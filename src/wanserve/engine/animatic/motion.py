"""Computes the motion of the subjects: position, lean, stretch and swing of the legs at each time. Pure.

Lengths are pixels, times seconds, angles radians.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from wanserve.engine.animatic.actor import OF_THE_BODY, TRAVELLING, Actor, MotionContext, Pose
from wanserve.engine.animatic.camera import eased
from wanserve.engine.animatic.gait import gait, steps
from wanserve.engine.animatic.scene import Motion, Rig

TAU = math.tau


def pose(actor: Actor, context: MotionContext, t: float, carrier: Pose | None = None) -> Pose:
    """The actor's pose at time t of the clip; `carrier` is the pose of the actor that carries it."""
    if carrier is not None:
        return _carried(actor, context, t, carrier)
    x = actor.x + actor.velocity * min(t, actor.until) - context.scroll(t)
    if t > actor.until:
        return pose(
            replace(actor, motion=Motion.STAND, x=x + context.scroll(t), velocity=0.0, until=math.inf), context, t
        )
    rest = Pose(x, context.ground + actor.row - actor.raised, max(0.0, actor.raised), facing=actor.facing)
    if actor.person is not None and actor.motion in OF_THE_BODY:
        return replace(rest, step=steps(actor, t))
    return MOVES[actor.motion](actor, context, t, rest)


def _carried(actor: Actor, context: MotionContext, t: float, carrier: Pose) -> Pose:
    """The pose of an actor on another one: it goes where that goes, and moves a little by itself."""
    dx, up = actor.offset
    x = carrier.x + dx * carrier.facing * carrier.wide
    rest = Pose(x, carrier.y - up * carrier.tall, carrier.lift, carrier.turn, facing=actor.facing)
    if actor.motion in TRAVELLING or actor.motion is Motion.FALL:
        return replace(rest, tall=1 + 0.01 * math.sin(TAU * t / 2.2), step=carrier.step)
    own = MOVES[actor.motion](actor, replace(context, ground=rest.y), t, rest)
    return replace(own, turn=own.turn + carrier.turn, lift=own.lift + carrier.lift)


def _travel(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Run, walk or crawl: the steps go with the distance."""
    if actor.subject.rig is Rig.TALL:
        return _stand(actor, context, t, rest)
    strength = {Motion.RUN: 1.0, Motion.WALK: 0.42}.get(actor.motion, 0.25)
    sway = 0.012 * context.geometry.width * math.sin(TAU * (t / 3.1 + actor.phase))
    return gait(actor, steps(actor, t), replace(rest, x=rest.x + sway), strength)


def _glide(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Skate, ride or row: smoothly, with a little sway from side to side."""
    sway = math.sin(TAU * (t / 1.9 + actor.phase))
    return replace(rest, lean=0.05 + 0.03 * sway, turn=0.02 * sway, swing=sway, step=t * 1.2 + actor.phase)


def _climb(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Climb upwards hand over hand, resting a moment after each pull."""
    pulls = t / 0.9 + actor.phase
    done = math.floor(pulls) + eased((pulls % 1.0) * 1.4)
    room = min(0.45 * context.geometry.frame, _ceiling(actor, context))
    rise = room * min(1.0, 0.15 + done * 0.9 / max(1.0, context.seconds))
    return replace(
        rest,
        y=rest.y - rise,
        lift=rise,
        turn=0.05 * math.sin(math.pi * pulls),
        swing=math.sin(math.pi * pulls),
        step=pulls,
    )


def _sit(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Sit: breathe, and look round now and then."""
    own = _stand(actor, context, t, rest)
    return own if actor.person is not None else replace(own, tall=own.tall * 0.93, wide=own.wide * 1.03)


def _lie(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Lie: only slow breath moves it. What is no person is lower and broader."""
    breath = math.sin(TAU * (t / 3.4 + actor.phase))
    low = 1.0 if actor.person is not None else 0.78
    return replace(rest, tall=low * (1 + 0.02 * breath), wide=(2 - low) * (1 - 0.008 * breath))


def _jump(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Jump repeatedly: a crouch, a leap, a squashed landing."""
    if actor.subject.rig is Rig.TALL:
        return _stand(actor, context, t, rest)
    beat = (t / 1.15 + actor.phase) % 1.0
    if beat < 0.24:
        crouch = 0.2 * math.sin(math.pi * beat / 0.24)
        return replace(rest, tall=1 - crouch, wide=1 + 0.7 * crouch, step=math.floor(t / 1.15 + actor.phase))
    air = (beat - 0.24) / 0.76
    rise = 4 * air * (1 - air)
    lift = min(0.28 * context.geometry.unit + 0.25 * actor.size, _ceiling(actor, context)) * rise
    speed = 1 - 2 * air
    return replace(
        rest,
        x=rest.x + 0.03 * context.geometry.width * math.sin(TAU * (t / 4.6 + actor.phase)),
        y=rest.y - lift,
        lift=lift,
        tall=1 + 0.09 * abs(speed) * rise,
        wide=1 - 0.06 * abs(speed) * rise,
        turn=-0.13 * speed * -actor.facing * min(1.0, rise * 3),
        swing=0.7 * speed,
        step=math.floor(t / 1.15 + actor.phase),
    )


def _fly(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Fly and bob; rise or sink during the clip where the prompt says so."""
    geo = context.geometry
    part = eased(t / max(0.1, context.seconds))
    level = context.aloft + {-1: 0.5 * part - 0.26, 0: 0.0, 1: 0.24 - 0.5 * part}[actor.direction[1]]
    bob = 0.035 * math.sin(TAU * (t / 2.3 + actor.phase)) + 0.012 * math.sin(TAU * (t / 0.9 + actor.phase))
    lift = min(max(0.02, level + bob) * geo.unit, _ceiling(actor, context))
    climb = math.cos(TAU * (t / 2.3 + actor.phase)) * 0.07 + 0.12 * actor.direction[1] * -1
    wings = math.sin(TAU * t * _flap_rate(actor))
    return replace(
        rest,
        y=rest.y - lift,
        lift=lift,
        turn=-climb * actor.facing * -1 * 0.6,
        lean=0.08,
        swing=wings,
        tall=1 + 0.02 * wings,
        step=0.0,
    )


def _ceiling(actor: Actor, context: MotionContext) -> float:
    """The highest lift at which the actor's head is still in the frame."""
    return max(0.0, context.ground - 1.06 * actor.size)


def _flap_rate(actor: Actor) -> float:
    return {Rig.WINGS: 3.4, Rig.BIRD: 2.2}.get(actor.subject.rig, 0.8)


def _swim(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Swim through the water, with a wave through the body; boats float on it."""
    geo = context.geometry
    if actor.subject.rig is Rig.BOAT:
        heave = 0.012 * geo.unit * math.sin(TAU * (t / 2.1 + actor.phase))
        return replace(rest, y=rest.y + heave, turn=0.045 * math.sin(TAU * (t / 2.7 + actor.phase)), swing=0.0)
    if actor.raised < 0:
        return _paddle(actor, context, t, rest)
    bob = 0.05 * math.sin(TAU * (t / 2.9 + actor.phase))
    lift = (0.2 + bob) * geo.unit + 0.04 * geo.unit * math.sin(TAU * actor.phase * 3)
    wave = TAU * (t * 1.7 + actor.phase)
    return replace(
        rest,
        y=rest.y - lift,
        lift=lift,
        swing=math.sin(wave),
        wide=1 + 0.025 * math.sin(wave + 1),
        turn=0.07 * math.cos(TAU * (t / 2.9 + actor.phase)) * -actor.facing,
    )


def _paddle(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Swim at the surface, half in the water: a bob with the waves and a nod with each stroke."""
    heave = 0.014 * context.geometry.unit * math.sin(TAU * (t / 2.3 + actor.phase))
    stroke = math.sin(TAU * (t / 1.1 + actor.phase))
    return replace(rest, y=rest.y + heave, lift=0.0, turn=0.035 * stroke, swing=stroke, step=t / 1.1 + actor.phase)


def _fall(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Tumble down from above, bounce and come to rest, every 3.5 seconds."""
    geo = context.geometry
    cycle = (t + 0.25 * actor.phase) % 3.5
    down = cycle / 1.7
    height = context.ground - 0.78 * actor.size
    if down < 1:
        lift = height * (1 - (0.3 * down + 0.7 * down * down))
        return replace(
            rest,
            y=rest.y - lift,
            lift=lift,
            turn=TAU * down * actor.facing * -1,
            tall=1.06,
            wide=0.96,
            swing=math.sin(TAU * 2.5 * down),
        )
    late = cycle - 1.7
    fade = math.exp(-3.2 * late)
    hop = abs(math.sin(math.pi * late / 0.48)) * fade
    squash = 0.3 * math.exp(-9 * late) + 0.1 * fade * max(0.0, math.cos(TAU * late / 0.48))
    lift = 0.16 * geo.unit * hop
    return replace(rest, y=rest.y - lift, lift=lift, tall=1 - squash, wide=1 + 0.8 * squash, step=1.0)


def _spin(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Spin about the middle, a little over the ground."""
    turns = t / 1.9 + 0.06 * math.sin(TAU * t / 1.9)
    lift = 0.05 * context.geometry.unit * (1 + math.sin(TAU * (t / 2.4 + actor.phase)))
    return replace(
        rest, y=rest.y - lift, lift=lift, turn=TAU * turns * (-actor.facing or 1), swing=0.2 * math.sin(TAU * t)
    )


def _grow(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Grow from small to large in soft surges."""
    part = min(1.0, t / max(0.1, 0.86 * context.seconds))
    surge = 0.025 * math.sin(TAU * t / 0.9) * (1 - part)
    size = 0.34 + 0.96 * eased(part) + surge
    return replace(rest, wide=size - surge, tall=size + surge, turn=0.02 * math.sin(TAU * t / 1.8))


def _float(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Hover, with a slow bob and drift; rise or sink where the prompt says so."""
    geo = context.geometry
    part = eased(t / max(0.1, context.seconds))
    level = 0.62 * context.aloft + {-1: 0.44 * part - 0.1, 0: 0.0, 1: 0.3 - 0.42 * part}[actor.direction[1]]
    bob = 0.04 * math.sin(TAU * (t / 3.4 + actor.phase))
    lift = min(max(0.01, level + bob) * geo.unit, _ceiling(actor, context))
    pulse = math.sin(TAU * (t / 1.7 + actor.phase))
    x = (
        rest.x
        + 0.035 * geo.width * math.sin(TAU * (t / 6.3 + actor.phase))
        + 0.1 * geo.width * actor.direction[0] * (part - 0.5)
    )
    return replace(
        rest,
        x=x,
        y=rest.y - lift,
        lift=lift,
        turn=0.09 * math.sin(TAU * (t / 4.1 + actor.phase)),
        wide=1 + 0.02 * pulse,
        tall=1 - 0.02 * pulse,
        swing=0.5 * pulse,
    )


def _stand(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Breathe, and shift the weight now and then; trees and houses only sway."""
    breath = math.sin(TAU * (t / 2.2 + actor.phase))
    if actor.subject.rig is Rig.TALL:
        return replace(rest, x=rest.x, lean=0.006 * breath)
    nod = max(0.0, math.sin(TAU * (t / 3.7 + actor.phase))) ** 6
    return replace(
        rest,
        x=rest.x,
        tall=1 + 0.018 * breath,
        wide=1 - 0.012 * breath,
        lean=0.03 * math.sin(TAU * (t / 4.3 + actor.phase)),
        turn=-0.05 * nod * actor.facing,
    )


def _dance(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Dance: two hops to the left, two to the right, arms in the air."""
    beat = t * 1.9 + actor.phase
    hop = abs(math.sin(math.pi * beat))
    side = math.sin(TAU * beat / 4)
    squash = 0.09 * (1 - hop) ** 3
    lift = 0.05 * context.geometry.unit * hop
    return replace(
        rest,
        x=rest.x + 0.035 * context.geometry.width * side,
        y=rest.y - lift,
        lift=lift,
        lean=0.12 * side,
        turn=0.14 * math.sin(TAU * beat / 2),
        tall=1 + 0.03 * hop - squash,
        wide=1 - 0.02 * hop + squash,
        swing=math.sin(TAU * beat / 2),
        facing=actor.facing if math.sin(TAU * beat / 8) >= 0 else -actor.facing,
        step=math.floor(beat),
    )


Move = Callable[[Actor, MotionContext, float, Pose], Pose]
MOVES: Mapping[Motion, Move] = {
    Motion.RUN: _travel,
    Motion.WALK: _travel,
    Motion.JUMP: _jump,
    Motion.FLY: _fly,
    Motion.SWIM: _swim,
    Motion.FALL: _fall,
    Motion.SPIN: _spin,
    Motion.GROW: _grow,
    Motion.FLOAT: _float,
    Motion.STAND: _stand,
    Motion.DANCE: _dance,
    Motion.SIT: _sit,
    Motion.KNEEL: _sit,
    Motion.SQUAT: _sit,
    Motion.LIE: _lie,
    Motion.CRAWL: _travel,
    Motion.CLIMB: _climb,
    Motion.SKATE: _glide,
    Motion.RIDE: _glide,
    Motion.ROW: _glide,
}
