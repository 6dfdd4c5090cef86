"""Draws the trunk: neck, hips, the garment over the chest, and skirts and coat tails. Pure.

Lengths are fractions of the standing height. The hip is the origin, the neck at y = -build.trunk. From the side the
trunk looks to the right.
"""

from dataclasses import dataclass
from itertools import pairwise

from wanserve.engine.animatic.color import BLACK, Color
from wanserve.engine.animatic.drawing import Path, Point
from wanserve.engine.animatic.people.build import Build
from wanserve.engine.animatic.people.ink import Ink, blob, both, mirrored, taper
from wanserve.engine.animatic.people.look import Look
from wanserve.engine.animatic.people.outfits import Outfit
from wanserve.engine.animatic.people.tones import Tones, shadow


@dataclass(frozen=True, slots=True)
class Trunk:
    """What the drawers of garments know: whose trunk, what it wears, from where it is seen, and in which light."""

    build: Build
    look: Look
    wear: Outfit
    side: bool
    tones: Tones

    @property
    def height(self) -> float:
        """From hip to neck."""
        return self.build.trunk

    def y(self, part: float) -> float:
        """The y at this part of the way from the hip (0) to the neck (1)."""
        return -part * self.height

    def edges(self) -> tuple[list[Point], list[Point]]:
        """The left and the right outline, from the shoulder down to the hem, as (x, part) pairs."""
        b = self.build
        if self.side:
            d = b.depth
            right = [
                (d * 0.45, 1.06),
                (d * 0.78, 0.93),
                (d + b.bust, 0.72),
                (d * 0.86 + b.belly + b.bust * 0.2, 0.36),
                (d * 0.86 + b.belly, 0.1),
                (d * 0.9, -0.12),
            ]
            left = [
                (-d * 0.5, 1.06),
                (-d * 0.86, 0.94),
                (-d * 1.0, 0.7),
                (-d * 0.72, 0.34),
                (-d * 1.02, 0.04),
                (-d * 0.96, -0.12),
            ]
            return left, right
        right = [
            (b.shoulders * 0.34, 1.08),
            (b.shoulders * 0.78, 1.015),
            (b.shoulders + 0.012, 0.93),
            (b.shoulders + 0.016, 0.84),
            (b.shoulders * 0.98 + b.bust * 0.3, 0.66),
            (b.waist, 0.34),
            (b.hips * 0.99, 0.08),
            (b.hips, -0.12),
        ]
        return [(-x, p) for x, p in right], right

    def edge(self, part: float) -> tuple[float, float]:
        """The outline's x at the left and at the right at this part of the height."""
        left, right = self.edges()
        return _across(left, part), _across(right, part)

    def outline(self) -> Path:
        """The garment's outline."""
        left, right = self.edges()
        (low_left, part), (low_right, _) = left[-1], right[-1]
        hem = [(low_left + (low_right - low_left) * at, self.y(part - 0.035)) for at in (0.75, 0.5, 0.25)]
        down, up = [(x, self.y(p)) for x, p in right], [(x, self.y(p)) for x, p in reversed(left)]
        return blob([*down, down[-1], *hem, up[0], *up])

    def fall(self) -> tuple[Point, Point]:
        """The line of the gradient over the whole garment, from the shoulder to its lower end."""
        half = self.build.depth if self.side else self.build.shoulders
        low = self.wear.hem * self.build.leg_length if self.wear.hem_top else self.y(0.05)
        return (-half, self.y(1.0)), (half, low)

    def strip(self, low: float, high: float, left: float = -1.0, right: float = 1.0) -> Path:
        """A band across the trunk between two parts of its height, and between two parts of its width, -1 to 1."""
        rows = [high - (high - low) * i / 4 for i in range(5)]
        ends = [(self.at(left, p), self.at(right, p)) for p in rows]
        return Path().polygon([r for _, r in ends] + [le for le, _ in reversed(ends)])

    def at(self, across: float, part: float) -> Point:
        """A point of the trunk: -1 at its left edge to 1 at its right edge, at this part of its height."""
        left, right = self.edge(part)
        return (left + right) / 2 + across * (right - left) / 2, self.y(part)

    def shape(self, *points: Point) -> Path:
        """A smooth outline through points given as (across, part)."""
        return blob([self.at(a, p) for a, p in points])

    def facet(self, *points: Point) -> Path:
        """An outline of straight lines through points given as (across, part)."""
        return Path().polygon([self.at(a, p) for a, p in points])

    def facets(self, *points: Point) -> Path:
        """An outline of straight lines and its mirror image."""
        return self.facet(*points).add(self.facet(*((-a, p) for a, p in reversed(points))))

    def accent(self, shade: float = 0.2) -> Color:
        """The outfit's second colour in this light."""
        return self.tones.cloth(self.look.accent, shade)

    def top(self, shade: float = 0.3) -> Color:
        """The top's colour in this light."""
        return self.tones.cloth(self.look.top, shade)


def _across(edge: list[Point], part: float) -> float:
    for (x0, p0), (x1, p1) in pairwise(edge):
        if part >= p1:
            return x0 + (x1 - x0) * min(1.0, max(0.0, (p0 - part) / (p0 - p1)))
    return edge[-1][0]


def neck(trunk: Trunk) -> list[Ink]:
    """The neck, with the head's shadow on it."""
    b = trunk.build
    half = b.head * (0.15 if b.young else 0.17) * (1.0 if b.bust else 1.14)
    x = -b.head * 0.02 if trunk.side else 0.0
    nape = x - (b.head * 0.19 if trunk.side else half)
    top = trunk.y(1.0) - (b.chin - b.shoulder) - b.head * 0.2
    skin = trunk.tones.skin(trunk.look.skin)
    bar = Path().polygon(
        [
            (nape, top),
            (x + half, top),
            (x + half * 1.1, trunk.y(0.97)),
            (x, trunk.y(0.88)),
            (x - half * 1.2, trunk.y(0.97)),
        ]
    )
    return [Ink(bar, shadow(skin))]


def pelvis(trunk: Trunk) -> list[Ink]:
    """The hips, in the bottom's colour."""
    b, y = trunk.build, trunk.y
    skirted = trunk.wear.hem > 0.1
    color = trunk.look.top if skirted and trunk.wear.hem_top else trunk.look.bottom
    fill = trunk.tones.drape(color, *(trunk.fall() if skirted else ((-b.hips, 0), (b.hips, 0.03))))
    low = 0.03 if skirted else 0.058
    if trunk.side:
        d = b.depth
        return [
            Ink(
                blob(
                    [
                        (d * 0.6, y(0.2)),
                        (d * 0.76, y(0.02)),
                        (d * 0.6, 0.045),
                        (-d * 0.6, 0.05),
                        (-d * 0.98, 0.0),
                        (-d * 0.5, y(0.2)),
                    ]
                ),
                fill,
            )
        ]
    half = [(b.waist * 0.6, y(0.2)), (b.hips * 0.86, y(0.02)), (b.hips * 0.99, low * 0.7), (b.hips * 0.4, low)]
    return [Ink(blob(mirrored([*half, (0.0, low * 0.78)])[:-1]), fill)]


def garment(trunk: Trunk) -> list[Ink]:
    """The garment over the chest, plain, with a rim of light where there is one."""
    bare = "bare" in trunk.wear.trim or "swim" in trunk.wear.trim
    start, end = trunk.fall()
    path = trunk.outline()
    fill = trunk.tones.flesh(trunk.look.skin, start, end) if bare else trunk.tones.drape(trunk.look.top, start, end)
    inks = [Ink(path, fill)]
    if trunk.tones.rim is not None:
        inks.insert(0, Ink(Path().add(path, 0.004 * trunk.tones.side, -0.003), trunk.tones.rim))
    return inks


def skirt(trunk: Trunk) -> list[Ink]:
    """A skirt or a coat's tails, hanging from the hip: the origin is the hip."""
    b, wear = trunk.build, trunk.wear
    color = trunk.look.top if wear.hem_top else trunk.look.bottom
    waist, hip = (b.depth * 0.9, b.depth * 1.04) if trunk.side else (b.waist * 1.02, b.hips * 1.04)
    low = wear.hem * b.leg_length
    half = (b.depth * 1.15 if trunk.side else b.hips) * wear.flare
    top = skirt_top(trunk)
    mid = low * 0.45
    edge: list[Point] = [(waist, top), (hip, 0.0), (hip + (half - hip) * 0.55, mid), (half, low), (half, low)]
    dip = 0.012 + low * 0.02
    hem: list[Point] = [(half * 0.5, low + dip), (0.0, low + dip * 1.3), (-half * 0.5, low + dip)]
    outline = [*edge, *hem, *((-x, y) for x, y in reversed(edge))]
    fill = trunk.tones.drape(color, *(trunk.fall() if wear.hem_top else ((-half, top), (half, low))))
    inks = [Ink(blob([*outline, outline[-1], outline[0]]), fill)]
    if low > 0.1:
        inks.append(Ink(_skirt_folds(trunk, half, low, dip), trunk.tones.cloth(color.mixed(BLACK, 0.16), 0.6)))
    if trunk.tones.rim is not None:
        inks.insert(0, Ink(Path().add(inks[0].path, 0.004 * trunk.tones.side, -0.002), trunk.tones.rim))
    return inks


def _skirt_folds(trunk: Trunk, half: float, low: float, dip: float) -> Path:
    """The folds of a skirt of this half width and length, whose hem sinks by `dip`; a coat has its slit in front."""
    folds = Path()
    slit = trunk.wear.hem_top and trunk.wear.legs >= 1
    if slit and not trunk.side:
        folds.add(
            blob(
                [
                    (0.004, 0.0),
                    (half * 0.03, low * 0.6),
                    (half * 0.09, low + dip),
                    (-half * 0.05, low + dip),
                    (0.0, low * 0.6),
                ],
                0.5,
            )
        )
    for at in () if slit else (-0.42, 0.05, 0.5):
        x = half * at
        folds.add(
            blob(
                [
                    (x * 0.55, low * 0.22),
                    (x * 0.9 + half * 0.03, low * 0.65),
                    (x + half * 0.055, low + dip * 0.8),
                    (x - half * 0.055, low + dip * 0.8),
                    (x * 0.9 - half * 0.01, low * 0.65),
                ]
            )
        )
    return folds


def skirt_top(trunk: Trunk) -> float:
    """The y of a skirt's upper edge, from the hip."""
    return trunk.y(0.3)


def skirt_half(trunk: Trunk, deep: float) -> float:
    """The skirt's half width so far below the hip."""
    b, wear = trunk.build, trunk.wear
    hip, hem = b.depth * 1.04 if trunk.side else b.hips * 1.04, (b.depth * 1.15 if trunk.side else b.hips) * wear.flare
    return hip + (hem - hip) * min(1.0, deep / (wear.hem * b.leg_length))


def lap_length(trunk: Trunk, sits: bool) -> float:
    """How far a skirt hangs below the hip of one who sits or kneels, seen from the front."""
    if not sits:
        return trunk.wear.hem * trunk.build.leg_length
    return 0.082 + max(0.0, trunk.wear.hem - 0.5) * trunk.build.leg_length


def lap(trunk: Trunk, low: float) -> list[Ink]:
    """The skirt of one who sits or kneels, from the front: it lies over both legs, down to y = `low` from the hip."""
    b, wear = trunk.build, trunk.wear
    half = b.hips * (1.16 + 0.2 * (wear.hem > 0.7))
    color = trunk.look.top if wear.hem_top else trunk.look.bottom
    edge: list[Point] = [(b.hips * 0.8, -0.012), (half, 0.03), (half, low), (half, low)]
    outline = [*edge, (0.0, low + 0.012), *((-x, y) for x, y in reversed(edge))]
    return [Ink(blob(outline), trunk.tones.drape(color, (-half, -0.03), (half, low)))]


def cape(trunk: Trunk) -> list[Ink]:
    """A cape behind the trunk, hanging from the neck, which is its origin."""
    b = trunk.build
    low = b.shoulder - 0.16
    if trunk.side:
        path = blob(
            [
                (0.01, -0.005),
                (-b.depth * 0.6, -0.01),
                (-b.depth * 1.5, low * 0.4),
                (-b.depth * 2.6, low),
                (-b.depth * 2.6, low),
                (-b.depth * 0.6, low * 0.98),
                (0.0, low * 0.5),
            ]
        )
    else:
        half: list[Point] = [
            (0.03, -0.015),
            (b.shoulders + 0.012, 0.0),
            (b.shoulders * 1.35, low * 0.5),
            (b.shoulders * 1.75, low),
            (b.shoulders * 1.75, low),
            (b.shoulders * 0.6, low * 1.03),
            (0.0, low),
        ]
        path = blob(mirrored(half)[:-1])
    return [Ink(path, trunk.tones.drape(trunk.look.accent, (-0.15, 0.0), (0.15, low)))]


def fairy_wings(trunk: Trunk) -> list[Ink]:
    """Two pairs of see-through wings, at the neck."""
    half: list[Point] = [(0.02, 0.03), (0.1, -0.12), (0.27, -0.16), (0.3, -0.02), (0.16, 0.09)]
    lower: list[Point] = [(0.02, 0.07), (0.16, 0.1), (0.22, 0.22), (0.12, 0.27), (0.04, 0.16)]
    wings = Path()
    for shape in (half, lower):
        if trunk.side:
            wings.add(blob([(-x, y) for x, y in shape]))
        else:
            wings.add(both(shape))
    return [Ink(wings, Color(214, 240, 255).alpha(0.78))]


def backpack(trunk: Trunk) -> list[Ink]:
    """A backpack behind the trunk, at the neck."""
    x = -trunk.build.depth * 1.5 if trunk.side else 0.0
    half = 0.06 if trunk.side else trunk.build.shoulders * 0.92
    return [
        Ink(
            Path().add(taper(trunk.height * 0.5, half, half, 0.04), x, 0.03),
            trunk.tones.drape(trunk.look.accent, (x - half, 0.0), (x + half, 0.1)),
        )
    ]
