"""What is at the neck: collars, hoods, ties, scarves and furs. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from wanserve.engine.animatic.color import BLACK, WHITE, rgb
from wanserve.engine.animatic.drawing import Path, Point
from wanserve.engine.animatic.people.garments import CREAM, RED, TrimDrawer, collar, crew, skin_vee
from wanserve.engine.animatic.people.ink import Ink, stroke
from wanserve.engine.animatic.people.trunk import Trunk


def _neckline(trunk: Trunk) -> list[Ink]:
    """A wide neck that leaves the collarbones free."""
    return [skin_vee(trunk, 0.5, 0.84)]


def _vee(trunk: Trunk) -> list[Ink]:
    return [skin_vee(trunk, 0.34, 0.76)]


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
        skin_vee(trunk, 0.28, 0.95),
    ]


def _strings(trunk: Trunk) -> list[Ink]:
    cords = Path()
    for a in (0.9,) if trunk.side else (-0.16, 0.16):
        cords.add(stroke([trunk.at(a, 0.9), trunk.at(a * 1.1, 0.68)]))
    return [Ink(cords, trunk.tones.cloth(CREAM), 0.007)]


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


def _bandana(trunk: Trunk) -> list[Ink]:
    return [Ink(i.path, trunk.tones.cloth(RED)) for i in _neckerchief(trunk)]


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


def _sailor(trunk: Trunk) -> list[Ink]:
    if trunk.side:
        return [Ink(trunk.facet((-1.02, 1.0), (0.3, 1.1), (0.98, 0.8), (0.4, 0.88), (-1.04, 0.66)), trunk.accent())]
    half: list[Point] = [(0.0, 0.66), (0.36, 1.08), (0.62, 1.02), (0.6, 0.86)]
    return [
        skin_vee(trunk, 0.28, 0.86),
        Ink(trunk.facets(*half), trunk.accent()),
        Ink(
            trunk.facet((0.0, 0.7), (0.16, 0.5), (0.06, 0.56), (0.0, 0.48), (-0.06, 0.56), (-0.16, 0.5)),
            trunk.tones.cloth(RED),
        ),
    ]


def _ruff(trunk: Trunk) -> list[Ink]:
    path = Path()
    for i in range(7):
        x, _ = trunk.at((i - 3) * (0.3 if trunk.side else 0.2), 1.0)
        path.circle(x, trunk.y(1.02 - 0.015 * (9 - (i - 3) ** 2) / 2), 0.027)
    return [Ink(path, trunk.tones.cloth(WHITE, 0.15))]


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
        skin_vee(trunk, 0.26, 0.95),
    ]


def _fur(trunk: Trunk) -> list[Ink]:
    """A fur over the shoulders."""
    path = Path()
    for i in range(9):
        a = (i - 4) / 4
        x, y = trunk.at(a * 0.98, 0.94 - 0.05 * (1 - abs(a)))
        path.circle(x, y, 0.032)
    return [Ink(path, trunk.accent(0.3))]


def _vneck(trunk: Trunk) -> list[Ink]:
    """A pullover over a shirt whose collar shows."""
    white = trunk.tones.cloth(CREAM)
    if trunk.side:
        return [Ink(trunk.facet((-0.4, 1.08), (0.8, 1.08), (1.0, 0.92), (0.4, 0.97)), white)]
    return [
        Ink(trunk.facet((-0.38, 1.1), (0.38, 1.1), (0.42, 1.0), (0.0, 0.74), (-0.42, 1.0)), white),
        Ink(trunk.facet((-0.06, 0.99), (0.06, 0.99), (0.09, 0.84), (0.0, 0.76), (-0.09, 0.84)), trunk.tones.cloth(RED)),
        skin_vee(trunk, 0.2, 0.98),
    ]


def _wrap(trunk: Trunk) -> list[Ink]:
    """A garment that crosses over the chest."""
    edge = trunk.tones.cloth(
        trunk.look.top.mixed(WHITE, 0.42) if trunk.look.outfit != "karate" else rgb("#d9d5c9"), 0.15
    )
    if trunk.side:
        return [
            skin_vee(trunk, 0.3, 0.86),
            Ink(stroke([trunk.at(0.2, 1.06), trunk.at(0.86, 0.9), trunk.at(1.0, 0.66)]), edge, 0.016),
        ]
    return [
        skin_vee(trunk, 0.34, 0.8),
        Ink(stroke([trunk.at(0.36, 1.06), trunk.at(0.24, 0.9), trunk.at(-0.2, 0.62)], 0.5), edge, 0.02),
        Ink(stroke([trunk.at(-0.36, 1.06), trunk.at(-0.26, 0.92), trunk.at(0.62, 0.3)], 0.5), edge, 0.02),
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


def _fur_trim(trunk: Trunk) -> list[Ink]:
    white = trunk.tones.cloth(CREAM, 0.1)
    if trunk.side:
        return [Ink(trunk.strip(0.94, 1.05, -0.6, 1.0), white)]
    return [
        Ink(trunk.facet((-0.12, 0.98), (0.12, 0.98), (0.13, -0.1), (-0.13, -0.1)), white),
        Ink(trunk.shape((-0.5, 1.08), (0.0, 1.04), (0.5, 1.08), (0.46, 0.95), (0.0, 0.9), (-0.46, 0.95)), white),
    ]


COLLARS: Mapping[str, TrimDrawer] = MappingProxyType({
    "bandana": _bandana, "bowtie": _bowtie, "collar": collar, "crew": crew, "ermine": _ermine, "fur": _fur, "furtrim": _fur_trim, "hood": _hood, "neck": _neckline, "neckerchief": _neckerchief, "ruff": _ruff, "sailor": _sailor, "scarf": _scarf, "strings": _strings, "tie": _tie, "vee": _vee, "vneck": _vneck, "whitecollar": _white_collar, "wrap": _wrap, "zip": _zip,
})  # fmt: skip
