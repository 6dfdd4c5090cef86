"""Computes the layout of a frame: the ground, the unit of lengths, the period of a layer. Lengths are pixels."""

from dataclasses import dataclass
from typing import NamedTuple

from wanserve.engine.animatic.scene import Shot


class Framing(NamedTuple):
    """How a shot frames the picture.

    `closeness` is 1 for a medium shot. Ground and horizon lie so far above the lower edge, in units of the frame.
    """

    closeness: float
    ground: float
    horizon: float


FRAMINGS = {
    Shot.MEDIUM: Framing(1.0, 0.14, 0.36),
    Shot.CLOSE_UP: Framing(1.75, 0.07, 0.36),
    Shot.WIDE: Framing(0.62, 0.15, 0.36),
    Shot.AERIAL: Framing(0.6, 0.3, 0.74),
    Shot.LOW: Framing(1.2, 0.09, 0.2),
}


@dataclass(frozen=True, slots=True)
class Geometry:
    """A canvas of `width` x `height` pixels, seen by a camera whose window is `frame_height` tall (0: all of it).

    The composition hangs on the lower edge: a taller canvas has more sky.
    """

    width: int
    height: int
    shot: Shot = Shot.MEDIUM
    frame_height: int = 0

    @property
    def frame(self) -> float:
        """The unit of the frame: its height, or a little more than its width where that is less."""
        return min(float(self.frame_height or self.height), 1.2 * self.width)

    @property
    def unit(self) -> float:
        """The unit of sizes in the scene: larger where the camera is closer."""
        return self.frame * FRAMINGS[self.shot].closeness

    @property
    def foot(self) -> float:
        """How much ground there is in front of the scene. A tall frame has more of it."""
        return 0.22 * max(0.0, (self.frame_height or self.height) - 1.1 * self.frame)

    @property
    def horizon(self) -> float:
        """The y of the line between the far ground and the sky."""
        return self.height - FRAMINGS[self.shot].horizon * self.frame - self.foot

    @property
    def ground(self) -> float:
        """The y of the subjects' feet."""
        return self.height - FRAMINGS[self.shot].ground * self.frame - self.foot

    @property
    def period(self) -> int:
        """The width after which a layer repeats."""
        return round(1.35 * self.width)
