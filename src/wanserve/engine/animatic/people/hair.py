"""Draws hair: what hangs behind the head, and what grows over it. Pure. Lengths are head heights, as in `faces.py`."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from wanserve.engine.animatic.color import BLACK, Color
from wanserve.engine.animatic.drawing import Path, Point
from wanserve.engine.animatic.people.ink import Ink, blob, both, mirrored, stroke

HairDrawer = Callable[[bool, Color], list[Ink]]


def hair_behind(style: str, side: bool, color: Color) -> list[Ink]:
    """What is drawn behind the head, and swings."""
    return BEHIND[style](side, color.mixed(BLACK, 0.16)) if style in BEHIND else []


def hair_over(style: str, side: bool, color: Color) -> list[Ink]:
    """What is drawn over the head."""
    return OVER[style](side, color)


def _cap(
    side: bool, color: Color, hairline: list[Point], side_line: list[Point], high: float = 0.06, low: float = -0.4
) -> list[Ink]:
    """Hair all around the skull, `high` over the crown, down to the hairline and, at the nape, to y = `low`."""
    top = -0.985 - high
    if side:
        crown: list[Point] = [
            (-0.2, low + 0.13),
            (-0.37, low),
            (-0.44 - high * 0.5, -0.6),
            (-0.36, -0.86),
            (-0.12, top),
            (0.16, top + 0.02),
            (0.36, -0.85),
        ]
        shape = blob([*crown, *side_line])
        shine = stroke([(-0.3, -0.78), (-0.12, -0.92), (0.1, -0.95)])
    else:
        edge = 0.445 + high * 0.35
        around = [
            (-edge + 0.02, -0.42),
            (-edge, -0.6),
            (-0.4, -0.84),
            (-0.22, top + 0.045),
            (0.0, top),
            (0.22, top + 0.045),
            (0.4, -0.84),
            (edge, -0.6),
            (edge - 0.02, -0.42),
        ]
        shape = blob([*around, *hairline])
        shine = stroke([(-0.31, -0.82), (-0.2, -0.92), (-0.04, -0.965)])
    return [Ink(shape, color), Ink(shine, _light(color), 0.05)]


def _light(color: Color) -> Color:
    r, g, b = (min(255, round(v * 1.12 + 16)) for v in color[:3])
    return Color(r, g, b)


_FRINGE: list[Point] = [
    (0.395, -0.46),
    (0.37, -0.6),
    (0.26, -0.69),
    (0.06, -0.73),
    (-0.14, -0.70),
    (-0.3, -0.72),
    (-0.375, -0.6),
    (-0.395, -0.46),
]
_SWEPT: list[Point] = [
    (0.395, -0.46),
    (0.385, -0.6),
    (0.33, -0.7),
    (0.1, -0.7),
    (-0.12, -0.76),
    (-0.22, -0.83),
    (-0.31, -0.74),
    (-0.38, -0.6),
    (-0.395, -0.46),
]
_ROUND: list[Point] = [
    (0.4, -0.4),
    (0.385, -0.56),
    (0.3, -0.66),
    (0.12, -0.68),
    (0.0, -0.67),
    (-0.12, -0.68),
    (-0.3, -0.66),
    (-0.385, -0.56),
    (-0.4, -0.4),
]
_PARTED: list[Point] = [
    (0.42, -0.3),
    (0.385, -0.5),
    (0.28, -0.66),
    (0.1, -0.77),
    (0.0, -0.84),
    (-0.1, -0.77),
    (-0.28, -0.66),
    (-0.385, -0.5),
    (-0.42, -0.3),
]
_SIDE: list[Point] = [
    (0.39, -0.74),
    (0.3, -0.7),
    (0.16, -0.68),
    (0.07, -0.6),
    (0.05, -0.46),
    (0.0, -0.5),
    (-0.1, -0.49),
    (-0.15, -0.4),
    (-0.14, -0.3),
]
_SIDE_FULL: list[Point] = [
    (0.385, -0.72),
    (0.28, -0.66),
    (0.14, -0.6),
    (0.05, -0.45),
    (0.04, -0.3),
    (-0.04, -0.22),
    (-0.14, -0.24),
]


def _short(side: bool, color: Color) -> list[Ink]:
    return _cap(side, color, _FRINGE, _SIDE)


def _side_swept(side: bool, color: Color) -> list[Ink]:
    return _cap(side, color, _SWEPT, _SIDE, high=0.085)


def _drawn_back(side: bool, color: Color) -> list[Ink]:
    return _cap(side, color, _PARTED, _SIDE, high=0.045)


def _full(side: bool, color: Color) -> list[Ink]:
    return _cap(side, color, _ROUND, _SIDE_FULL, low=-0.3)


def _locks(side: bool, color: Color, low: float) -> list[Ink]:
    """Parted hair with locks that fall beside the face to y = `low`."""
    if side:
        lock = blob(
            [
                (0.12, -0.68),
                (0.1, -0.45),
                (0.05, low - 0.03),
                (-0.1, low + 0.01),
                (-0.34, low),
                (-0.42, -0.4),
                (-0.3, -0.7),
            ]
        )
        return [Ink(lock, color), *_cap(side, color, _PARTED, _SIDE_FULL, low=-0.3)]
    half: list[Point] = [
        (0.36, -0.62),
        (0.43, -0.64),
        (0.49, -0.4),
        (0.485, low),
        (0.4, low + 0.03),
        (0.345, low - 0.02),
        (0.385, -0.4),
    ]
    locks = both(half)
    return [Ink(locks, color), *_cap(side, color, _PARTED, _SIDE_FULL)]


def _curls(side: bool, color: Color) -> list[Ink]:
    """A cap of round curls."""
    ring = Path()
    for i in range(-2, 5) if side else range(-1, 8):
        angle = math.pi * (1 - i / 6)
        x, y = 0.41 * math.cos(angle), -0.66 - 0.36 * math.sin(angle)
        ring.circle(x, y, 0.12)
    return [Ink(ring, color), *_cap(side, color, _FRINGE, _SIDE, high=0.05)]


def _bald(side: bool, color: Color) -> list[Ink]:
    """Hair at the sides only."""
    if side:
        return [
            Ink(
                blob(
                    [
                        (-0.02, -0.5),
                        (-0.13, -0.46),
                        (-0.14, -0.28),
                        (-0.27, -0.22),
                        (-0.4, -0.38),
                        (-0.435, -0.56),
                        (-0.3, -0.62),
                        (-0.1, -0.58),
                    ]
                ),
                color,
            )
        ]
    half: list[Point] = [(0.4, -0.66), (0.45, -0.58), (0.455, -0.4), (0.42, -0.36), (0.395, -0.46)]
    return [Ink(both(half), color)]


def _shaved(side: bool, color: Color) -> list[Ink]:
    return []


def _tuft(side: bool, color: Color) -> list[Ink]:
    x = 0.1 if side else 0.0
    curl = stroke([(x - 0.12, -0.94), (x - 0.05, -1.03), (x + 0.05, -1.02), (x + 0.06, -0.94), (x, -0.93)])
    return [Ink(curl, color, 0.06)]


def _braids(side: bool, color: Color) -> list[Ink]:
    plaits = Path()
    for i in range(5):
        y, r = -0.24 + i * 0.14, 0.095 - i * 0.007
        if side:
            plaits.ellipse(-0.3 + 0.015 * i, y, r, 0.085)
        else:
            plaits.ellipse(-0.43, y, r, 0.085).ellipse(0.43, y, r, 0.085)
    return [Ink(plaits, color), *_cap(side, color, _PARTED, _SIDE_FULL, high=0.045)]


def _long_behind(side: bool, color: Color) -> list[Ink]:
    if side:
        return [
            Ink(
                blob(
                    [
                        (0.02, -0.8),
                        (0.04, -0.4),
                        (-0.06, 0.0),
                        (-0.1, 0.42),
                        (-0.28, 0.58),
                        (-0.46, 0.5),
                        (-0.5, 0.1),
                        (-0.5, -0.5),
                        (-0.3, -0.9),
                    ]
                ),
                color,
            )
        ]
    return [
        Ink(
            blob(
                mirrored([(0.0, -0.95), (0.4, -0.8), (0.5, -0.4), (0.53, 0.1), (0.5, 0.42), (0.36, 0.52), (0.0, 0.5)])[
                    :-1
                ]
            ),
            color,
        )
    ]


def _bob_behind(side: bool, color: Color) -> list[Ink]:
    if side:
        return [
            Ink(
                blob(
                    [
                        (0.02, -0.8),
                        (0.03, -0.3),
                        (0.0, -0.02),
                        (-0.2, 0.03),
                        (-0.44, -0.02),
                        (-0.52, -0.35),
                        (-0.42, -0.8),
                    ]
                ),
                color,
            )
        ]
    return [
        Ink(
            blob(
                mirrored(
                    [(0.0, -0.95), (0.4, -0.82), (0.52, -0.45), (0.535, -0.1), (0.46, 0.015), (0.3, 0.0), (0.0, -0.04)]
                )[:-1]
            ),
            color,
        )
    ]


def _bun_behind(side: bool, color: Color) -> list[Ink]:
    x, y = (-0.36, -0.95) if side else (0.0, -1.1)
    return [Ink(Path().circle(x, y, 0.19), color)]


def _tail_behind(side: bool, color: Color) -> list[Ink]:
    if side:
        return [
            Ink(
                blob(
                    [
                        (-0.3, -0.82),
                        (-0.52, -0.84),
                        (-0.72, -0.62),
                        (-0.74, -0.25),
                        (-0.64, 0.1),
                        (-0.58, -0.2),
                        (-0.52, -0.5),
                        (-0.38, -0.62),
                    ]
                ),
                color,
            )
        ]
    return [
        Ink(
            blob(
                [(0.1, -0.95), (0.34, -1.08), (0.56, -0.86), (0.62, -0.45), (0.54, -0.05), (0.46, -0.3), (0.42, -0.6)]
            ),
            color,
        )
    ]


def _bunches_behind(side: bool, color: Color) -> list[Ink]:
    if side:
        return [
            Ink(
                blob([(-0.25, -0.78), (-0.5, -0.84), (-0.66, -0.6), (-0.58, -0.28), (-0.44, -0.34), (-0.34, -0.58)]),
                color,
            )
        ]
    half: list[Point] = [(0.36, -0.8), (0.54, -0.84), (0.68, -0.62), (0.64, -0.3), (0.54, -0.22), (0.46, -0.42)]
    return [Ink(both(half), color)]


def _afro_behind(side: bool, color: Color) -> list[Ink]:
    return [Ink(Path().ellipse(-0.1 if side else 0.0, -0.7, 0.58, 0.52), color)]


BEHIND: Mapping[str, HairDrawer] = MappingProxyType(
    {
        "long": _long_behind,
        "bob": _bob_behind,
        "bun": _bun_behind,
        "ponytail": _tail_behind,
        "bunches": _bunches_behind,
        "afro": _afro_behind,
    }
)

OVER: Mapping[str, HairDrawer] = MappingProxyType(
    {
        "short": _short,
        "side": _side_swept,
        "curly": _curls,
        "bald": _bald,
        "shaved": _shaved,
        "tuft": _tuft,
        "braids": _braids,
        "long": lambda side, color: _locks(side, color, -0.05),
        "bob": lambda side, color: _locks(side, color, -0.1),
        "bun": _drawn_back,
        "ponytail": _drawn_back,
        "bunches": _full,
        "afro": _curls,
    }
)
