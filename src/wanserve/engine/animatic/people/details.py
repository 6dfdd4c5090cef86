"""What is small: buttons, belts, badges, stripes and patterns. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import Path
from wanserve.engine.animatic.people.garments import GOLD, RED, SILVER, TrimDrawer, buttons, collar, crew
from wanserve.engine.animatic.people.ink import Ink, bar, blob, star, stroke
from wanserve.engine.animatic.people.trunk import Trunk


def _belt_of(trunk: Trunk, color: Color, low: float = 0.24, high: float = 0.35) -> Ink:
    return Ink(trunk.strip(low, high, -1.03, 1.03), trunk.tones.cloth(color, 0.3))


def _gold_buttons(trunk: Trunk) -> list[Ink]:
    color = BLACK.mixed(GOLD, 0.3) if trunk.look.outfit == "priest" else GOLD
    return buttons(trunk, color)


def _double(trunk: Trunk) -> list[Ink]:
    """A chef's double row of buttons."""
    if trunk.side:
        return buttons(trunk)
    dots = Path()
    for i in range(3):
        for a in (-0.22, 0.22):
            x, y = trunk.at(a, 0.74 - 0.22 * i)
            dots.circle(x, y, 0.008)
    seam = stroke([trunk.at(-0.36, 0.92), trunk.at(-0.34, 0.1)])
    return [Ink(seam, trunk.tones.cloth(rgb("#d5d2ca")), 0.004), Ink(dots, trunk.tones.cloth(rgb("#8f8c88")))]


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
    return [Ink(path, dark), *buttons(trunk)]


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


def _knot(trunk: Trunk) -> list[Ink]:
    x, y = trunk.at(0.95 if trunk.side else 0.0, 0.24)
    ends = stroke([(x - 0.026, y + 0.07), (x, y), (x + 0.03, y + 0.066)])
    return [
        _belt_of(trunk, trunk.look.accent, 0.18, 0.3),
        Ink(ends, trunk.accent(), 0.016),
        Ink(bar(x, y, 0.014, 0.013, 0.005), trunk.accent(0.5)),
    ]


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
        return [Ink(path, trunk.tones.cloth(color, 0.3)), *crew(trunk)[1:]]
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
    return [Ink(lines, dark, 0.009), *collar(trunk)]


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


def _number(trunk: Trunk) -> list[Ink]:
    if trunk.side:
        return []
    (x, y) = trunk.at(0.0, 0.52)
    seven = stroke([(x - 0.018, y - 0.028), (x + 0.018, y - 0.028), (x - 0.006, y + 0.03)], 0.0)
    return [Ink(seven, trunk.accent(), 0.012)]


def _plates(trunk: Trunk) -> list[Ink]:
    rows = Path()
    for part in (0.44, 0.54, 0.64, 0.74):
        rows.add(stroke([trunk.at(-0.9, part), trunk.at(0.9, part)]))
    return [Ink(rows, trunk.accent(), 0.008)]


def _emblem(trunk: Trunk) -> list[Ink]:
    x, y = trunk.at(0.8 if trunk.side else 0.0, 0.66)
    shield = Path().polygon(
        [(x - 0.034, y - 0.026), (x + 0.034, y - 0.026), (x + 0.026, y + 0.014), (x, y + 0.036), (x - 0.026, y + 0.014)]
    )
    return [Ink(shield, trunk.tones.cloth(GOLD, 0.0)), Ink(star(x, y - 0.001, 0.02), trunk.tones.cloth(RED))]


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
    return [*crew(trunk), *buttons(trunk, WHITE)]


def _nothing(trunk: Trunk) -> list[Ink]:
    """What is drawn elsewhere: a cape or wings behind the back, stripes of a cuff."""
    return []


DETAILS: Mapping[str, TrimDrawer] = MappingProxyType({
    "badge": _badge, "belt": _belt, "beltbuckle": _buckled, "buttons": buttons, "cape": _nothing, "chain": _chain, "cross": _cross, "dots": _dots, "double": _double, "emblem": _emblem, "flower": _flower, "flowers": _flowers, "goldbuttons": _gold_buttons, "knot": _knot, "number": _number, "obi": _obi, "pens": _pens, "plaid": _plaid, "plates": _plates, "pocket": _pocket, "pockets": _pockets, "ribbons": _ribbons, "sash": _sash, "sash_across": _across_sash, "snaps": _snaps, "sparkle": _sparkle, "stars": _stars, "stethoscope": _stethoscope, "stripe": _stripe, "stripes": _reflecting, "stripes_cuff": _nothing, "wings": _wings_badge, "wings_fairy": _nothing,
})  # fmt: skip
