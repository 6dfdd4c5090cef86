"""Computes the motion of the subjects: position, lean, stretch and swing of the legs at each time. Pure.

Lengths are pixels, times seconds, angles radians. A gait advances with the distance travelled, so feet do not slide.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from wanserve.engine.animatic.camera import Camera, eased
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scene import Motion, Person, Rig, Subject

TAU = math.tau
STRIDE = {Motion.RUN: 1.15, Motion.WALK: 0.55, Motion.CRAWL: 0.4}
"""The length of one whole step, as a multiple of the subject's height."""

PACE = {Motion.RUN: 1.75, Motion.WALK: 1.05}
"""Whole steps a second of a subject that is 0.4 units tall. Smaller subjects step faster."""

ROLLERS = frozenset({Rig.WHEELS, Rig.GLIDE, Rig.BOAT, Rig.CRAFT})
STEPPING = frozenset({Motion.RUN, Motion.WALK, Motion.CRAWL})
TRAVELLING = STEPPING | {Motion.FLY, Motion.SWIM, Motion.SKATE, Motion.RIDE, Motion.ROW}
"""The motions that lead somewhere."""


OF_THE_BODY = STEPPING | {
    Motion.STAND, Motion.SIT, Motion.LIE, Motion.KNEEL, Motion.SQUAT, Motion.JUMP, Motion.DANCE, Motion.SKATE,
}  # fmt: skip
"""The motions that a person's own joints show; of the pose they need only the place and the steps."""


@dataclass(frozen=True, slots=True)
class Actor:
    """One subject in the clip: its height, its first x, and its offset in periodic motions (`phase`, 0 to 1).

    `velocity` is its speed over the ground in pixels a second, negative to the left. `row` is how far its feet are in
    front of the ground line, in pixels; negative is further back. `raised` is how high it hangs or stands over it.
    `base` is the index of the actor that carries it, `offset` where on that one its feet are: (x in the direction in
    which the carrier looks, height), in pixels.
    """

    subject: Subject
    motion: Motion
    size: float
    x: float
    facing: int
    phase: float
    direction: tuple[int, int] = (0, 0)
    lead: int = 0
    color: str = ""
    velocity: float = 0.0
    until: float = math.inf
    """Seconds after which it has arrived and stands still."""
    row: float = 0.0
    raised: float = 0.0
    base: int | None = None
    offset: tuple[float, float] = (0.0, 0.0)
    behind_base: bool = False
    person: Person | None = None
    action: str = ""
    holds: Subject | None = None
    art: str = ""
    look: int = 0
    """Which of many looks a person has: the seed of it."""


@dataclass(frozen=True, slots=True)
class Pose:
    """The position and pose of an actor.

    (x, y) is the middle of its feet on the screen, `lift` their height over the ground. `turn` rotates the actor about
    its middle, `lean` shears its head forward by a fraction of its height, `wide` and `tall` stretch it. `swing` is the
    position of legs, tail or wings in their cycle, -1 to 1. `step` counts gait cycles, for the dust at each footfall.
    """

    x: float
    y: float
    lift: float = 0.0
    turn: float = 0.0
    lean: float = 0.0
    wide: float = 1.0
    tall: float = 1.0
    swing: float = 0.0
    step: float = 0.0
    facing: int = -1


@dataclass(frozen=True, slots=True)
class MotionContext:
    """What all motions depend on: the frame, the clip's length, the camera, the y of the ground.

    `aloft` is the height of flying subjects over the ground, in units.
    """

    geometry: Geometry
    camera: Camera
    ground: float
    aloft: float = 0.36

    @property
    def seconds(self) -> float:
        """The length of the clip."""
        return self.camera.seconds

    @property
    def speed(self) -> float:
        """The camera's speed over the ground, without its direction."""
        return abs(self.camera.follow)

    def scroll(self, t: float) -> float:
        """How far the ground has moved to the left at time t."""
        return self.camera.scroll(t)


def pace_of(actor: Actor, geometry: Geometry) -> float:
    """The actor's own speed over the ground, in pixels a second; 0 where it stays."""
    motion, rig = actor.motion, actor.subject.rig
    if motion not in TRAVELLING or rig is Rig.TALL or (actor.direction[1] and not actor.direction[0]):
        return 0.0
    if motion in STEPPING and rig not in ROLLERS:
        stride = STRIDE.get(motion, 0.3) * actor.size
        return stride * pace(actor, geometry)
    return {Motion.RUN: 0.5, Motion.SKATE: 0.34, Motion.RIDE: 0.3, Motion.FLY: 0.24, Motion.SWIM: 0.13}.get(
        motion, 0.14
    ) * geometry.width


def pace(actor: Actor, geometry: Geometry) -> float:
    """Whole steps a second."""
    size = max(0.1, actor.size / geometry.unit)
    return PACE.get(actor.motion, 1.0) * min(1.5, max(0.75, math.pow(0.4 / size, 0.4)))


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
        return replace(rest, step=_steps(actor, t))
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


def gait(actor: Actor, step: float, rest: Pose, strength: float) -> Pose:
    """The pose at gait cycle `step`, as the actor's rig walks. `strength` is 1 for a run."""
    angle = TAU * step
    bounce = abs(math.sin(angle))
    size, rig = actor.size, actor.subject.rig
    if rig in (Rig.HOP, Rig.BALL, Rig.THING, Rig.BIRD):
        return _hop(actor, step, rest, strength)
    if rig in ROLLERS:
        rumble = 0.004 * math.sin(angle * 5) + 0.003 * math.sin(angle * 8.3)
        return replace(rest, y=rest.y - size * abs(rumble), tall=1 + rumble, lean=-0.02 * strength, step=step)
    if rig is Rig.CRAWL:
        reach = 0.07 * math.sin(angle)
        return replace(rest, wide=1 + reach, tall=1 - reach * 0.6, turn=0.02 * math.sin(angle), step=step)
    if rig is Rig.WADDLE:
        lift = 0.05 * size * bounce
        return replace(rest, y=rest.y - lift, lift=lift, turn=0.1 * math.sin(angle), swing=math.sin(angle), step=step)
    rock = 0.085 if rig is Rig.GALLOP else 0.035
    lift = size * strength * (0.11 if rig is Rig.GALLOP else 0.045) * bounce
    return replace(
        rest,
        y=rest.y - lift,
        lift=lift,
        turn=rock * strength * math.sin(angle + 0.6) * actor.facing,
        lean=0.05 * strength * strength,
        tall=1 + 0.035 * strength * (bounce - 0.5),
        wide=1 - 0.03 * strength * (bounce - 0.5),
        swing=math.sin(angle) * (0.45 + 0.55 * strength),
        step=step,
    )


def _hop(actor: Actor, step: float, rest: Pose, strength: float) -> Pose:
    """Hop in arcs; the actor is squashed at each landing."""
    part = step % 1.0
    air = max(0.0, math.sin(math.pi * part))
    land = max(0.0, 1 - min(part, 1 - part) * 7)
    lift = actor.size * air * (0.12 + 0.3 * strength)
    roll = (
        TAU * step / 2 * actor.facing
        if actor.subject.rig is Rig.BALL
        else 0.12 * math.cos(math.pi * part) * -actor.facing
    )
    stretch = 0.06 * air * strength - 0.13 * land
    if actor.subject.rig is Rig.BALL:
        stretch = 0.0
    return replace(rest, y=rest.y - lift, lift=lift, turn=roll, tall=1 + stretch, wide=1 - 0.8 * stretch, step=step)


def _travel(actor: Actor, context: MotionContext, t: float, rest: Pose) -> Pose:
    """Run, walk or crawl: the steps go with the distance."""
    if actor.subject.rig is Rig.TALL:
        return _stand(actor, context, t, rest)
    strength = {Motion.RUN: 1.0, Motion.WALK: 0.42}.get(actor.motion, 0.25)
    sway = 0.012 * context.geometry.width * math.sin(TAU * (t / 3.1 + actor.phase))
    return gait(actor, _steps(actor, t), replace(rest, x=rest.x + sway), strength)


def _steps(actor: Actor, t: float) -> float:
    """How many whole steps the actor has taken: as many as its way is strides long, but no more than legs can."""
    stride = STRIDE.get(actor.motion, 0.5) * actor.size * (0.8 if actor.subject.rig in ROLLERS else 1.0)
    return min(abs(actor.velocity) * t / stride, 3.2 * t) + actor.phase


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
