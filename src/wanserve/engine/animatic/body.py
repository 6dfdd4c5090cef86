"""Draws a body for art that is only a head: on four legs or two, in one colour, with limbs that swing. Pure.

Lengths are fractions of the whole height. The middle of the feet is the origin, y points down, the head looks left.
"""

from dataclasses import dataclass

from wanserve.engine.animatic.art import Light
from wanserve.engine.animatic.color import BLACK, WHITE, Color
from wanserve.engine.animatic.drawing import KAPPA, Affine, FilledPath, Path, Point, vertical_gradient


@dataclass(frozen=True)
class Limb:
    """A part of a body that rotates about `joint` by `gain` radians at full swing; 0 for a part that does not move."""

    shape: FilledPath
    joint: Point
    gain: float = 0.0


@dataclass(frozen=True)
class DrawnBody:
    """A drawn body: the limbs behind the head, the transform of the head, and the width of the body."""

    limbs: tuple[Limb, ...]
    head: Affine
    width: float


def draw_body(kind: str, coat: Color, legs: Color, light: Light) -> DrawnBody:
    """Draw a body of this kind, `beast` or `figure`, lit from above."""
    return _figure(coat, light) if kind == "figure" else _beast(coat, legs, light)


def capsule(x: float, top: float, bottom: float, half: float) -> Path:
    """The outline of an upright bar with round ends."""
    k = half * KAPPA
    path = Path().move(x - half, top + half).curve((x - half, top + half - k), (x - k, top), (x, top))
    path.curve((x + k, top), (x + half, top + half - k), (x + half, top + half)).line(x + half, bottom - half)
    path.curve((x + half, bottom - half + k), (x + k, bottom), (x, bottom))
    return path.curve((x - k, bottom), (x - half, bottom - half + k), (x - half, bottom - half)).close()


def _shaded(path: Path, color: Color, light: Light, top: float, bottom: float) -> FilledPath:
    middle = light.lit.mixed(light.shade, 0.45)
    return FilledPath(
        path, vertical_gradient(top, bottom, color.times(light.lit), color.times(middle), color.times(light.shade))
    )


def _beast(coat: Color, legs: Color, light: Light) -> DrawnBody:
    """A body on four legs: far legs, tail, trunk, near legs."""
    far, near = legs.mixed(BLACK, 0.26), legs.mixed(BLACK, 0.06)
    limbs = [
        Limb(_shaded(capsule(x, -0.32, -0.005, 0.058), far, light, -0.32, 0), (x, -0.26), gain)
        for x, gain in ((0.0, -0.5), (0.36, 0.5))
    ]
    tail = Path().move(0.44, -0.42).curve((0.56, -0.46), (0.62, -0.54), (0.6, -0.64))
    tail.curve((0.7, -0.56), (0.66, -0.38), (0.46, -0.33)).close()
    limbs.append(Limb(_shaded(tail, coat, light, -0.64, -0.3), (0.45, -0.38), 0.22))
    trunk = Path().move(-0.16, -0.36).curve((-0.16, -0.58), (0.12, -0.55), (0.26, -0.54))
    trunk.curve((0.5, -0.53), (0.54, -0.3), (0.46, -0.2)).curve((0.4, -0.14), (-0.02, -0.14), (-0.08, -0.19)).curve(
        (-0.14, -0.24), (-0.16, -0.3), (-0.16, -0.36)
    ).close()
    limbs.append(Limb(_shaded(trunk, coat, light, -0.56, -0.12), (0, 0)))
    limbs += [
        Limb(_shaded(capsule(x, -0.34, 0.0, 0.066), near, light, -0.34, 0), (x, -0.27), gain)
        for x, gain in ((-0.06, 0.5), (0.4, -0.5))
    ]
    return DrawnBody(tuple(limbs), Affine(a=0.62, e=0.62, c=-0.13, f=-0.36), 0.96)


def _figure(coat: Color, light: Light) -> DrawnBody:
    """An upright body: far arm and leg, trunk, near leg and arm."""
    far, trim = coat.mixed(BLACK, 0.24), coat.mixed(WHITE, 0.12)
    limbs = [
        Limb(_shaded(capsule(0.13, -0.44, -0.2, 0.05), far, light, -0.44, -0.2), (0.13, -0.4), 0.55),
        Limb(_shaded(capsule(0.07, -0.24, 0.0, 0.066), far, light, -0.24, 0), (0.07, -0.2), -0.6),
        Limb(_shaded(capsule(-0.07, -0.24, 0.0, 0.066), coat, light, -0.24, 0), (-0.07, -0.2), 0.6),
        Limb(_shaded(capsule(0.0, -0.47, -0.13, 0.155), coat, light, -0.47, -0.13), (0, 0)),
        Limb(_shaded(capsule(-0.15, -0.45, -0.2, 0.052), trim, light, -0.45, -0.2), (-0.15, -0.41), -0.55),
    ]
    return DrawnBody(tuple(limbs), Affine(a=0.6, e=0.6, c=0.0, f=-0.4), 0.66)
