"""Defines colours and their operations. Channels are 0 to 255."""

import colorsys
from typing import NamedTuple


class Color(NamedTuple):
    """An sRGB colour with alpha; all four channels are 0 to 255."""

    r: int
    g: int
    b: int
    a: int = 255

    def alpha(self, a: float) -> "Color":
        """The same colour with this alpha, 0.0 (transparent) to 1.0 (opaque)."""
        return Color(self.r, self.g, self.b, round(255 * min(1.0, max(0.0, a))))

    def mixed(self, other: "Color", part: float) -> "Color":
        """Interpolate between this colour (`part` 0.0) and the other (1.0). Keeps this colour's alpha."""
        r, g, b = (round(x + (y - x) * part) for x, y in zip(self[:3], other[:3], strict=True))
        return Color(r, g, b, self.a)

    def times(self, light: "Color") -> "Color":
        """This colour under a light of that colour: the product of the channels."""
        r, g, b = (round(x * y / 255) for x, y in zip(self[:3], light[:3], strict=True))
        return Color(r, g, b, self.a)

    def brightened(self, factor: float) -> "Color":
        """The colour made brighter (factor over 1) or darker (under 1), clamped to the range."""
        r, g, b = (min(255, round(x * factor)) for x in self[:3])
        return Color(r, g, b, self.a)

    def hue_shifted(self, degrees: float) -> "Color":
        """The colour with its hue shifted by degrees of the colour circle, and the same lightness."""
        h, light, s = colorsys.rgb_to_hls(self.r / 255, self.g / 255, self.b / 255)
        r, g, b = colorsys.hls_to_rgb((h + degrees / 360) % 1.0, light, s)
        return Color(round(r * 255), round(g * 255), round(b * 255), self.a)

    @property
    def hex(self) -> str:
        """The colour as SVG writes it, without alpha."""
        return f"#{self.r:02x}{self.g:02x}{self.b:02x}"


WHITE = Color(255, 255, 255)
BLACK = Color(0, 0, 0)


def rgb(text: str) -> Color:
    """A colour from `#rgb` or `#rrggbb`."""
    digits = text.lstrip("#")
    if len(digits) == 3:
        digits = "".join(c * 2 for c in digits)
    return Color(int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16))
