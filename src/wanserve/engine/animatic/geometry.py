"""Knows how a frame is laid out: where the ground is, how long a unit, how wide a layer repeats. Lengths are pixels."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Geometry:
    """A frame of `width` x `height`."""

    width: int
    height: int

    @property
    def unit(self) -> float:
        """What sizes are measured in: the height, or less where the frame is narrow."""
        return min(float(self.height), self.width)

    @property
    def foot(self) -> float:
        """How much ground lies before the scene; a tall frame has more of it."""
        return 0.22 * max(0.0, self.height - 1.1 * self.unit)

    @property
    def horizon(self) -> float:
        """Where the far ground meets the sky."""
        return self.height - 0.36 * self.unit - self.foot

    @property
    def ground(self) -> float:
        """Where the subjects' feet stand."""
        return self.height - 0.14 * self.unit - self.foot

    @property
    def period(self) -> int:
        """How wide a layer is before it repeats."""
        return round(1.35 * self.width)
