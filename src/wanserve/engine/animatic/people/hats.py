"""Draws what people wear on their heads, from a table of simple shapes. Pure. Lengths are head heights, as in `faces.py`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from wanserve.engine.animatic.color import Color, rgb
from wanserve.engine.animatic.drawing import Path, Point
from wanserve.engine.animatic.people.ink import Ink, bar, blob, both, star, stroke
from wanserve.engine.animatic.people.tones import Tones

Numbers = Sequence[float]


@dataclass(frozen=True, slots=True)
class Bit:
    """One shape of a hat: what, its colour (hex, or `top`, `accent`) and the numbers that its drawer takes."""

    kind: str
    color: str
    numbers: tuple[float, ...] = ()
    alpha: float = 1.0
    line: float = 0.0


def _bit(kind: str, color: str, *numbers: float, alpha: float = 1.0, line: float = 0.0) -> Bit:
    return Bit(kind, color, numbers, alpha, line)


def _dome(side: bool, n: Numbers) -> Path:
    """A dome of this half width over y, this high."""
    w, y, h = n[:3]
    x = -0.03 if side else 0.0
    return blob(
        [
            (x - w, y),
            (x - w, y),
            (x - w * 0.92, y - h * 0.6),
            (x - w * 0.55, y - h * 0.94),
            (x, y - h),
            (x + w * 0.55, y - h * 0.94),
            (x + w * 0.92, y - h * 0.6),
            (x + w, y),
            (x + w, y),
            (x, y + 0.04),
        ]
    )


def _block(side: bool, n: Numbers) -> Path:
    """A crown: half width below at y, half width above, height; the top bulges by a fourth number."""
    w, y, upper, h = n[:4]
    bulge = n[4] if len(n) > 4 else 0.03
    return blob(
        [
            (-w, y),
            (-w, y),
            (-upper, y - h),
            (-upper, y - h),
            (0, y - h - bulge),
            (upper, y - h),
            (upper, y - h),
            (w, y),
            (w, y),
            (0, y + 0.035),
        ]
    )


def _brim(side: bool, n: Numbers) -> Path:
    """A round brim: half width, y, thickness, and how far its ends turn up."""
    w, y, h = n[:3]
    up = n[3] if len(n) > 3 else 0.0
    return blob(
        [
            (-w, y - up),
            (-w * 0.5, y - h * 0.7),
            (0, y - h),
            (w * 0.5, y - h * 0.7),
            (w, y - up),
            (w * 0.6, y + h * 0.75),
            (0, y + h),
            (-w * 0.6, y + h * 0.75),
        ]
    )


def _visor(side: bool, n: Numbers) -> Path:
    """A cap's peak at y: half width, how deep it hangs."""
    w, y, h = n[:3]
    if side:
        return blob(
            [
                (0.2, y - 0.05),
                (0.44, y - 0.05),
                (0.44 + w * 0.6, y + h * 0.7),
                (0.4 + w * 0.5, y + h * 0.9),
                (0.3, y + 0.05),
            ]
        )
    return blob(
        [
            (-w, y - 0.02),
            (-w, y - 0.02),
            (0, y - 0.05),
            (w, y - 0.02),
            (w, y - 0.02),
            (w * 0.7, y + h * 0.85),
            (0, y + h),
            (-w * 0.7, y + h * 0.85),
        ]
    )


def _cone(side: bool, n: Numbers) -> Path:
    """A pointed hat: half width, y, height, how far its point bends back."""
    w, y, h, bend = n[:4]
    tip = -bend if side else bend
    return blob(
        [
            (-w, y),
            (-w, y),
            (-w * 0.55, y - h * 0.5),
            (tip, y - h),
            (tip + 0.02, y - h),
            (w * 0.5, y - h * 0.5),
            (w, y),
            (w, y),
            (0, y + 0.05),
        ]
    )


def _crown(side: bool, n: Numbers) -> Path:
    """A crown of five points: half width, y, height."""
    w, y, h = n[:3]
    teeth: list[Point] = []
    for i in range(5):
        x = -w * 1.08 + i * w * 0.54
        teeth += [(x, y - h * (1.1 if i == 2 else 1.0)), (x + w * 0.27, y - h * 0.45)]
    return Path().polygon([(-w * 0.92, y), *teeth[:-1], (w * 0.92, y)])


def _band(side: bool, n: Numbers) -> Path:
    """A band about the head: half width, y, half height."""
    return bar(-0.02 if side else 0.0, n[1], n[0], n[2], 0.05)


def _ball(side: bool, n: Numbers) -> Path:
    """A ball at x, y of radii; x is forward from the side where a fifth number is given."""
    x, y = n[0], n[1]
    return Path().ellipse(n[4] if side and len(n) > 4 else x, y, n[2], n[3] if len(n) > 3 else n[2])


def _pair(side: bool, n: Numbers) -> Path:
    """Two balls, left and right; from the side one of them, further back."""
    if side:
        return Path().ellipse(n[4] if len(n) > 4 else -0.1, n[1], n[2], n[3])
    return Path().ellipse(-n[0], n[1], n[2], n[3]).ellipse(n[0], n[1], n[2], n[3])


def _horns(side: bool, n: Numbers) -> Path:
    half: list[Point] = [(0.4, -0.72), (0.62, -0.78), (0.72, -1.06), (0.8, -0.86), (0.74, -0.62), (0.44, -0.56)]
    if side:
        return blob([(x - 0.5, y) for x, y in half])
    return both(half)


def _hood(side: bool, n: Numbers) -> Path:
    """Cloth around the face: how far it stands off, and how low it falls."""
    off, low = n[:2]
    if side:
        return blob(
            [
                (0.3, -0.86),
                (0.1, -1.03 - off),
                (-0.25, -0.98 - off * 0.5),
                (-0.47 - off, -0.6),
                (-0.44 - off, -0.2),
                (-0.36, low),
                (0.0, low + 0.02),
                (0.13, -0.1),
                (0.1, -0.35),
                (0.16, -0.6),
                (0.33, -0.74),
            ]
        )
    outer: list[Point] = [
        (0.0, -1.02 - off),
        (0.3, -0.94 - off),
        (0.47 + off * 0.6, -0.62),
        (0.47 + off, -0.25),
        (0.4, low),
        (0.0, low + 0.04),
    ]
    inner: list[Point] = [(0.0, -0.06), (0.24, -0.12), (0.345, -0.36), (0.335, -0.6), (0.22, -0.74), (0.0, -0.78)]
    ring = [*outer, *((-x, y) for x, y in reversed(outer[1:-1]))]
    hole = [*inner, *((-x, y) for x, y in reversed(inner[1:-1]))]
    return _with_hole(ring, hole)


def _with_hole(ring: list[Point], hole: list[Point]) -> Path:
    """An outline with a hole, as one sub-path that goes around the one and back around the other."""
    seam = min(range(len(hole)), key=lambda i: abs(hole[i][0]) + (hole[i][1] + 0.78) ** 2)
    back = [hole[(seam + i) % len(hole)] for i in range(len(hole) + 1)]
    return blob([*ring, ring[0], ring[0], back[0], *back, back[-1], ring[0]])


def _veil(side: bool, n: Numbers) -> Path:
    low = n[0]
    if side:
        return blob(
            [
                (0.26, -0.92),
                (0.05, -1.05),
                (-0.3, -0.98),
                (-0.52, -0.6),
                (-0.6, low * 0.5),
                (-0.62, low),
                (-0.2, low),
                (0.0, -0.1),
                (0.06, -0.5),
                (0.2, -0.76),
            ]
        )
    half: list[Point] = [
        (0.34, -0.86),
        (0.46, -0.66),
        (0.52, -0.2),
        (0.6, low),
        (0.36, low + 0.03),
        (0.38, -0.2),
        (0.36, -0.55),
    ]
    top = blob(
        [
            (-0.44, -0.66),
            (-0.34, -0.92),
            (0, -1.05),
            (0.34, -0.92),
            (0.44, -0.66),
            (0.3, -0.76),
            (0, -0.8),
            (-0.3, -0.76),
        ]
    )
    return top.add(both(half))


def _mask(side: bool, n: Numbers) -> Path:
    """A band over the eyes, with holes left for them by being drawn under the eyes."""
    y, h = n[:2]
    return (
        blob([(0.0, y - h), (0.3, y - h), (0.4, y), (0.3, y + h), (0.0, y + h * 0.8), (-0.1, y)])
        if side
        else bar(0, y, 0.41, h, 0.07)
    )


def _cloth(side: bool, n: Numbers) -> Path:
    """A cloth over nose and mouth."""
    if side:
        return blob(
            [
                (0.1, -0.36),
                (0.36, -0.4),
                (0.5, -0.33),
                (0.44, -0.2),
                (0.42, -0.04),
                (0.24, 0.03),
                (0.0, -0.02),
                (-0.05, -0.3),
            ]
        )
    return blob(
        [
            (-0.4, -0.4),
            (0.0, -0.36),
            (0.4, -0.4),
            (0.34, -0.12),
            (0.16, 0.02),
            (0.0, 0.03),
            (-0.16, 0.02),
            (-0.34, -0.12),
        ]
    )


def _line(side: bool, n: Numbers) -> Path:
    points = list(zip(n[::2], n[1::2], strict=True))
    return stroke([(x * (0.7 if side else 1.0), y) for x, y in points])


def _star(side: bool, n: Numbers) -> Path:
    return star(0.2 if side else n[0], n[1], n[2])


KINDS: Mapping[str, Callable[[bool, Numbers], Path]] = MappingProxyType({
    "dome": _dome, "block": _block, "brim": _brim, "visor": _visor, "cone": _cone, "crown": _crown, "band": _band, "ball": _ball,
    "pair": _pair, "horns": _horns, "hood": _hood, "veil": _veil, "mask": _mask, "cloth": _cloth, "line": _line, "star": _star,
})  # fmt: skip

_GOLD = "#f2c64a"
_PEAK = (
    _bit("block", "top", 0.44, -0.68, 0.56, 0.24, 0.06),
    _bit("band", "#22242e", 0.45, -0.68, 0.06),
    _bit("visor", "#22242e", 0.36, -0.64, 0.12),
)

HATS: Mapping[str, tuple[Bit, ...]] = MappingProxyType({
    "woolly": (_bit("dome", "accent", 0.48, -0.64, 0.5), _bit("ball", "#ffffff", 0, -1.18, 0.11), _bit("band", "#ffffff", 0.49, -0.66, 0.075)),
    "rainhood": (_bit("hood", "top", 0.06, 0.1),),
    "toque": (_bit("pair", "#ffffff", 0.26, -1.16, 0.27, 0.22, -0.1), _bit("ball", "#ffffff", 0, -1.24, 0.28, 0.24), _bit("block", "#f4f2ee", 0.43, -0.68, 0.42, 0.4)),
    "frill": (_bit("pair", "#ffffff", 0.2, -0.95, 0.12, 0.1, 0.1), _bit("ball", "#ffffff", 0, -0.99, 0.13, 0.11), _bit("band", "#f1eef2", 0.34, -0.9, 0.045)),
    "cap": (_bit("block", "#ffffff", 0.3, -0.86, 0.34, 0.17), _bit("line", "#e2484f", -0.06, -0.94, 0.06, -0.94, line=0.05), _bit("line", "#e2484f", 0, -1.0, 0, -0.88, line=0.05)),
    "goggles": (_bit("band", "#4a5160", 0.44, -0.76, 0.045), _bit("pair", "#8fd3e8", 0.16, -0.77, 0.12, 0.1, 0.3), _bit("pair", "#4a5160", 0.16, -0.77, 0.12, 0.1, 0.3, line=0.03)),
    "peaked": (*_PEAK, _bit("star", "accent", 0, -0.82, 0.1)),
    "captain": (_bit("block", "#f7f6f2", 0.44, -0.68, 0.58, 0.24, 0.07), _bit("band", "#2b3552", 0.45, -0.68, 0.065), _bit("visor", "#22242e", 0.36, -0.63, 0.12), _bit("star", "accent", 0, -0.8, 0.09)),
    "firehelmet": (_bit("dome", "top", 0.47, -0.66, 0.48), _bit("brim", "top", 0.62, -0.64, 0.07), _bit("ball", "accent", 0, -0.86, 0.11, 0.14, 0.3)),
    "helmet": (_bit("dome", "accent", 0.51, -0.58, 0.52), _bit("brim", "accent", 0.54, -0.6, 0.04)),
    "hardhat": (_bit("dome", "#f7c531", 0.48, -0.66, 0.46), _bit("ball", "#f9d766", 0, -0.92, 0.08, 0.22, 0.0), _bit("brim", "#efb51f", 0.56, -0.65, 0.055)),
    "flatcap": (_bit("dome", "#7a6a5a", 0.5, -0.7, 0.36), _bit("visor", "#6a5b4d", 0.36, -0.7, 0.13)),
    "straw": (_bit("block", "#efcf86", 0.4, -0.7, 0.34, 0.32, 0.05), _bit("band", "accent", 0.405, -0.75, 0.05), _bit("brim", "#e8c374", 0.78, -0.68, 0.08)),
    "swimcap": (_bit("dome", "top", 0.455, -0.62, 0.43), _bit("line", "accent", -0.38, -0.84, 0, -0.9, 0.38, -0.84, line=0.04)),
    "helmet_round": (_bit("dome", "accent", 0.5, -0.62, 0.5), _bit("line", "#e2483f", -0.4, -0.82, 0, -0.9, 0.4, -0.82, line=0.05)),
    "bikehelmet": (_bit("dome", "top", 0.49, -0.68, 0.46), _bit("line", "#2f3340", -0.2, -0.74, -0.16, -1.04, line=0.06), _bit("line", "#2f3340", 0.2, -0.74, 0.16, -1.04, line=0.06)),
    "mothelmet": (_bit("dome", "#c8383f", 0.53, -0.55, 0.6), _bit("band", "#2a2b33", 0.52, -0.66, 0.06)),
    "bucket": (_bit("block", "#c9b583", 0.45, -0.7, 0.36, 0.32, 0.04), _bit("brim", "#b8a272", 0.6, -0.66, 0.09, -0.04)),
    "mask": (_bit("band", "#2b3a4e", 0.45, -0.8, 0.04), _bit("mask", "#9fe0f0", -0.72, 0.1, alpha=0.9)),
    "spacehelmet": (_bit("ball", "#cfeaf8", 0, -0.47, 0.66, 0.66, 0.0, alpha=0.14), _bit("ball", "#ffffff", 0, -0.47, 0.64, 0.64, 0.0, alpha=0.95, line=0.07),
                    _bit("line", "#ffffff", -0.46, -0.68, -0.36, -0.84, -0.2, -0.95, alpha=0.8, line=0.06)),
    "sailor": (_bit("block", "#ffffff", 0.34, -0.8, 0.3, 0.22, 0.05), _bit("brim", "#f4f4f2", 0.46, -0.8, 0.1, 0.06), _bit("line", "accent", -0.36, -0.8, 0, -0.77, 0.36, -0.8, line=0.035)),
    "tricorn": (_bit("dome", "#3a2c28", 0.46, -0.66, 0.4), _bit("brim", "#4a3832", 0.72, -0.72, 0.15, 0.2), _bit("line", _GOLD, -0.68, -0.88, -0.3, -0.78, 0, -0.84, 0.3, -0.78, 0.68, -0.88, line=0.035)),
    "cowboy": (_bit("block", "accent", 0.4, -0.7, 0.3, 0.42, -0.05), _bit("band", "#4a3020", 0.39, -0.76, 0.04), _bit("brim", "accent", 0.82, -0.7, 0.08, 0.14)),
    "knight": (_bit("hood", "top", 0.03, 0.04), _bit("dome", "top", 0.5, -0.62, 0.47), _bit("ball", "accent", 0, -1.2, 0.1, 0.18, -0.25), _bit("band", "#8893a3", 0.5, -0.66, 0.06)),
    "kabuto": (_bit("dome", "#3f3a46", 0.5, -0.62, 0.48), _bit("brim", "top", 0.62, -0.58, 0.09, -0.1), _bit("line", "accent", -0.3, -1.3, -0.16, -0.9, 0, -0.8, 0.16, -0.9, 0.3, -1.3, line=0.07)),
    "ninja": (_bit("hood", "top", 0.02, 0.1), _bit("band", "accent", 0.45, -0.74, 0.06)),
    "ninja_cloth": (_bit("cloth", "top"),),
    "horned": (_bit("horns", "#f3ead2"), _bit("dome", "#9aa3ad", 0.48, -0.64, 0.46), _bit("band", "#7a8490", 0.49, -0.65, 0.06)),
    "crown": (_bit("crown", "accent", 0.38, -0.8, 0.34), _bit("ball", "#d8383f", 0, -0.9, 0.05), _bit("band", "#d9a52f", 0.36, -0.81, 0.035)),
    "tiara": (_bit("crown", "accent", 0.26, -0.86, 0.22), _bit("ball", "#f08fb8", 0, -0.96, 0.04, 0.04, 0.1)),
    "circlet": (_bit("band", "accent", 0.42, -0.76, 0.04), _bit("ball", "#d8383f", 0, -0.77, 0.05, 0.05, 0.36)),
    "wizard": (_bit("cone", "top", 0.46, -0.7, 0.95, 0.16), _bit("brim", "top", 0.76, -0.68, 0.09), _bit("star", "accent", 0, -1.06, 0.12)),
    "witch": (_bit("cone", "top", 0.44, -0.7, 0.9, 0.2), _bit("band", "accent", 0.42, -0.76, 0.06), _bit("brim", "top", 0.82, -0.68, 0.08, -0.02)),
    "flowers": (_bit("line", "#5fa04f", -0.42, -0.72, -0.2, -0.84, 0, -0.87, 0.2, -0.84, 0.42, -0.72, line=0.06), _bit("pair", "#f7f3f0", 0.3, -0.8, 0.08, 0.08, -0.1), _bit("ball", "#f78fb0", 0, -0.88, 0.09, 0.09, 0.2)),
    "veil": (_bit("hood", "top", 0.06, 0.3), _bit("line", "accent", -0.33, -0.66, -0.2, -0.8, 0, -0.84, 0.2, -0.8, 0.33, -0.66, line=0.07)),
    "bridal": (_bit("veil", "#ffffff", 0.95, alpha=0.62), _bit("pair", "#fff6f8", 0.2, -0.92, 0.08, 0.08, 0.15), _bit("ball", "#f8dbe4", 0, -0.95, 0.09, 0.09, 0.2)),
    "santa": (_bit("cone", "top", 0.46, -0.7, 0.72, 0.42), _bit("ball", "#ffffff", 0.43, -1.4, 0.12, 0.12, -0.43), _bit("band", "#ffffff", 0.5, -0.7, 0.085)),
    "eyemask": (_bit("mask", "accent", -0.455, 0.105),),
    "clown": (_bit("pair", "#e8603a", 0.5, -0.55, 0.19, 0.22, -0.28), _bit("cone", "#3f8fd8", 0.26, -0.92, 0.52, 0.0), _bit("ball", "#f2c02c", 0, -1.44, 0.08, 0.08, 0.0)),
    "wig": (_bit("dome", "#efece4", 0.5, -0.6, 0.5), _bit("pair", "#e4e0d6", 0.47, -0.3, 0.13, 0.32, -0.2), _bit("pair", "#f4f2ec", 0.47, -0.12, 0.12, 0.1, -0.2)),
    "beret": (_bit("ball", "accent", -0.08, -0.9, 0.54, 0.2, -0.08), _bit("line", "accent", -0.06, -1.06, -0.02, -1.14, line=0.05)),
    "fedora": (_bit("block", "#5d5048", 0.41, -0.7, 0.32, 0.34, -0.03), _bit("band", "#2f2a28", 0.405, -0.75, 0.05), _bit("brim", "#54483f", 0.64, -0.69, 0.07, 0.02)),
})  # fmt: skip

BEFORE_FACE = frozenset({"mask", "spacehelmet"})
"""Hats that are drawn over the whole face."""

COVERS: Mapping[str, str] = MappingProxyType({"ninja": "ninja_cloth"})
"""What a hat has besides, over the face."""


def hat(name: str, side: bool, tones: Tones, top: Color, accent: Color) -> list[Ink]:
    """The hat's shapes, in the colours of the clothes; none for an unknown name."""
    inks = []
    for bit in HATS.get(name, ()):
        color = {"top": top, "accent": accent}.get(bit.color) or rgb(bit.color)
        path = KINDS[bit.kind](side, bit.numbers)
        if bit.line or bit.alpha < 1:
            inks.append(Ink(path, tones.cloth(color).alpha(bit.alpha), bit.line))
        else:
            inks.append(Ink(path, tones.drape(color, (-0.45, -1.2), (0.5, -0.55))))
    return inks
