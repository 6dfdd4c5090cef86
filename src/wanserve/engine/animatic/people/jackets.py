"""What covers the chest: open jackets, waistcoats, aprons, bibs, and what sports and swimming bare. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from wanserve.engine.animatic.color import BLACK, WHITE, rgb
from wanserve.engine.animatic.drawing import Path, Point
from wanserve.engine.animatic.people.garments import CREAM, GOLD, TrimDrawer, buttons, skin_vee
from wanserve.engine.animatic.people.ink import Ink, bar, stroke
from wanserve.engine.animatic.people.tones import deep
from wanserve.engine.animatic.people.trunk import Trunk


def _gorget(trunk: Trunk) -> list[Ink]:
    return [
        Ink(
            trunk.facet((-0.4, 1.1), (0.4, 1.1), (0.46, 0.96), (-0.46, 0.96)),
            trunk.tones.cloth(trunk.look.top.mixed(BLACK, 0.14), 0.3),
        )
    ]


def _blouse(trunk: Trunk) -> list[Ink]:
    """A white shirt's front under an open jacket."""
    white = trunk.tones.cloth(CREAM, 0.15)
    if trunk.side:
        return [Ink(trunk.facet((0.3, 1.08), (0.9, 1.04), (1.0, 0.84), (1.0, 0.66), (0.72, 0.9)), white)]
    return [
        Ink(trunk.facet((-0.4, 1.07), (0.4, 1.07), (0.36, 0.8), (0.1, 0.34), (-0.1, 0.34), (-0.36, 0.8)), white),
        skin_vee(trunk, 0.24, 0.96),
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
        Ink(trunk.facets(*half), light),
        Ink(stroke([trunk.at(0.04, 0.36), trunk.at(0.04, -0.1)]), seam, 0.004),
    ]


def _cardigan(trunk: Trunk) -> list[Ink]:
    return _lapels(trunk)[1:] + buttons(trunk, CREAM)


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
        (1.03, -0.02),
        (0.02, -0.05),
        (0.02, 0.5),
    ]
    path = trunk.facets(*half)
    return [Ink(path, trunk.accent(0.25)), *buttons(trunk, rgb("#e4dccb"))[:1]]


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
                    (0.5, 0.72), (1.02, 0.72), (1.04, 0.3), (1.04, -0.12), (-1.04, -0.12), (-1.04, 0.24), (0.3, 0.3)
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
        (1.03, -0.18),
        (-1.03, -0.18),
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
    return [Ink(trunk.facets(*half), trunk.accent(0.25))]


def _open_jacket(trunk: Trunk) -> list[Ink]:
    white = trunk.tones.cloth(rgb("#33323f"))
    if trunk.side:
        return [Ink(trunk.facet((0.5, 1.06), (0.98, 0.98), (1.0, 0.0), (0.7, 0.1)), white)]
    return [
        Ink(trunk.facet((-0.3, 1.08), (0.3, 1.08), (0.4, 0.5), (0.34, -0.12), (-0.34, -0.12), (-0.4, 0.5)), white),
        skin_vee(trunk, 0.28, 0.88),
    ]


def _tank(trunk: Trunk) -> list[Ink]:
    """A sports top without sleeves."""
    skin = trunk.tones.skin(trunk.look.skin)
    if trunk.side:
        return []
    half: list[Point] = [(0.66, 1.04), (1.1, 1.0), (1.06, 0.76), (0.84, 0.84)]
    return [skin_vee(trunk, 0.36, 0.84), Ink(trunk.facets(*half), skin)]


def _bare(trunk: Trunk) -> list[Ink]:
    """A bare chest, or a top where the person is a woman or a girl."""
    if trunk.look.who in ("woman", "girl", "old woman"):
        return [
            Ink(trunk.strip(0.5, 0.84), trunk.tones.cloth(trunk.look.bottom)),
            Ink(trunk.strip(-0.18, 0.12), trunk.tones.cloth(trunk.look.bottom)),
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
        return [*_bare(trunk), Ink(trunk.strip(-0.18, 0.1), trunk.top(0.3))]
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
        (1.0, -0.18),
        (-1.0, -0.18),
        (-1.0, 0.34),
    )
    return [Ink(suit, trunk.tones.drape(trunk.look.top, (-0.07, -0.2), (0.07, 0.0)))]


def _waistband(trunk: Trunk) -> list[Ink]:
    return [
        Ink(trunk.strip(-0.18, 0.12), trunk.tones.cloth(trunk.look.bottom, 0.3)),
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


def _sari(trunk: Trunk) -> list[Ink]:
    edge = trunk.accent(0.1)
    cloth = trunk.tones.cloth(trunk.look.top.mixed(WHITE, 0.18), 0.1)
    midriff = Ink(trunk.strip(0.36, 0.5, -0.97, 0.97), trunk.tones.skin(trunk.look.skin))
    if trunk.side:
        return [midriff, Ink(stroke([trunk.at(0.0, 1.02), trunk.at(0.9, 0.66), trunk.at(0.5, 0.2)]), cloth, 0.04)]
    return [
        skin_vee(trunk, 0.4, 0.9),
        midriff,
        Ink(trunk.facet((0.3, 1.04), (0.84, 1.03), (0.56, 0.6), (-0.5, 0.0), (-1.02, 0.12), (-1.0, 0.3)), cloth),
        Ink(stroke([trunk.at(0.32, 1.03), trunk.at(-0.98, 0.3)]), edge, 0.01),
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


def _trunks(trunk: Trunk) -> list[Ink]:
    return [Ink(trunk.strip(-0.18, 0.1), trunk.accent(0.4)), Ink(trunk.strip(0.08, 0.16), trunk.tones.cloth(GOLD))]


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


JACKETS: Mapping[str, TrimDrawer] = MappingProxyType({
    "apron": _apron, "armour": _armour, "bare": _bare, "bib": _bib, "blouse": _blouse, "cardigan": _cardigan, "lapels": _lapels, "open": _open, "open_jacket": _open_jacket, "sari": _sari, "space": _space, "straps": _straps, "swim": _swim, "tank": _tank, "trunks": _trunks, "vest": _vest, "vest_hi": _safety_vest, "waist": _waist, "waistband": _waistband,
})  # fmt: skip
