"""A frame's pixels, and what the tests measure in them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """`pixels` has R, G, B and an ignored byte for each pixel, row by row."""

    width: int
    height: int
    pixels: bytes

    @property
    def luma(self) -> list[int]:
        """The brightness of each pixel, 0 to 255."""
        p = self.pixels
        return [(r * 54 + g * 183 + b * 19) >> 8 for r, g, b in zip(p[0::4], p[1::4], p[2::4], strict=True)]

    def bright(self, least: int) -> int:
        """How many pixels are at least this bright."""
        return sum(value >= least for value in self.luma)

    def mean(self, top: float = 0.0, bottom: float = 1.0) -> tuple[float, float, float]:
        """The mean red, green and blue between two heights, as fractions of the whole."""
        first, last = int(top * self.height) * self.width * 4, int(bottom * self.height) * self.width * 4
        part = self.pixels[first:last]
        count = len(part) // 4
        return sum(part[0::4]) / count, sum(part[1::4]) / count, sum(part[2::4]) / count

    def changed(self, other: "Picture", least: int = 12) -> list[tuple[int, int]]:
        """The (x, y) of the pixels whose brightness differs by at least this much."""
        pairs = enumerate(zip(self.luma, other.luma, strict=True))
        return [(i % self.width, i // self.width) for i, (a, b) in pairs if abs(a - b) >= least]
