"""Computes the layout of a frame: the ground, the unit of lengths, the period of a layer. Lengths are pixels."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Geometry:
    """A frame of `width` x `height`."""

    width: int
    height: int

    @property
    def unit(self) -> float:
        """The unit of sizes: the height, or the width where that is less."""
        return min(float(self.height), self.width)

    @property
    def foot(self) -> float:
        """How much ground there is in front of the scene. A tall frame has more of it."""
        return 0.22 * max(0.0, self.height - 1.1 * self.unit)

    @property
    def horizon(self) -> float:
        """The y of the line between the far ground and the sky."""
        return self.height - 0.36 * self.unit - self.foot

    @property
    def ground(self) -> float:
        """The y of the subjects' feet."""
        return self.height - 0.14 * self.unit - self.foot

    @property
    def period(self) -> int:
        """The width after which a layer repeats."""
        return round(1.35 * self.width)
