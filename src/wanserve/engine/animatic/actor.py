"""Defines the actors of a clip, their poses, and how fast each of them goes. Pure.

Lengths are pixels, times seconds, angles radians.
"""

import math
from dataclasses import dataclass

from wanserve.engine.animatic.camera import Camera
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scene import Motion, Person, Rig, Subject

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


ALWAYS = (0.0, math.inf)


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
    held: tuple[float, float] = ALWAYS
    """From when to when it has in the hand what it holds, as fractions of the clip."""
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
