"""Describes drawings: paths, fills, pieces of art and transforms. Pure.

`canvas.py` rasterises them. Lengths are pixels of the frame, x to the right, y down.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from wanserve.engine.animatic.color import Color

KAPPA = 0.5522847498
"""The length of a circle's Bézier handles, in radii: 4/3 * (sqrt(2) - 1)."""

Point = tuple[float, float]


class Affine(NamedTuple):
    """An affine transform: x' = a x + b y + c, y' = d x + e y + f."""

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 1.0
    f: float = 0.0

    def then(self, outer: "Affine") -> "Affine":
        """This transform, and `outer` after it."""
        o = outer
        return Affine(
            o.a * self.a + o.b * self.d,
            o.a * self.b + o.b * self.e,
            o.a * self.c + o.b * self.f + o.c,
            o.d * self.a + o.e * self.d,
            o.d * self.b + o.e * self.e,
            o.d * self.c + o.e * self.f + o.f,
        )

    def at(self, x: float, y: float) -> Point:
        """Transform the point."""
        return self.a * x + self.b * y + self.c, self.d * x + self.e * y + self.f


def translation(x: float, y: float) -> Affine:
    """A translation."""
    return Affine(c=x, f=y)


def scaling(x: float, y: float) -> Affine:
    """A scaling about the origin; a negative x mirrors."""
    return Affine(a=x, e=y)


def rotation(radians: float) -> Affine:
    """A rotation about the origin, clockwise on the screen."""
    cos, sin = math.cos(radians), math.sin(radians)
    return Affine(cos, -sin, 0.0, sin, cos, 0.0)


def shear(x: float, y: float = 0.0) -> Affine:
    """A shear: x grows by `x` for each unit of y, and y by `y` for each unit of x."""
    return Affine(b=x, d=y)


@dataclass
class Path:
    """An outline under construction: verbs (0 close, 1 move, 2 line, 3 cubic) and their points."""

    verbs: list[int] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)

    def move(self, x: float, y: float) -> "Path":
        """Start a sub-path."""
        self.verbs.append(1)
        self.points.append((x, y))
        return self

    def line(self, x: float, y: float) -> "Path":
        """Add a straight line to this point."""
        self.verbs.append(2)
        self.points.append((x, y))
        return self

    def curve(self, a: Point, b: Point, end: Point) -> "Path":
        """Add a cubic Bézier curve with handles `a` and `b`."""
        self.verbs.append(3)
        self.points += (a, b, end)
        return self

    def close(self) -> "Path":
        """Close the sub-path."""
        self.verbs.append(0)
        return self

    def polygon(self, points: Iterable[Point]) -> "Path":
        """Add a closed sub-path of straight lines."""
        for i, (x, y) in enumerate(points):
            self.line(x, y) if i else self.move(x, y)
        return self.close()

    def rect(self, x: float, y: float, w: float, h: float) -> "Path":
        """Add a rectangle, given by its upper left corner."""
        return self.polygon([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])

    def ellipse(self, x: float, y: float, rx: float, ry: float) -> "Path":
        """Add an ellipse, given by its centre."""
        kx, ky = rx * KAPPA, ry * KAPPA
        self.move(x + rx, y)
        self.curve((x + rx, y + ky), (x + kx, y + ry), (x, y + ry))
        self.curve((x - kx, y + ry), (x - rx, y + ky), (x - rx, y))
        self.curve((x - rx, y - ky), (x - kx, y - ry), (x, y - ry))
        self.curve((x + kx, y - ry), (x + rx, y - ky), (x + rx, y))
        return self.close()

    def circle(self, x: float, y: float, r: float) -> "Path":
        """Add a circle, given by its centre."""
        return self.ellipse(x, y, r, r)

    def ridge(self, line: Sequence[Point], floor: float) -> "Path":
        """Add a smooth line through the points, closed down to y = `floor`."""
        self.move(line[0][0], floor).line(*line[0])
        slopes = _slopes(line)
        for (x0, y0), (x1, y1), s0, s1 in zip(line, line[1:], slopes, slopes[1:], strict=False):
            third = (x1 - x0) / 3
            self.curve((x0 + third, y0 + s0 * third), (x1 - third, y1 - s1 * third), (x1, y1))
        return self.line(line[-1][0], floor).close()

    def add(self, other: "Path", x: float = 0.0, y: float = 0.0) -> "Path":
        """Add all of another path, shifted."""
        self.verbs += other.verbs
        self.points += [(px + x, py + y) for px, py in other.points]
        return self

    def span(self) -> tuple[float, float]:
        """The leftmost and rightmost x of the points, handles included."""
        xs = [x for x, _ in self.points]
        return (min(xs), max(xs)) if xs else (0.0, 0.0)


class Stop(NamedTuple):
    """A colour stop of a gradient, at 0.0 to 1.0."""

    at: float
    color: Color


@dataclass(frozen=True)
class Linear:
    """A gradient along the line from `start` to `end`."""

    start: Point
    end: Point
    stops: tuple[Stop, ...]


@dataclass(frozen=True)
class Radial:
    """A gradient from the centre (0.0) to radius `r` (1.0)."""

    center: Point
    r: float
    stops: tuple[Stop, ...]


Fill = Color | Linear | Radial


@dataclass(frozen=True)
class FilledPath:
    """A path with its fill."""

    path: Path
    fill: Fill

    def span(self) -> tuple[float, float]:
        """The leftmost and rightmost x."""
        return self.path.span()


@dataclass(frozen=True)
class Sticker:
    """A piece of art, by its name in the pack, `height` pixels tall, with its feet at (x, y)."""

    art: str
    x: float
    y: float
    height: float
    mirrored: bool = False
    light: Color | None = None

    def span(self) -> tuple[float, float]:
        """At least the leftmost and rightmost x: no art is wider than twice its height."""
        return self.x - self.height, self.x + self.height


Item = FilledPath | Sticker


def vertical_gradient(top: float, bottom: float, *colors: Color) -> Linear:
    """A vertical gradient through evenly spread colours."""
    last = max(1, len(colors) - 1)
    return Linear((0.0, top), (0.0, bottom), tuple(Stop(i / last, c) for i, c in enumerate(colors)))


def glow(x: float, y: float, r: float, color: Color, strength: float) -> FilledPath:
    """A soft round light that fades out at radius `r`. `strength` is its alpha in the middle."""
    fades = ((0.0, 1.0), (0.2, 0.68), (0.45, 0.3), (0.7, 0.09), (1.0, 0.0))
    stops = tuple(Stop(at, color.alpha(strength * part)) for at, part in fades)
    return FilledPath(Path().circle(x, y, r), Radial((x, y), r, stops))


def _slopes(line: Sequence[Point]) -> list[float]:
    """The slope at each point of a line: the slope between its two neighbours."""
    last = len(line) - 1
    ends = [(line[max(0, i - 1)], line[min(last, i + 1)]) for i in range(last + 1)]
    return [(b[1] - a[1]) / max(1e-6, b[0] - a[0]) for a, b in ends]
