"""Draws what is on a garment, by name: collars, lapels, aprons, belts, badges and the like. Pure.

Each drawer takes the trunk and returns shapes in its units. `TRIMS` is the table of their names.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import Path, Point
from wanserve.engine.animatic.people.ink import Ink, bar, blob, star, stroke
from wanserve.engine.animatic.people.tones import deep
from wanserve.engine.animatic.people.trunk import Trunk

GOLD, BROWN, SILVER, RED = rgb("#f2c64a"), rgb("#5f4030"), rgb("#cdd3db"), rgb("#d9434a")
CREAM = rgb("#f6f3ec")


def _skin_vee(trunk: Trunk, half: float, low: float) -> Ink:
    """Bare skin at the neck, down to this part of the height."""
    skin = trunk.tones.skin(trunk.look.skin)
    if trunk.side:
        return Ink(trunk.shape((0.2, 1.08), (0.95, 1.0), (0.97, low + 0.04), (0.6, 0.98)), skin)
    return Ink(
        trunk.shape(
            (-half, 1.08), (half, 1.08), (half * 0.72, (1.0 + low) / 2), (0.0, low), (-half * 0.72, (1.0 + low) / 2)
        ),
        skin,
    )


def _crew(trunk: Trunk) -> list[Ink]:
    """A round neck with its seam."""
    dark = trunk.tones.cloth(trunk.look.top.mixed(BLACK, 0.14), 0.4)
    if trunk.side:
        return [Ink(trunk.shape((-0.5, 1.04), (0.3, 1.07), (1.0, 0.99), (0.9, 0.93), (0.1, 0.99)), dark)]
    return [
        Ink(trunk.shape((-0.4, 1.08), (0.4, 1.08), (0.27, 0.95), (0.0, 0.905), (-0.27, 0.95)), dark),
        _skin_vee(trunk, 0.3, 0.94),
    ]


def _neckline(trunk: Trunk) -> list[Ink]:
    """A wide neck that leaves the collarbones free."""
    return [_skin_vee(trunk, 0.5, 0.84)]


def _vee(trunk: Trunk) -> list[Ink]:
    return [_skin_vee(trunk, 0.34, 0.76)]


def _collar(trunk: Trunk) -> list[Ink]:
    light = trunk.tones.cloth(trunk.look.top.mixed(WHITE, 0.3), 0.1)
    if trunk.look.outfit in ("maid", "nun"):
        light = trunk.tones.cloth(CREAM)
    if trunk.side:
        return [Ink(trunk.facet((-0.5, 1.08), (0.75, 1.08), (1.02, 0.9), (0.4, 0.94)), light)]
    half: list[Point] = [(0.03, 0.93), (0.34, 1.1), (0.46, 1.02), (0.28, 0.84)]
    return [_skin_vee(trunk, 0.28, 0.9), Ink(trunk.facet(*half).add(trunk.facet(*((-a, p) for a, p in half))), light)]


def _white_collar(trunk: Trunk) -> list[Ink]:
    path = (
        trunk.strip(0.985, 1.07, -0.4, 0.9)
        if trunk.side
        else trunk.facet((-0.34, 1.08), (0.34, 1.08), (0.3, 0.99), (-0.3, 0.99))
    )
    bands = [Ink(path, trunk.tones.cloth(CREAM))]
    if trunk.look.outfit == "judge" and not trunk.side:
        bands.append(
            Ink(
                trunk.facet(
                    (-0.13, 1.0), (0.13, 1.0), (0.2, 0.72), (0.02, 0.74), (0.0, 0.94), (-0.02, 0.74), (-0.2, 0.72)
                ),
                trunk.tones.cloth(CREAM),
            )
        )
    return bands


def _buttons(trunk: Trunk, color: Color | None = None) -> list[Ink]:
    dots = Path()
    for i in range(4):
        x, y = trunk.at(0.93 if trunk.side else 0.0, 0.8 - 0.2 * i)
        dots.ellipse(x, y, 0.003 if trunk.side else 0.0065, 0.0065)
    return [Ink(dots, trunk.tones.cloth(color or trunk.look.top.mixed(BLACK, 0.35)))]


def _gold_buttons(trunk: Trunk) -> list[Ink]:
    color = BLACK.mixed(GOLD, 0.3) if trunk.look.outfit == "priest" else GOLD
    return _buttons(trunk, color)


def _double(trunk: Trunk) -> list[Ink]:
    """A chef's double row of buttons."""
    if trunk.side:
        return _buttons(trunk)
    dots = Path()
    for i in range(3):
        for a in (-0.22, 0.22):
            x, y = trunk.at(a, 0.74 - 0.22 * i)
            dots.circle(x, y, 0.008)
    seam = stroke([trunk.at(-0.36, 0.92), trunk.at(-0.34, 0.1)])
    return [Ink(seam, trunk.tones.cloth(rgb("#d5d2ca")), 0.004), Ink(dots, trunk.tones.cloth(rgb("#8f8c88")))]


def _neckerchief(trunk: Trunk) -> list[Ink]:
    if trunk.side:
        return [Ink(trunk.facet((-0.5, 1.07), (0.9, 1.06), (1.04, 0.86), (0.6, 0.94)), trunk.accent())]
    return [
        Ink(
            trunk.shape(
                (-0.36, 1.08), (0.36, 1.08), (0.24, 0.97), (0.1, 0.86), (0.0, 0.9), (-0.1, 0.86), (-0.24, 0.97)
            ),
            trunk.accent(),
        )
    ]


def _hood(trunk: Trunk) -> list[Ink]:
    dark = trunk.tones.cloth(trunk.look.top.mixed(BLACK, 0.16), 0.3)
    if trunk.side:
        return [
            Ink(trunk.shape((0.7, 1.06), (-0.4, 1.12), (-1.3, 1.04), (-1.35, 0.84), (-0.6, 0.82), (0.5, 0.94)), dark)
        ]
    return [
        Ink(
            trunk.shape((-0.5, 1.06), (-0.3, 1.14), (0.3, 1.14), (0.5, 1.06), (0.4, 0.94), (0.0, 0.87), (-0.4, 0.94)),
            dark,
        ),
        _skin_vee(trunk, 0.28, 0.95),
    ]


def _strings(trunk: Trunk) -> list[Ink]:
    cords = Path()
    for a in (0.9,) if trunk.side else (-0.16, 0.16):
        cords.add(stroke([trunk.at(a, 0.9), trunk.at(a * 1.1, 0.68)]))
    return [Ink(cords, trunk.tones.cloth(CREAM), 0.007)]


def _pocket(trunk: Trunk) -> list[Ink]:
    dark = trunk.tones.cloth(trunk.look.top.mixed(BLACK, 0.15), 0.4)
    if trunk.side:
        return [Ink(trunk.facet((0.3, 0.36), (0.98, 0.36), (0.98, 0.1), (0.1, 0.1)), dark)]
    return [Ink(trunk.facet((-0.42, 0.4), (0.42, 0.4), (0.66, 0.12), (-0.66, 0.12)), dark)]


def _pockets(trunk: Trunk) -> list[Ink]:
    dark = trunk.tones.cloth(trunk.look.top.mixed(BLACK, 0.2), 0.4)
    path = Path()
    for a in (0.5,) if trunk.side else (-0.48, 0.48):
        x, y = trunk.at(a, 0.64)
        path.add(bar(x, y, 0.021, 0.024, 0.004))
    return [Ink(path, dark), *_buttons(trunk)]


def _blouse(trunk: Trunk) -> list[Ink]:
    """A white shirt's front under an open jacket."""
    white = trunk.tones.cloth(CREAM, 0.15)
    if trunk.side:
        return [Ink(trunk.facet((0.3, 1.08), (0.9, 1.04), (1.0, 0.84), (1.0, 0.66), (0.72, 0.9)), white)]
    return [
        Ink(trunk.facet((-0.4, 1.07), (0.4, 1.07), (0.36, 0.8), (0.1, 0.34), (-0.1, 0.34), (-0.36, 0.8)), white),
        _skin_vee(trunk, 0.24, 0.96),
    ]


def _lapels(trunk: Trunk) -> list[Ink]:
    """An open jacket's lapels."""
    light = trunk.tones.cloth(
        trunk.look.top.mixed(WHITE, 0.1) if sum(trunk.look.top[:3]) < 500 else trunk.look.top.mixed(BLACK, 0.09), 0.2
    )
    seam = trunk.tones.cloth(trunk.look.top.mixed(BLACK, 0.3), 0.4)
    if trunk.side:
        return [Ink(trunk.facet((-0.1, 1.1), (0.62, 1.06), (1.0, 0.56), (0.72, 0.74)), light)]
    half: list[Point] = [(0.26, 1.1), (0.44, 1.06), (0.6, 0.8), (0.48, 0.77), (0.52, 0.72), (0.1, 0.34), (0.05, 0.38)]
    return [
        Ink(trunk.facet(*half).add(trunk.facet(*((-a, p) for a, p in half))), light),
        Ink(stroke([trunk.at(0.04, 0.36), trunk.at(0.04, -0.1)]), seam, 0.004),
    ]


def _tie(trunk: Trunk) -> list[Ink]:
    if trunk.side:
        return [Ink(trunk.facet((0.82, 1.0), (0.98, 0.96), (1.08, 0.56), (0.94, 0.56)), trunk.accent())]
    return [
        Ink(
            trunk.facet((-0.1, 1.0), (0.1, 1.0), (0.07, 0.92), (0.14, 0.5), (0.0, 0.42), (-0.14, 0.5), (-0.07, 0.92)),
            trunk.accent(),
        ),
    ]


def _bowtie(trunk: Trunk) -> list[Ink]:
    color = trunk.tones.cloth(rgb("#2c2c34") if trunk.look.outfit in ("waiter", "groom") else trunk.look.accent)
    (x, y), w = trunk.at(0.9 if trunk.side else 0.0, 0.965), 0.018 if trunk.side else 0.034
    bow = Path().polygon(
        [(x, y - 0.005), (x + w, y - 0.017), (x + w, y + 0.017), (x, y + 0.005), (x - w, y + 0.017), (x - w, y - 0.017)]
    )
    return [Ink(bow.circle(x, y, 0.009), color)]


def _vest(trunk: Trunk) -> list[Ink]:
    """A waistcoat in the second colour, open over the shirt."""
    if trunk.side:
        return [
            Ink(
                trunk.facet((-0.9, 0.98), (0.2, 1.02), (1.02, 0.6), (1.03, -0.02), (-1.03, -0.02), (-1.02, 0.6)),
                trunk.accent(),
            )
        ]
    half: list[Point] = [
        (0.4, 1.06),
        (0.74, 1.0),
        (0.72, 0.8),
        (1.02, 0.6),
        (1.03, 0.3),
        (1.03, 0.0),
        (0.4, 0.04),
        (0.02, -0.04),
        (0.02, 0.5),
    ]
    path = trunk.facet(*half).add(trunk.facet(*((-a, p) for a, p in half)))
    return [Ink(path, trunk.accent(0.25)), *_buttons(trunk, rgb("#e4dccb"))[:1]]


def _safety_vest(trunk: Trunk) -> list[Ink]:
    stripes = trunk.strip(0.3, 0.4).add(trunk.strip(0.56, 0.64))
    return [*_vest(trunk)[:1], Ink(stripes, trunk.tones.cloth(rgb("#f2f0c4"), 0.0))]


def _waist(trunk: Trunk) -> list[Ink]:
    """A waiter's long apron, tied at the waist."""
    if trunk.look.outfit != "waiter":
        return []
    return [
        Ink(trunk.facet((-0.95, 0.2), (0.95, 0.2), (0.98, -0.22), (-0.98, -0.22)), trunk.tones.cloth(rgb("#2c2d36")))
    ]


def _apron(trunk: Trunk) -> list[Ink]:
    """A bib apron."""
    color = trunk.tones.cloth(CREAM if trunk.look.outfit == "maid" else trunk.look.accent, 0.15)
    dark = trunk.tones.cloth((CREAM if trunk.look.outfit == "maid" else trunk.look.accent).mixed(BLACK, 0.16), 0.3)
    if trunk.side:
        return [
            Ink(stroke([trunk.at(0.3, 1.02), trunk.at(0.86, 0.78)]), dark, 0.012),
            Ink(trunk.facet((0.62, 0.8), (1.04, 0.8), (1.06, 0.4), (1.1, -0.5), (0.1, -0.5), (0.1, 0.32)), color),
            Ink(stroke([trunk.at(0.1, 0.32), trunk.at(-0.98, 0.32)]), dark, 0.01),
        ]
    straps = stroke([trunk.at(-0.42, 0.78), trunk.at(-0.34, 1.04)]).add(
        stroke([trunk.at(0.42, 0.78), trunk.at(0.34, 1.04)])
    )
    bib = trunk.shape(
        (-0.46, 0.8),
        (-0.46, 0.8),
        (0.46, 0.8),
        (0.46, 0.8),
        (0.5, 0.42),
        (0.96, 0.3),
        (1.0, -0.2),
        (0.9, -0.52),
        (0.9, -0.52),
        (0.0, -0.58),
        (-0.9, -0.52),
        (-0.9, -0.52),
        (-1.0, -0.2),
        (-0.96, 0.3),
        (-0.5, 0.42),
    )
    pocket = trunk.shape(
        (-0.4, 0.24), (-0.4, 0.24), (0.4, 0.24), (0.4, 0.24), (0.36, 0.02), (0.0, -0.03), (-0.36, 0.02)
    )
    return [Ink(straps, dark, 0.012), Ink(bib, color), Ink(pocket, dark)]


def _bib(trunk: Trunk) -> list[Ink]:
    """A dungarees' bib and straps, in the bottom's colour."""
    color, dark = (trunk.tones.cloth(trunk.look.bottom.mixed(BLACK, d), 0.2) for d in (0.0, 0.2))
    if trunk.side:
        return [
            Ink(
                stroke([trunk.at(0.8, 0.74), trunk.at(0.1, 1.03), trunk.at(-0.8, 0.84), trunk.at(-0.9, 0.3)]),
                color,
                0.02,
            ),
            Ink(
                trunk.facet(
                    (0.5, 0.72), (1.02, 0.72), (1.04, 0.3), (1.04, -0.1), (-1.04, -0.1), (-1.04, 0.24), (0.3, 0.3)
                ),
                color,
            ),
        ]
    straps = stroke([trunk.at(-0.44, 0.7), trunk.at(-0.5, 1.02)]).add(
        stroke([trunk.at(0.44, 0.7), trunk.at(0.5, 1.02)])
    )
    bib = trunk.facet(
        (-0.54, 0.74),
        (0.54, 0.74),
        (0.6, 0.36),
        (1.03, 0.26),
        (1.03, -0.12),
        (-1.03, -0.12),
        (-1.03, 0.26),
        (-0.6, 0.36),
    )
    left, right = trunk.at(-0.44, 0.7), trunk.at(0.44, 0.7)
    pocket = trunk.shape((-0.28, 0.6), (-0.28, 0.6), (0.28, 0.6), (0.28, 0.6), (0.25, 0.4), (0.0, 0.36), (-0.25, 0.4))
    return [
        Ink(straps, color, 0.022),
        Ink(bib, color),
        Ink(pocket, dark),
        Ink(Path().circle(*left, 0.009).circle(*right, 0.009), trunk.tones.cloth(GOLD)),
    ]


def _belt_of(trunk: Trunk, color: Color, low: float = 0.24, high: float = 0.35) -> Ink:
    return Ink(trunk.strip(low, high, -1.03, 1.03), trunk.tones.cloth(color, 0.3))


def _belt(trunk: Trunk) -> list[Ink]:
    return [
        _belt_of(
            trunk,
            trunk.look.accent
            if trunk.look.outfit in ("gown", "princess", "witch", "bride", "dancer")
            else trunk.look.top.mixed(BLACK, 0.3),
        )
    ]


def _buckled(trunk: Trunk) -> list[Ink]:
    belt = _belt_of(trunk, rgb("#3a2c26"), -0.02, 0.11)
    x, y = trunk.at(0.93 if trunk.side else 0.0, 0.045)
    return [belt, Ink(bar(x, y, 0.008 if trunk.side else 0.02, 0.017, 0.004), trunk.tones.cloth(GOLD, 0.1))]


def _sash(trunk: Trunk) -> list[Ink]:
    belt = _belt_of(trunk, trunk.look.accent, 0.18, 0.36)
    x, y = trunk.at(0.5 if trunk.side else -0.45, 0.22)
    tails = blob([(x - 0.012, y), (x + 0.014, y), (x + 0.02, y + 0.1), (x - 0.016, y + 0.11)])
    return [belt, Ink(tails, trunk.accent(0.45))]


def _obi(trunk: Trunk) -> list[Ink]:
    """A kimono's broad belt with its cord."""
    cord = trunk.strip(0.34, 0.39, -1.03, 1.03)
    inks = [_belt_of(trunk, trunk.look.accent, 0.16, 0.56), Ink(cord, trunk.tones.cloth(RED))]
    if trunk.side:
        inks.append(Ink(trunk.shape((-0.9, 0.64), (-1.7, 0.62), (-1.75, 0.24), (-0.9, 0.2)), trunk.accent(0.5)))
    return inks


def _wrap(trunk: Trunk) -> list[Ink]:
    """A garment that crosses over the chest."""
    edge = trunk.tones.cloth(
        trunk.look.top.mixed(WHITE, 0.42) if trunk.look.outfit != "karate" else rgb("#d9d5c9"), 0.15
    )
    if trunk.side:
        return [
            _skin_vee(trunk, 0.3, 0.86),
            Ink(stroke([trunk.at(0.2, 1.06), trunk.at(0.86, 0.9), trunk.at(1.0, 0.66)]), edge, 0.016),
        ]
    return [
        _skin_vee(trunk, 0.34, 0.8),
        Ink(stroke([trunk.at(0.36, 1.06), trunk.at(0.24, 0.9), trunk.at(-0.2, 0.62)], 0.5), edge, 0.02),
        Ink(stroke([trunk.at(-0.36, 1.06), trunk.at(-0.26, 0.92), trunk.at(0.62, 0.3)], 0.5), edge, 0.02),
    ]


def _knot(trunk: Trunk) -> list[Ink]:
    x, y = trunk.at(0.95 if trunk.side else 0.0, 0.24)
    ends = stroke([(x - 0.026, y + 0.07), (x, y), (x + 0.03, y + 0.066)])
    return [
        _belt_of(trunk, trunk.look.accent, 0.18, 0.3),
        Ink(ends, trunk.accent(), 0.016),
        Ink(bar(x, y, 0.014, 0.013, 0.005), trunk.accent(0.5)),
    ]


def _zip(trunk: Trunk) -> list[Ink]:
    dark = trunk.tones.cloth(trunk.look.top.mixed(BLACK, 0.32), 0.4)
    collar = (
        trunk.strip(0.985, 1.06, -0.5, 0.9)
        if trunk.side
        else trunk.facet((-0.36, 1.1), (0.36, 1.1), (0.34, 0.98), (0.0, 0.94), (-0.34, 0.98))
    )
    seam = [] if trunk.side else [Ink(stroke([trunk.at(0, 0.96), trunk.at(0, -0.1)]), dark, 0.006)]
    return [Ink(collar, trunk.tones.cloth(trunk.look.top.mixed(BLACK, 0.12), 0.3)), *seam]


def _scarf(trunk: Trunk) -> list[Ink]:
    if trunk.side:
        ring, tail = (
            trunk.shape((-0.9, 1.12), (0.4, 1.16), (1.05, 1.06), (0.9, 0.92), (0.0, 0.92), (-0.9, 0.98)),
            trunk.shape((0.5, 0.98), (0.85, 0.96), (0.95, 0.5), (0.5, 0.5)),
        )
    else:
        ring, tail = (
            trunk.shape((-0.5, 1.12), (0.0, 1.1), (0.5, 1.12), (0.52, 0.98), (0.0, 0.88), (-0.52, 0.98)),
            trunk.shape((0.14, 0.96), (0.42, 0.96), (0.5, 0.5), (0.2, 0.48)),
        )
    return [Ink(tail, trunk.accent(0.5)), Ink(ring, trunk.accent(0.15))]


def _stethoscope(trunk: Trunk) -> list[Ink]:
    color = trunk.tones.cloth(rgb("#3f4654"))
    if trunk.side:
        end = trunk.at(0.88, 0.5)
        tube = stroke([trunk.at(-0.2, 1.08), trunk.at(0.7, 0.9), end])
    else:
        end = trunk.at(0.34, 0.5)
        tube = stroke([trunk.at(-0.22, 0.56), trunk.at(-0.34, 0.84), trunk.at(-0.3, 1.05)]).add(
            stroke([trunk.at(0.3, 1.05), trunk.at(0.36, 0.8), end])
        )
    return [Ink(tube, color, 0.009), Ink(Path().circle(*end, 0.014), trunk.tones.cloth(SILVER))]


def _badge(trunk: Trunk) -> list[Ink]:
    x, y = trunk.at(0.6 if trunk.side else 0.46, 0.72)
    if trunk.look.outfit == "nurse":
        return [Ink(bar(x, y, 0.018, 0.011, 0.003), trunk.tones.cloth(WHITE))]
    return [Ink(star(x, y, 0.022), trunk.tones.cloth(GOLD, 0.0))]


def _pens(trunk: Trunk) -> list[Ink]:
    x, y = trunk.at(0.5, 0.66)
    pens = stroke([(x - 0.008, y), (x - 0.008, y - 0.028)]).add(stroke([(x + 0.008, y), (x + 0.008, y - 0.024)]))
    return [
        Ink(pens, trunk.accent(), 0.007),
        Ink(bar(x, y + 0.012, 0.022, 0.018, 0.003), trunk.tones.cloth(rgb("#dddcd8"))),
    ]


def _stripe(trunk: Trunk) -> list[Ink]:
    """Stripes across: a sailor's shirt, or one band on sports clothes."""
    if trunk.look.outfit in ("artist", "pirate"):
        color = rgb("#3a5a8c") if trunk.look.outfit == "artist" else rgb("#b8444a")
        path = Path()
        for i in range(5):
            path.add(trunk.strip(0.05 + 0.18 * i, 0.12 + 0.18 * i))
        return [Ink(path, trunk.tones.cloth(color, 0.3)), *_crew(trunk)[1:]]
    return [Ink(trunk.strip(0.54, 0.66), trunk.accent(0.25))]


def _reflecting(trunk: Trunk) -> list[Ink]:
    return [Ink(trunk.strip(0.2, 0.3).add(trunk.strip(0.56, 0.66)), trunk.tones.cloth(rgb("#f1ef9a"), 0.1))]


def _plaid(trunk: Trunk) -> list[Ink]:
    dark = trunk.tones.cloth(trunk.look.top.mixed(BLACK, 0.4), 0.3).alpha(0.45)
    lines = Path()
    for part in (0.14, 0.38, 0.62, 0.84):
        lines.add(stroke([trunk.at(-0.99, part), trunk.at(0.99, part)]))
    for a in (-0.62, -0.2, 0.2, 0.62):
        lines.add(stroke([trunk.at(a, 0.95), trunk.at(a, -0.1)]))
    return [Ink(lines, dark, 0.009), *_collar(trunk)]


def _open(trunk: Trunk) -> list[Ink]:
    """An open waistcoat in the second colour."""
    if trunk.side:
        return _vest(trunk)[:1]
    half: list[Point] = [
        (0.44, 1.06),
        (0.78, 1.0),
        (0.76, 0.8),
        (1.02, 0.6),
        (1.03, 0.3),
        (1.04, -0.08),
        (0.42, -0.1),
        (0.36, 0.5),
    ]
    return [Ink(trunk.facet(*half).add(trunk.facet(*((-a, p) for a, p in half))), trunk.accent(0.25))]


def _open_jacket(trunk: Trunk) -> list[Ink]:
    white = trunk.tones.cloth(rgb("#33323f"))
    if trunk.side:
        return [Ink(trunk.facet((0.5, 1.06), (0.98, 0.98), (1.0, 0.0), (0.7, 0.1)), white)]
    return [
        Ink(trunk.facet((-0.3, 1.08), (0.3, 1.08), (0.4, 0.5), (0.34, -0.12), (-0.34, -0.12), (-0.4, 0.5)), white),
        _skin_vee(trunk, 0.28, 0.88),
    ]


def _sparkle(trunk: Trunk) -> list[Ink]:
    path = Path()
    for a, p in ((-0.7, 0.8), (0.7, 0.66), (-0.66, 0.4), (0.72, 0.24), (-0.74, 0.08)):
        path.add(star(*trunk.at(a, p), 0.013, 4))
    return [Ink(path, trunk.accent(0.0))]


def _stars(trunk: Trunk) -> list[Ink]:
    path = Path()
    for a, p in ((-0.5, 0.78), (0.42, 0.62), (-0.2, 0.5)):
        path.add(star(*trunk.at(a, p), 0.018))
    return [Ink(path, trunk.accent(0.0))]


def _flowers(trunk: Trunk) -> list[Ink]:
    path = Path()
    for a, p in ((-0.56, 0.8), (0.56, 0.7), (0.5, 0.02), (-0.4, -0.04)):
        x, y = trunk.at(a, p)
        for dx, dy in ((0, -1), (0.95, -0.3), (0.6, 0.8), (-0.6, 0.8), (-0.95, -0.3)):
            path.circle(x + 0.008 * dx, y + 0.008 * dy, 0.0062)
    return [Ink(path, trunk.tones.cloth(rgb("#fff2f4"), 0.1))]


def _dots(trunk: Trunk) -> list[Ink]:
    path = Path()
    for i, p in enumerate((0.8, 0.54, 0.28, 0.04)):
        for a in (-0.5, 0.5) if i % 2 else (-0.8, 0.0, 0.8):
            path.circle(*trunk.at(a * 0.9, p), 0.014)
    return [Ink(path, trunk.accent())]


def _ruff(trunk: Trunk) -> list[Ink]:
    path = Path()
    for i in range(7):
        x, _ = trunk.at((i - 3) * (0.3 if trunk.side else 0.2), 1.0)
        path.circle(x, trunk.y(1.02 - 0.015 * (9 - (i - 3) ** 2) / 2), 0.027)
    return [Ink(path, trunk.tones.cloth(WHITE, 0.15))]


def _sailor(trunk: Trunk) -> list[Ink]:
    if trunk.side:
        return [Ink(trunk.facet((-1.02, 1.0), (0.3, 1.1), (0.98, 0.8), (0.4, 0.88), (-1.04, 0.66)), trunk.accent())]
    half: list[Point] = [(0.0, 0.66), (0.36, 1.08), (0.62, 1.02), (0.6, 0.86)]
    return [
        _skin_vee(trunk, 0.28, 0.86),
        Ink(trunk.facet(*half).add(trunk.facet(*((-a, p) for a, p in half))), trunk.accent()),
        Ink(
            trunk.facet((0.0, 0.7), (0.16, 0.5), (0.06, 0.56), (0.0, 0.48), (-0.06, 0.56), (-0.16, 0.5)),
            trunk.tones.cloth(RED),
        ),
    ]


def _bandana(trunk: Trunk) -> list[Ink]:
    return [Ink(i.path, trunk.tones.cloth(RED)) for i in _neckerchief(trunk)]


def _fur(trunk: Trunk) -> list[Ink]:
    """A fur over the shoulders."""
    path = Path()
    for i in range(9):
        a = (i - 4) / 4
        x, y = trunk.at(a * 0.98, 0.94 - 0.05 * (1 - abs(a)))
        path.circle(x, y, 0.032)
    return [Ink(path, trunk.accent(0.3))]


def _ermine(trunk: Trunk) -> list[Ink]:
    """A king's collar of white fur with dark spots."""
    path = trunk.shape(
        (-0.6, 1.08),
        (0.0, 1.1),
        (0.6, 1.08),
        (1.06, 0.96),
        (1.02, 0.74),
        (0.5, 0.7),
        (0.0, 0.62),
        (-0.5, 0.7),
        (-1.02, 0.74),
        (-1.06, 0.96),
    )
    spots = Path()
    for a, p in ((-0.7, 0.84), (-0.3, 0.76), (0.1, 0.72), (0.44, 0.8), (0.8, 0.86)):
        x, y = trunk.at(a, p)
        spots.ellipse(x, y, 0.004, 0.009)
    return [
        Ink(path, trunk.tones.cloth(CREAM, 0.2)),
        Ink(spots, trunk.tones.cloth(rgb("#33303a"))),
        _skin_vee(trunk, 0.26, 0.95),
    ]


def _chain(trunk: Trunk) -> list[Ink]:
    low = trunk.at(0.9 if trunk.side else 0.0, 0.52)
    ends = (trunk.at(-0.1, 0.98), low) if trunk.side else (trunk.at(-0.5, 0.94), low, trunk.at(0.5, 0.94))
    return [
        Ink(stroke(list(ends)), trunk.tones.cloth(GOLD), 0.012),
        Ink(Path().circle(*low, 0.017), trunk.tones.cloth(GOLD, 0.0)),
    ]


def _cross(trunk: Trunk) -> list[Ink]:
    x, y = trunk.at(0.9 if trunk.side else 0.0, 0.56)
    return [
        Ink(
            stroke([(x, y - 0.03), (x, y + 0.024)]).add(stroke([(x - 0.016, y - 0.012), (x + 0.016, y - 0.012)])),
            trunk.tones.cloth(GOLD),
            0.009,
        )
    ]


def _across_sash(trunk: Trunk) -> list[Ink]:
    """A sash from one shoulder to the other hip."""
    if trunk.side:
        return [Ink(stroke([trunk.at(-0.1, 1.02), trunk.at(0.6, 0.4), trunk.at(0.2, 0.06)]), trunk.accent(), 0.024)]
    return [Ink(trunk.facet((-0.62, 1.02), (-0.3, 1.06), (1.0, 0.2), (1.0, 0.02)), trunk.accent())]


def _flower(trunk: Trunk) -> list[Ink]:
    return [Ink(Path().circle(*trunk.at(0.55, 0.76), 0.013), trunk.accent())]


def _cardigan(trunk: Trunk) -> list[Ink]:
    return [i for i in _lapels(trunk)[1:]] + _buttons(trunk, CREAM)


def _vneck(trunk: Trunk) -> list[Ink]:
    """A pullover over a shirt whose collar shows."""
    white = trunk.tones.cloth(CREAM)
    if trunk.side:
        return [Ink(trunk.facet((-0.4, 1.08), (0.8, 1.08), (1.0, 0.92), (0.4, 0.97)), white)]
    return [
        Ink(trunk.facet((-0.38, 1.1), (0.38, 1.1), (0.42, 1.0), (0.0, 0.74), (-0.42, 1.0)), white),
        Ink(trunk.facet((-0.06, 0.99), (0.06, 0.99), (0.09, 0.84), (0.0, 0.76), (-0.09, 0.84)), trunk.tones.cloth(RED)),
        _skin_vee(trunk, 0.2, 0.98),
    ]


def _straps(trunk: Trunk) -> list[Ink]:
    """A backpack's straps."""
    color = trunk.accent(0.45)
    if trunk.side:
        return [
            Ink(
                stroke([trunk.at(-0.5, 1.02), trunk.at(0.62, 0.86), trunk.at(0.4, 0.56), trunk.at(-0.7, 0.4)]),
                color,
                0.018,
            )
        ]
    straps = stroke([trunk.at(-0.56, 1.02), trunk.at(-0.6, 0.7), trunk.at(-0.84, 0.44)]).add(
        stroke([trunk.at(0.56, 1.02), trunk.at(0.6, 0.7), trunk.at(0.84, 0.44)])
    )
    return [Ink(straps, color, 0.02)]


def _tank(trunk: Trunk) -> list[Ink]:
    """A sports top without sleeves."""
    skin = trunk.tones.skin(trunk.look.skin)
    if trunk.side:
        return []
    half: list[Point] = [(0.66, 1.04), (1.1, 1.0), (1.06, 0.76), (0.84, 0.84)]
    return [_skin_vee(trunk, 0.36, 0.84), Ink(trunk.facet(*half).add(trunk.facet(*((-a, p) for a, p in half))), skin)]


def _number(trunk: Trunk) -> list[Ink]:
    if trunk.side:
        return []
    (x, y) = trunk.at(0.0, 0.52)
    seven = stroke([(x - 0.018, y - 0.028), (x + 0.018, y - 0.028), (x - 0.006, y + 0.03)], 0.0)
    return [Ink(seven, trunk.accent(), 0.012)]


def _bare(trunk: Trunk) -> list[Ink]:
    """A bare chest, or a top where the person is a woman or a girl."""
    if trunk.look.who in ("woman", "girl", "old woman"):
        return [
            Ink(trunk.strip(0.5, 0.84), trunk.tones.cloth(trunk.look.bottom)),
            Ink(trunk.strip(-0.12, 0.12), trunk.tones.cloth(trunk.look.bottom)),
        ]
    fold = deep(trunk.tones.skin(trunk.look.skin)).alpha(0.5)
    if trunk.side:
        return []
    chest = stroke([trunk.at(-0.62, 0.66), trunk.at(-0.3, 0.6), trunk.at(-0.06, 0.64)]).add(
        stroke([trunk.at(0.62, 0.66), trunk.at(0.3, 0.6), trunk.at(0.06, 0.64)])
    )
    return [Ink(chest, fold, 0.006)]


def _swim(trunk: Trunk) -> list[Ink]:
    """A swimsuit, or trunks."""
    if trunk.look.who not in ("woman", "girl", "old woman"):
        return [*_bare(trunk), Ink(trunk.strip(-0.12, 0.1), trunk.top(0.3))]
    suit = trunk.facet(
        (-0.98, 0.66),
        (-0.5, 0.84),
        (-0.4, 1.02),
        (-0.28, 1.02),
        (-0.2, 0.8),
        (0.2, 0.8),
        (0.28, 1.02),
        (0.4, 1.02),
        (0.5, 0.84),
        (0.98, 0.66),
        (1.0, 0.34),
        (1.0, -0.12),
        (-1.0, -0.12),
        (-1.0, 0.34),
    )
    return [Ink(suit, trunk.tones.drape(trunk.look.top, (-0.07, -0.2), (0.07, 0.0)))]


def _waistband(trunk: Trunk) -> list[Ink]:
    return [
        Ink(trunk.strip(-0.12, 0.12), trunk.tones.cloth(trunk.look.bottom, 0.3)),
        Ink(trunk.strip(0.02, 0.14), trunk.accent()),
    ]


def _armour(trunk: Trunk) -> list[Ink]:
    light, dark = (
        trunk.tones.cloth(trunk.look.top.mixed(WHITE, 0.35), 0.0),
        trunk.tones.cloth(trunk.look.top.mixed(BLACK, 0.3), 0.4),
    )
    seams = stroke([trunk.at(-0.98, 0.3), trunk.at(0.0, 0.24), trunk.at(0.98, 0.3)]).add(
        stroke([trunk.at(-0.98, 0.14), trunk.at(0.0, 0.08), trunk.at(0.98, 0.14)])
    )
    if trunk.side:
        return [Ink(seams, dark, 0.007)]
    plate = trunk.shape((-0.6, 0.9), (0.6, 0.9), (0.66, 0.62), (0.0, 0.38), (-0.66, 0.62))
    cross = stroke([trunk.at(0, 0.82), trunk.at(0, 0.5)]).add(stroke([trunk.at(-0.26, 0.7), trunk.at(0.26, 0.7)]))
    return [Ink(plate, light), Ink(cross, trunk.accent(), 0.018), Ink(seams, dark, 0.007), *_gorget(trunk)]


def _gorget(trunk: Trunk) -> list[Ink]:
    return [
        Ink(
            trunk.facet((-0.4, 1.1), (0.4, 1.1), (0.46, 0.96), (-0.46, 0.96)),
            trunk.tones.cloth(trunk.look.top.mixed(BLACK, 0.14), 0.3),
        )
    ]


def _plates(trunk: Trunk) -> list[Ink]:
    rows = Path()
    for part in (0.44, 0.54, 0.64, 0.74):
        rows.add(stroke([trunk.at(-0.9, part), trunk.at(0.9, part)]))
    return [Ink(rows, trunk.accent(), 0.008)]


def _space(trunk: Trunk) -> list[Ink]:
    gray = trunk.tones.cloth(rgb("#b9c0cc"))
    ring = (
        trunk.strip(0.98, 1.1, -0.9, 0.9)
        if trunk.side
        else trunk.facet((-0.5, 1.12), (0.5, 1.12), (0.56, 0.98), (-0.56, 0.98))
    )
    x, y = trunk.at(0.6 if trunk.side else 0.0, 0.56)
    lamps = Path().circle(x - 0.018, y, 0.008)
    return [
        Ink(ring, gray),
        Ink(bar(x, y, 0.024 if trunk.side else 0.046, 0.032, 0.008), gray),
        Ink(lamps, trunk.accent()),
        Ink(Path().circle(x + 0.012, y, 0.008), trunk.tones.cloth(rgb("#4aa3e0"))),
        Ink(trunk.strip(0.1, 0.17), trunk.accent(0.3)),
    ]


def _emblem(trunk: Trunk) -> list[Ink]:
    x, y = trunk.at(0.8 if trunk.side else 0.0, 0.66)
    shield = Path().polygon(
        [(x - 0.034, y - 0.026), (x + 0.034, y - 0.026), (x + 0.026, y + 0.014), (x, y + 0.036), (x - 0.026, y + 0.014)]
    )
    return [Ink(shield, trunk.tones.cloth(GOLD, 0.0)), Ink(star(x, y - 0.001, 0.02), trunk.tones.cloth(RED))]


def _trunks(trunk: Trunk) -> list[Ink]:
    return [Ink(trunk.strip(-0.12, 0.1), trunk.accent(0.4)), Ink(trunk.strip(0.08, 0.16), trunk.tones.cloth(GOLD))]


def _fur_trim(trunk: Trunk) -> list[Ink]:
    white = trunk.tones.cloth(CREAM, 0.1)
    if trunk.side:
        return [Ink(trunk.strip(0.94, 1.05, -0.6, 1.0), white)]
    return [
        Ink(trunk.facet((-0.12, 0.98), (0.12, 0.98), (0.13, -0.1), (-0.13, -0.1)), white),
        Ink(trunk.shape((-0.5, 1.08), (0.0, 1.04), (0.5, 1.08), (0.46, 0.95), (0.0, 0.9), (-0.46, 0.95)), white),
    ]


def _sari(trunk: Trunk) -> list[Ink]:
    edge = trunk.accent(0.1)
    cloth = trunk.tones.cloth(trunk.look.top.mixed(WHITE, 0.18), 0.1)
    midriff = Ink(trunk.strip(0.36, 0.5, -0.97, 0.97), trunk.tones.skin(trunk.look.skin))
    if trunk.side:
        return [midriff, Ink(stroke([trunk.at(0.0, 1.02), trunk.at(0.9, 0.66), trunk.at(0.5, 0.2)]), cloth, 0.04)]
    return [
        _skin_vee(trunk, 0.4, 0.9),
        midriff,
        Ink(trunk.facet((0.3, 1.04), (0.84, 1.03), (0.56, 0.6), (-0.5, 0.0), (-1.02, 0.12), (-1.0, 0.3)), cloth),
        Ink(stroke([trunk.at(0.32, 1.03), trunk.at(-0.98, 0.3)]), edge, 0.01),
    ]


def _ribbons(trunk: Trunk) -> list[Ink]:
    x, y = trunk.at(0.5 if trunk.side else 0.0, 0.2)
    return [
        Ink(
            stroke([(x - 0.006, y), (x - 0.016, y + 0.16)]).add(stroke([(x + 0.006, y), (x + 0.018, y + 0.14)])),
            trunk.accent(0.3),
            0.013,
        )
    ]


def _wings_badge(trunk: Trunk) -> list[Ink]:
    x, y = trunk.at(0.6 if trunk.side else 0.46, 0.72)
    return [
        Ink(
            Path().ellipse(x - 0.016, y, 0.016, 0.006).ellipse(x + 0.016, y, 0.016, 0.006).circle(x, y, 0.008),
            trunk.tones.cloth(GOLD, 0.0),
        )
    ]


def _snaps(trunk: Trunk) -> list[Ink]:
    return [*_crew(trunk), *_buttons(trunk, WHITE)]


def _nothing(trunk: Trunk) -> list[Ink]:
    """What is drawn elsewhere: a cape or wings behind the back, stripes of a cuff."""
    return []


TRIMS: Mapping[str, Callable[[Trunk], list[Ink]]] = MappingProxyType(
    {
        "apron": _apron,
        "armour": _armour,
        "badge": _badge,
        "bandana": _bandana,
        "bare": _bare,
        "belt": _belt,
        "beltbuckle": _buckled,
        "bib": _bib,
        "blouse": _blouse,
        "bowtie": _bowtie,
        "buttons": _buttons,
        "cape": _nothing,
        "cardigan": _cardigan,
        "chain": _chain,
        "collar": _collar,
        "crew": _crew,
        "cross": _cross,
        "dots": _dots,
        "double": _double,
        "emblem": _emblem,
        "ermine": _ermine,
        "flower": _flower,
        "flowers": _flowers,
        "fur": _fur,
        "furtrim": _fur_trim,
        "goldbuttons": _gold_buttons,
        "hood": _hood,
        "knot": _knot,
        "lapels": _lapels,
        "neck": _neckline,
        "neckerchief": _neckerchief,
        "number": _number,
        "obi": _obi,
        "open": _open,
        "open_jacket": _open_jacket,
        "pens": _pens,
        "plaid": _plaid,
        "plates": _plates,
        "pocket": _pocket,
        "pockets": _pockets,
        "ribbons": _ribbons,
        "ruff": _ruff,
        "sailor": _sailor,
        "sari": _sari,
        "sash": _sash,
        "sash_across": _across_sash,
        "scarf": _scarf,
        "snaps": _snaps,
        "space": _space,
        "sparkle": _sparkle,
        "stars": _stars,
        "stethoscope": _stethoscope,
        "straps": _straps,
        "strings": _strings,
        "stripe": _stripe,
        "stripes": _reflecting,
        "stripes_cuff": _nothing,
        "swim": _swim,
        "tank": _tank,
        "tie": _tie,
        "trunks": _trunks,
        "vee": _vee,
        "vest": _vest,
        "vest_hi": _safety_vest,
        "vneck": _vneck,
        "waist": _waist,
        "waistband": _waistband,
        "whitecollar": _white_collar,
        "wings": _wings_badge,
        "wings_fairy": _nothing,
        "wrap": _wrap,
        "zip": _zip,
    }
)


def trims(trunk: Trunk) -> list[Ink]:
    """All that is on the garment, in the order in which the outfit names it."""
    return [ink for name in trunk.wear.trim for ink in TRIMS[name](trunk)]
