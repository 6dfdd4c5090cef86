"""The colours of a person under the light of the scene. Pure.

Clothes take the light's colour. Skin, hair, eyes and teeth only get darker with it, so that faces keep their hue.
"""

from dataclasses import dataclass

from wanserve.engine.animatic.art import Light
from wanserve.engine.animatic.color import BLACK, WHITE, Color
from wanserve.engine.animatic.drawing import Linear, Point, Stop

FAR = 0.2
"""How much darker the limbs on the far side are."""


@dataclass(frozen=True, slots=True)
class Tones:
    """Mixes fills for one light. `side` is where the light comes from: -1 from the left of the drawing, 1 from the right."""

    light: Light
    rim: Color | None
    side: float

    @property
    def dim(self) -> float:
        """How bright skin is under this light, 0 to 1."""
        middle = self.light.lit.mixed(self.light.shade, 0.5)
        return min(1.0, 0.54 + 0.52 * (0.3 * middle.r + 0.59 * middle.g + 0.11 * middle.b) / 255)

    def skin(self, color: Color, far: bool = False) -> Color:
        """A colour of the body itself: darker in a dark scene, of the same hue."""
        return color.brightened(self.dim * (1 - FAR * 0.6 * far))

    def cloth(self, color: Color, shade: float = 0.25) -> Color:
        """A plain colour of clothes at this part of the way from the lit side (0) to the shaded side (1)."""
        return color.times(self.light.lit.mixed(self.light.shade, shade))

    def drape(self, color: Color, start: Point, end: Point, far: bool = False) -> Linear:
        """A cloth's gradient, lit at `start`, shaded at `end`; swapped where the light comes from the other side."""
        if far:
            color = color.mixed(BLACK, FAR)
        start, end = (start, end) if self.side <= 0 else ((-start[0], start[1]), (-end[0], end[1]))
        lit = color.times(self.light.lit).mixed(WHITE, 0.05)
        stops = (
            Stop(0.0, lit),
            Stop(0.5, self.cloth(color, 0.32)),
            Stop(1.0, self.cloth(color, 0.85)),
        )
        return Linear(start, end, stops)

    def flesh(self, color: Color, start: Point, end: Point, far: bool = False) -> Linear:
        """The skin's gradient from its lit to its shaded side."""
        start, end = (start, end) if self.side <= 0 else ((-start[0], start[1]), (-end[0], end[1]))
        base = self.skin(color, far)
        return Linear(
            start, end, (Stop(0.0, base.mixed(self.skin(WHITE), 0.08)), Stop(0.5, base), Stop(1.0, shadow(base)))
        )

    def edged(self, fill: Linear) -> Linear:
        """The gradient with a thin rim of light at its lit edge, where the scene has a rim light."""
        if self.rim is None:
            return fill
        first = fill.stops[0].color
        edge = (Stop(0.0, first.mixed(self.rim, 0.75)), Stop(0.1, first.mixed(self.rim, 0.5)), Stop(0.17, first))
        return Linear(fill.start, fill.end, (*edge, *fill.stops[1:]))


def shadow(skin: Color) -> Color:
    """A skin's colour in shade: darker and a little redder."""
    return Color(round(skin.r * 0.9), round(skin.g * 0.815), round(skin.b * 0.79), skin.a)


def deep(skin: Color) -> Color:
    """A skin's colour in a fold."""
    return Color(round(skin.r * 0.78), round(skin.g * 0.64), round(skin.b * 0.6), skin.a)
