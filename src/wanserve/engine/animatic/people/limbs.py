"""Draws arms and legs: bare or in cloth, with hands and shoes. Pure.

Lengths are fractions of the standing height. A limb's upper joint is the origin, and the limb hangs down from it.
"""

from dataclasses import dataclass

from wanserve.engine.animatic.color import BLACK, Color, rgb
from wanserve.engine.animatic.drawing import Affine, Linear, Path, Point, Stop
from wanserve.engine.animatic.people.build import ANKLE
from wanserve.engine.animatic.people.ink import Ink, blob, sleeve, taper, warped
from wanserve.engine.animatic.people.tones import FAR, Tones
from wanserve.engine.animatic.people.trunk import Trunk

SNUG = 1.12
"""How much wider cloth is than the limb in it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a limb is: on the far side, or, from the front, at the left (-1) or the right (1) of the picture."""

    far: bool = False
    out: int = 0

    def span(self, half: float, tones: Tones) -> tuple[Point, Point]:
        """The line of its gradient. Of two limbs side by side, one has the lit half of it and one the shaded half."""
        away = self.out * -tones.side
        return (-half * (2.6 if away > 0 else 1.0), 0.0), (half * (2.6 if away < 0 else 1.0), 0.0)


def _flesh(trunk: Trunk, half: float, at: Place) -> Linear:
    return trunk.tones.flesh(trunk.look.skin, *at.span(half, trunk.tones), at.far)


def _cloth(trunk: Trunk, color: Color, half: float, at: Place) -> Linear:
    return trunk.tones.edged(trunk.tones.drape(color, *at.span(half, trunk.tones), at.far))


def upper_arm(trunk: Trunk, at: Place) -> list[Ink]:
    """The arm from shoulder to elbow."""
    b, wear = trunk.build, trunk.wear
    half = b.upper_arm
    r0, r1, _ = b.arm
    if wear.arms >= 1:
        wide = max(SNUG, min(wear.cuffs, 1.3))
        return [Ink(taper(half, r0 * SNUG, r1 * wide), _cloth(trunk, trunk.look.top, r0 * SNUG, at))]
    inks = [Ink(taper(half, r0 * 0.95, r1), _flesh(trunk, r0, at))]
    if wear.arms > 0:
        inks.append(
            Ink(sleeve(half * wear.arms * 1.7, r0 * SNUG, r0 * 1.2), _cloth(trunk, trunk.look.top, r0 * SNUG, at))
        )
    return inks


def fore_arm(trunk: Trunk, at: Place, thumb: int) -> list[Ink]:
    """The arm from elbow to hand. The thumb is at the right (1) or the left (-1)."""
    b, wear = trunk.build, trunk.wear
    half = b.fore_arm
    _, r1, r2 = b.arm
    hand = _hand(trunk, half, at, thumb)
    if wear.arms < 1:
        bare = taper(half - b.hand * 0.6, r1, r2)
        if not wear.gloves:
            return [Ink(bare.add(hand[0].path), _flesh(trunk, r1, at))]
        return [*hand, Ink(bare, _flesh(trunk, r1, at))]
    color = trunk.look.top
    wide = max(SNUG, wear.cuffs)
    cuff = half - b.hand * (0.75 if wide < 1.4 else 0.35)
    path = sleeve(cuff, r1 * max(SNUG, min(wide, 1.3)), r2 * wide * (1.0 if wide < 1.4 else 1.35))
    return [*hand, Ink(path, _cloth(trunk, color, r1 * wide, at))]


def _hand(trunk: Trunk, wrist: float, at: Place, thumb: int) -> list[Ink]:
    """A rounded hand with its thumb, or a glove."""
    h = trunk.build.hand
    gloves = trunk.wear.gloves
    y = wrist
    palm: list[Point] = [
        (-0.72, -0.8),
        (0.72, -0.8),
        (0.98, 0.1),
        (0.74, 1.05),
        (0.1, 1.36),
        (-0.6, 1.12),
        (-0.96, 0.2),
    ]
    finger: list[Point] = [(0.5, -0.5), (1.0, -0.3), (1.26, 0.36), (1.08, 0.66), (0.8, 0.5), (0.5, 0.4)]
    path = blob([(x * h, y + v * h) for x, v in palm])
    path.add(blob([(thumb * x * h, y + v * h) for x, v in finger[::thumb]]))
    if not gloves:
        return [Ink(path, _flesh(trunk, h, at))]
    color = trunk.look.accent if gloves == "accent" else rgb(gloves)
    if trunk.look.outfit == "boxer":
        path = Path().ellipse(0, y + h * 0.5, h * 1.5, h * 1.6)
    return [Ink(path, _cloth(trunk, color, h * 1.2, at))]


def thigh(trunk: Trunk, at: Place, draped: bool) -> list[Ink]:
    """The leg from hip to knee. `draped`: a skirt lies on it."""
    b, wear = trunk.build, trunk.wear
    half = b.leg_length / 2
    r0, r1, _ = b.leg
    if draped:
        color = trunk.look.top if wear.hem_top else trunk.look.bottom
        bare = [] if wear.hem > 0.7 else [Ink(taper(half, r0, r1), _flesh(trunk, r0, at))]
        length = half * (1.02 if wear.hem > 0.7 else 0.84)
        return [*bare, Ink(taper(length, r0 * 1.22, r1 * 1.3), _cloth(trunk, color, r0 * 1.2, at))]
    if wear.legs >= 0.5:
        return [Ink(taper(half, r0 * 1.06, r1 * SNUG), _cloth(trunk, trunk.look.bottom, r0, at))]
    inks = [Ink(taper(half, r0, r1), _flesh(trunk, r0, at))]
    if wear.legs > 0:
        inks.append(
            Ink(sleeve(half * wear.legs * 2, r0 * 1.12, r0 * 1.14), _cloth(trunk, trunk.look.bottom, r0 * 1.1, at))
        )
    return inks


def shin(trunk: Trunk, at: Place, draped: bool) -> list[Ink]:
    """The leg from knee to ankle, with the shaft of a boot. `draped`: a long garment lies on it."""
    b, wear = trunk.build, trunk.wear
    half = b.leg_length / 2
    _, r1, r2 = b.leg
    if draped:
        color = trunk.look.top if wear.hem_top else trunk.look.bottom
        return [Ink(sleeve(half * 0.96, r1 * 1.42, r1 * 1.55), _cloth(trunk, color, r1 * 1.4, at))]
    if wear.legs < 1:
        inks = [Ink(taper(half, r1, r2 * 0.84), _flesh(trunk, r1, at))]
        if wear.legs > 0.5:
            inks.append(
                Ink(sleeve(half * (wear.legs - 0.5) * 2, r1 * SNUG, r1 * 1.1), _cloth(trunk, trunk.look.bottom, r1, at))
            )
    else:
        inks = [Ink(taper(half, r1 * SNUG, r2 * 1.04), _cloth(trunk, trunk.look.bottom, r1, at))]
    if wear.boots:
        top = half * (1 - wear.boots)
        shaft = warped(sleeve(half - top, r2 * 1.14, r1 * 1.1), Affine(e=-1.0, f=half))
        inks.append(Ink(shaft, _cloth(trunk, trunk.look.shoes, r1, at)))
    return inks


def foot(trunk: Trunk, at: Place) -> list[Ink]:
    """A shoe or a bare foot, the ankle at the origin."""
    b = trunk.build
    bare = trunk.look.shoes.a == 0
    color = trunk.look.skin if bare else trunk.look.shoes
    length, low, r = b.foot, ANKLE, b.leg[2] * 1.06
    if trunk.side:
        path = blob(
            [
                (-r, -0.012),
                (-r * 1.12, low * 0.7),
                (-r * 0.9, low),
                (-r * 0.9, low),
                (length - r * 1.1, low),
                (length - r * 1.1, low),
                (length - r * 0.85, low * 0.62),
                (length * 0.52, low * 0.08),
                (r * 0.95, -0.012),
            ]
        )
    else:
        x = at.out * r * 0.22
        w = r * 1.2
        path = blob(
            [
                (-r * 0.92, -0.012),
                (r * 0.92, -0.012),
                (x + w * 1.05, low * 0.8),
                (x + w * 0.7, low * 1.36),
                (x, low * 1.5),
                (x - w * 0.7, low * 1.36),
                (x - w * 1.05, low * 0.8),
            ]
        )
    if bare:
        return [Ink(path, _flesh(trunk, length * 0.5, at))]
    return [Ink(path, _leather(trunk, color, low * (0.74 if trunk.side else 1.14), at))]


def _leather(trunk: Trunk, color: Color, sole: float, at: Place) -> Linear:
    """A shoe's gradient, which turns to its sole's colour at y = `sole`."""
    plain = color.mixed(BLACK, FAR) if at.far else color
    edge = plain.mixed(BLACK, 0.22 if sum(color[:3]) > 560 else 0.38)
    top, bottom = -0.012, ANKLE * 1.5
    turn = (sole - top) / (bottom - top)
    lit, low, dark = trunk.tones.cloth(plain, 0.0), trunk.tones.cloth(plain, 0.5), trunk.tones.cloth(edge, 0.5)
    return Linear(
        (0.0, top), (0.0, bottom), (Stop(0.0, lit), Stop(turn - 0.02, low), Stop(turn + 0.02, dark), Stop(1.0, dark))
    )
