"""What several drawers of garments share: bare skin at the neck, a plain neck, a collar, a row of buttons. Pure."""

from collections.abc import Callable

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import Path, Point
from wanserve.engine.animatic.people.ink import Ink
from wanserve.engine.animatic.people.trunk import Trunk

GOLD, SILVER, RED = rgb("#f2c64a"), rgb("#cdd3db"), rgb("#d9434a")
CREAM = rgb("#f6f3ec")

TrimDrawer = Callable[[Trunk], list[Ink]]
"""From a trunk to the shapes that one word of an outfit puts on it."""


def skin_vee(trunk: Trunk, half: float, low: float) -> Ink:
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


def crew(trunk: Trunk) -> list[Ink]:
    """A round neck with its seam."""
    dark = trunk.tones.cloth(trunk.look.top.mixed(BLACK, 0.14), 0.4)
    if trunk.side:
        return [Ink(trunk.shape((-0.5, 1.04), (0.3, 1.07), (1.0, 0.99), (0.9, 0.93), (0.1, 0.99)), dark)]
    return [
        Ink(trunk.shape((-0.4, 1.08), (0.4, 1.08), (0.27, 0.95), (0.0, 0.905), (-0.27, 0.95)), dark),
        skin_vee(trunk, 0.3, 0.94),
    ]


def collar(trunk: Trunk) -> list[Ink]:
    """A shirt's collar."""
    light = trunk.tones.cloth(trunk.look.top.mixed(WHITE, 0.3), 0.1)
    if trunk.look.outfit in ("maid", "nun"):
        light = trunk.tones.cloth(CREAM)
    if trunk.side:
        return [Ink(trunk.facet((-0.5, 1.08), (0.75, 1.08), (1.02, 0.9), (0.4, 0.94)), light)]
    half: list[Point] = [(0.03, 0.93), (0.34, 1.1), (0.46, 1.02), (0.28, 0.84)]
    return [skin_vee(trunk, 0.28, 0.9), Ink(trunk.facets(*half), light)]


def buttons(trunk: Trunk, color: Color | None = None) -> list[Ink]:
    """A row of buttons, darker than the cloth where no colour is given."""
    dots = Path()
    for i in range(4):
        x, y = trunk.at(0.93 if trunk.side else 0.0, 0.8 - 0.2 * i)
        dots.ellipse(x, y, 0.003 if trunk.side else 0.0065, 0.0065)
    return [Ink(dots, trunk.tones.cloth(color or trunk.look.top.mixed(BLACK, 0.35)))]
