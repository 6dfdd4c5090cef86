"""Defines the elements of a scenery: a still sky, strips that the camera passes, and small moving shapes."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from wanserve.engine.animatic.art import Light
from wanserve.engine.animatic.color import Color
from wanserve.engine.animatic.drawing import Fill, FilledPath, Item, Path, Point
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scene import Time

GLINT = Color(255, 255, 255, 150)


@dataclass
class ScrollingStrip:
    """A parallax layer from y = `top` to `bottom`, one period wide, which repeats sideways.

    `depth` is its speed as a multiple of the ground's: 0 stands still, 1 moves with the ground, more is nearer than the
    subjects. `drift` is an additional speed, in widths a second. From y = `solid` down it hides everything behind it.
    """

    depth: float
    top: float
    bottom: float
    items: list[Item] = field(default_factory=list)
    drift: float = 0.0
    solid: float = math.inf


@dataclass(frozen=True, slots=True)
class Star:
    """A star that twinkles: its position, its radius, and when in its period it is brightest, 0.0 to 1.0."""

    x: float
    y: float
    r: float
    phase: float


@dataclass(frozen=True)
class SwayingShape:
    """A shape that swings about (x, y): weeds, rays of light. `swing` is in radians, `pace` in periods a second."""

    shape: FilledPath
    x: float
    y: float
    swing: float
    pace: float
    phase: float
    depth: float = 1.0


@dataclass(frozen=True, slots=True)
class Glint:
    """A streak of light on water that grows and shrinks."""

    x: float
    y: float
    length: float
    phase: float


@dataclass(frozen=True)
class ParticleLayer:
    """Many particles of one kind at one distance: their path, their fill, and their speed in pixels a second.

    `sway` is how far they swing sideways, `depth` how much the camera's motion shifts them, as for a strip.
    """

    path: Path
    fill: Fill
    wide: float
    tall: float
    speed: Point
    sway: float = 0.0
    depth: float = 0.5

    def place(self, t: float, scroll: float) -> Point:
        """The upper left corner at time t."""
        x = self.speed[0] * t + self.sway * math.sin(math.tau * t / 3.3 + self.depth * 9) - scroll * self.depth
        return x % self.wide - self.wide, self.speed[1] * t % self.tall - self.tall


@dataclass
class Scenery:
    """Everything that is drawn of a place. Strips are in order from far to near."""

    light: Light
    rim: Color | None
    base: list[Item] = field(default_factory=list)
    strips: list[ScrollingStrip] = field(default_factory=list)
    stars: list[Star] = field(default_factory=list)
    swaying_shapes: list[SwayingShape] = field(default_factory=list)
    glints: list[Glint] = field(default_factory=list)
    particle_layers: list[ParticleLayer] = field(default_factory=list)
    """The particles behind all strips."""
    front_glints: list[Glint] = field(default_factory=list)
    """The glints in front of the strips behind the subjects."""
    glint_color: Color = GLINT
    shadow: float = 0.38
    dust: Color | None = None
    floor: float | None = None
    """The y of the subjects' feet; None: the geometry's ground."""
    water: bool = False
    """The floor is a water's surface: what swims is half in it, and a strip in front hides the lower half."""


@dataclass
class SceneryContext:
    """What a scenery depends on: the frame, the place, the time, the random numbers, and what to leave out.

    `open_sky`: there is a sky, with sun or moon. `afloat`: the beach is seen from the open sea.
    """

    geometry: Geometry
    place: str
    time: Time
    rng: random.Random
    without: frozenset[str]
    open_sky: bool = True
    afloat: bool = False

    def has(self, *names: str) -> bool:
        """Whether all of these may be drawn."""
        return not self.without.intersection(names)

    def around(self, value: float, part: float) -> float:
        """The value, randomly changed by at most this fraction of it."""
        return value * self.rng.uniform(1 - part, 1 + part)

    def ridge(self, base: float, swell: float, waves: tuple[int, ...], points: int = 48) -> list[Point]:
        """A line of hills about y = `base`, one period wide, whose ends meet: sines of these whole frequencies."""
        period = self.geometry.period
        phases = [self.rng.uniform(0, math.tau) for _ in waves]
        sizes = [swell / (i + 1) for i in range(len(waves))]
        line = []
        for i in range(points + 1):
            angle = math.tau * i / points
            rise = sum(s * math.sin(k * angle + p) for k, p, s in zip(waves, phases, sizes, strict=True))
            line.append((period * i / points, base - rise))
        return line

    def spread(self, count: int, jitter: float = 0.35) -> Iterator[float]:
        """`count` positions across one period, in pixels, at roughly equal distances."""
        step = self.geometry.period / count
        for i in range(count):
            yield (i + 0.5 + self.rng.uniform(-jitter, jitter)) * step


def height_at(line: list[Point], x: float) -> float:
    """The y of a ridge at x, by linear interpolation."""
    step = line[1][0] - line[0][0]
    place = min(max(x / step, 0.0), len(line) - 1.001)
    i = int(place)
    return line[i][1] + (line[i + 1][1] - line[i][1]) * (place - i)


def tuft(x: float, y: float, size: float, lean: float) -> Path:
    """The path of three blades of grass."""
    path = Path()
    for k, tall in ((-0.5, 0.75), (0.0, 1.0), (0.5, 0.8)):
        tip = (x + (k + lean) * size * 0.7, y - size * tall)
        path.move(x + k * size * 0.5 - size * 0.09, y)
        path.curve((x + k * size * 0.5, y - size * 0.4), tip, tip)
        path.curve(tip, (x + k * size * 0.5 + size * 0.12, y - size * 0.4), (x + k * size * 0.5 + size * 0.09, y))
        path.close()
    return path
