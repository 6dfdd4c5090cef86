"""Knows colours: how they mix, how a scene's light stains them. Channels are 0 to 255."""

import colorsys
from typing import NamedTuple


class Color(NamedTuple):
    """An sRGB colour with alpha; all four 0 to 255."""

    r: int
    g: int
    b: int
    a: int = 255

    def alpha(self, a: float) -> "Color":
        """The same colour at `a`, 0.0 (clear) to 1.0 (solid)."""
        return Color(self.r, self.g, self.b, round(255 * min(1.0, max(0.0, a))))

    def mixed(self, other: "Color", part: float) -> "Color":
        """`part` of the way, 0.0 to 1.0, from this colour to the other; keeps this alpha."""
        r, g, b = (round(x + (y - x) * part) for x, y in zip(self[:3], other[:3], strict=True))
        return Color(r, g, b, self.a)

    def times(self, light: "Color") -> "Color":
        """What this colour looks like under a light of that colour."""
        r, g, b = (round(x * y / 255) for x, y in zip(self[:3], light[:3], strict=True))
        return Color(r, g, b, self.a)

    def brightened(self, factor: float) -> "Color":
        """Brighter (over 1) or darker (under 1), held to the range."""
        r, g, b = (min(255, round(x * factor)) for x in self[:3])
        return Color(r, g, b, self.a)

    def hue_shifted(self, degrees: float) -> "Color":
        """The same lightness with the hue turned, in degrees of the colour circle."""
        h, light, s = colorsys.rgb_to_hls(self.r / 255, self.g / 255, self.b / 255)
        r, g, b = colorsys.hls_to_rgb((h + degrees / 360) % 1.0, light, s)
        return Color(round(r * 255), round(g * 255), round(b * 255), self.a)

    @property
    def hex(self) -> str:
        """As SVG writes it, without alpha."""
        return f"#{self.r:02x}{self.g:02x}{self.b:02x}"


WHITE = Color(255, 255, 255)
BLACK = Color(0, 0, 0)


def rgb(text: str) -> Color:
    """A colour from `#rgb` or `#rrggbb`."""
    digits = text.lstrip("#")
    if len(digits) == 3:
        digits = "".join(c * 2 for c in digits)
    return Color(int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16))
