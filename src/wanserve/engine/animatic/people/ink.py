"""Makes pictures of several filled shapes, as SVG text, and the outlines that people are drawn with. Pure.

Lengths are fractions of whatever the picture measures (a person's height, or a head's), y down.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wanserve.engine.animatic.color import Color
from wanserve.engine.animatic.drawing import Affine, Fill, Linear, Path, Point, Radial, scaling, translation

GRAIN = 1000.0
"""SVG units in one unit of length."""

VERBS = "ZMLC"


@dataclass(frozen=True)
class Ink:
    """A filled shape, or, where `width` is not 0, a line of that width with round ends, which is of one colour."""

    path: Path
    fill: Fill
    width: float = 0.0


def picture(inks: Sequence[Ink]) -> tuple[str, Affine]:
    """The shapes as SVG text, in the order in which they are drawn, and the transform back to the units of the shapes.

    The picture is as large as the shapes, since it costs time to clip them to a larger one.
    """
    spread = max(ink.width for ink in inks) / 2 + 0.002
    xs, ys = zip(*(p for ink in inks for p in ink.path.points), strict=True)
    left, top = min(xs) - spread, min(ys) - spread
    pack = translation(-left, -top).then(scaling(GRAIN, GRAIN))
    width, height = pack.at(max(xs) + spread, max(ys) + spread)
    defs: list[str] = []
    bodies = "".join(_element(moved(ink, pack), defs) for ink in inks)
    box = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {box}><defs>{"".join(defs)}</defs>{bodies}</svg>'
    return svg, scaling(1 / GRAIN, 1 / GRAIN).then(translation(left, top))


def moved(ink: Ink, by: Affine) -> Ink:
    """The shape moved and scaled, with its gradient and the width of its line."""
    fill = ink.fill
    if isinstance(fill, Linear):
        fill = Linear(by.at(*fill.start), by.at(*fill.end), fill.stops)
    elif isinstance(fill, Radial):
        fill = Radial(by.at(*fill.center), fill.r * abs(by.e), fill.stops)
    return Ink(warped(ink.path, by), fill, ink.width * abs(by.e))


def warped(path: Path, by: Affine) -> Path:
    """The path moved."""
    return Path(list(path.verbs), [by.at(x, y) for x, y in path.points])


def blob(points: Sequence[Point], tension: float = 1.0) -> Path:
    """A closed smooth outline through the points. Repeat a point to make a corner of it; tension 0 is a polygon."""
    count = len(points)
    path = Path().move(*points[0])
    for i in range(count):
        before, start, end, after = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        if start != end:
            _bend(path, before, start, end, after, tension)
    return path.close()


def mirrored(half: Sequence[Point]) -> list[Point]:
    """The points of a symmetric outline from those of its right half, from top to bottom."""
    return [*half, *((-x, y) for x, y in reversed(half))]


def both(points: Sequence[Point]) -> Path:
    """A closed smooth outline and its mirror image, which run the same way, so that they do not cancel out."""
    return blob(points).add(blob([(-x, y) for x, y in reversed(points)]))


def stroke(points: Sequence[Point], tension: float = 1.0) -> Path:
    """An open smooth line through the points."""
    path = Path().move(*points[0])
    for i in range(len(points) - 1):
        before, after = points[max(0, i - 1)], points[min(len(points) - 1, i + 2)]
        _bend(path, before, points[i], points[i + 1], after, tension)
    return path


def taper(length: float, top: float, bottom: float, start: float = 0.0) -> Path:
    """A bar from y = `start` to y = `length` with round ends of the radii `top` and `bottom`."""
    k = 0.5523
    path = Path().move(-top, start).curve((-top, start - top * k), (-top * k, start - top), (0, start - top))
    path.curve((top * k, start - top), (top, start - top * k), (top, start))
    path.curve((top, start + length * 0.3), (bottom, length - length * 0.3), (bottom, length))
    path.curve((bottom, length + bottom * k), (bottom * k, length + bottom), (0, length + bottom))
    path.curve((-bottom * k, length + bottom), (-bottom, length + bottom * k), (-bottom, length))
    return path.curve((-bottom, length - length * 0.3), (-top, start + length * 0.3), (-top, start)).close()


def sleeve(length: float, top: float, bottom: float) -> Path:
    """A bar from the origin down to y = `length` with a round top and an almost flat lower end."""
    k = 0.5523
    dip = bottom * 0.16
    path = Path().move(-top, 0).curve((-top, -top * k), (-top * k, -top), (0, -top))
    path.curve((top * k, -top), (top, -top * k), (top, 0)).curve(
        (top, length * 0.4), (bottom, length * 0.7), (bottom, length)
    )
    path.curve((bottom * 0.6, length + dip), (-bottom * 0.6, length + dip), (-bottom, length))
    return path.curve((-bottom, length * 0.7), (-top, length * 0.4), (-top, 0)).close()


def bar(x: float, y: float, half_width: float, half_height: float, r: float) -> Path:
    """A rectangle about (x, y) with round corners."""
    w, h = half_width, half_height
    r = min(r, w, h)
    k = r * 0.4477
    path = Path().move(x - w + r, y - h).line(x + w - r, y - h)
    path.curve((x + w - k, y - h), (x + w, y - h + k), (x + w, y - h + r)).line(x + w, y + h - r)
    path.curve((x + w, y + h - k), (x + w - k, y + h), (x + w - r, y + h)).line(x - w + r, y + h)
    path.curve((x - w + k, y + h), (x - w, y + h - k), (x - w, y + h - r)).line(x - w, y - h + r)
    return path.curve((x - w, y - h + k), (x - w + k, y - h), (x - w + r, y - h)).close()


def star(x: float, y: float, r: float, points: int = 5) -> Path:
    """A star about (x, y), one point up."""
    turns = [math.pi * i / points for i in range(2 * points)]
    reach = [r if i % 2 == 0 else r * 0.45 for i in range(2 * points)]
    return Path().polygon([(x + q * math.sin(a), y - q * math.cos(a)) for a, q in zip(turns, reach, strict=True)])


def _bend(path: Path, before: Point, start: Point, end: Point, after: Point, tension: float) -> None:
    k = tension / 6
    a = start[0] + (end[0] - before[0]) * k, start[1] + (end[1] - before[1]) * k
    b = end[0] - (after[0] - start[0]) * k, end[1] - (after[1] - start[1]) * k
    path.curve(start if before == start else a, end if after == end else b, end)


def _element(ink: Ink, defs: list[str]) -> str:
    outline = _outline(ink.path)
    paint, alpha = _paint(ink.fill, defs)
    if ink.width:
        line = f'stroke-width="{ink.width:.1f}" stroke-linecap="round" stroke-linejoin="round"'
        return f'<path d="{outline}" fill="none" stroke="{paint}" stroke-opacity="{alpha:.3f}" {line}/>'
    return f'<path d="{outline}" fill="{paint}" fill-opacity="{alpha:.3f}"/>'


def _outline(path: Path) -> str:
    points = iter(path.points)
    steps = []
    for verb in path.verbs:
        pairs = [next(points) for _ in range((0, 1, 1, 3)[verb])]
        steps.append(VERBS[verb] + " ".join(_pair(p) for p in pairs))
    return "".join(steps)


def _pair(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def _paint(fill: Fill, defs: list[str]) -> tuple[str, float]:
    """The fill as SVG names it, and its opacity. A gradient is added to `defs`."""
    if isinstance(fill, Color):
        return fill.hex, fill.a / 255
    name = f"g{len(defs)}"
    stops = "".join(
        f'<stop offset="{s.at:.3f}" stop-color="{s.color.hex}" stop-opacity="{s.color.a / 255:.3f}"/>'
        for s in fill.stops
    )
    if isinstance(fill, Linear):
        (x1, y1), (x2, y2) = fill.start, fill.end
        at = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
        kind = "linearGradient"
    else:
        x, y = fill.center
        at, kind = f'cx="{x:.1f}" cy="{y:.1f}" r="{fill.r:.1f}"', "radialGradient"
    defs.append(f'<{kind} id="{name}" gradientUnits="userSpaceOnUse" {at}>{stops}</{kind}>')
    return f"url(#{name})", 1.0
