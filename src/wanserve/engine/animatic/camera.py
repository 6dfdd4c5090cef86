"""Computes what the camera sees at each time: how far the scene has scrolled, and the window on the canvas. Pure.

Lengths are pixels, times seconds. The canvas may be larger than the video: a tilt slides the window up or down on a
taller canvas, a zoom takes a smaller or larger window, which the encoder scales to the size of the video.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from wanserve.engine.animatic.scene import CameraMove

TAU = math.tau
TILT = 0.2
"""How far a tilt goes, as a fraction of the frame's height."""

ZOOM = 1.3
"""How much closer the camera comes in a zoom."""

LARGEST = 2_000_000
"""How many pixels the canvas of a zoom has at most, unless the video has more: its layers take most of the memory."""

SHAKE = 0.02
"""How far a shaking camera moves, as a fraction of the frame's height."""

PAN = 0.4
"""How far a pan goes, as a fraction of the frame's width."""

ZOOMS = frozenset({CameraMove.ZOOM_IN, CameraMove.ZOOM_OUT})
TILTS = frozenset({CameraMove.TILT_UP, CameraMove.TILT_DOWN})
PANS = {CameraMove.PAN_LEFT: -1, CameraMove.PAN_RIGHT: 1}


class Window(NamedTuple):
    """The part of the canvas that is seen, in whole pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that makes a video of `width` x `height` in `seconds`. `follow` is its speed over the ground."""

    width: int
    height: int
    seconds: float
    move: CameraMove = CameraMove.NONE
    follow: float = 0.0
    focus: tuple[float, float] = (0.5, 0.5)
    """Where a zoom ends, as fractions of the canvas."""

    @property
    def canvas(self) -> tuple[int, int]:
        """The width and height of the canvas that the camera's move needs."""
        if self.move in ZOOMS:
            larger = min(ZOOM, max(1.0, math.sqrt(LARGEST / (self.width * self.height))))
            return _even(self.width * larger), _even(self.height * larger)
        if self.move in TILTS:
            return self.width, self.height + _even(self.height * TILT)
        if self.move is CameraMove.SHAKE:
            margin = 2 * _even(self.height * SHAKE)
            return self.width + margin, self.height + margin
        return self.width, self.height

    def scroll(self, t: float) -> float:
        """How far the ground has moved to the left at time t. A camera that is told nothing drifts a little."""
        if self.follow:
            return self.follow * t
        part = eased(t / max(0.1, self.seconds))
        if self.move in PANS:
            return PANS[self.move] * PAN * self.width * part
        if self.move is CameraMove.ORBIT:
            return 0.22 * self.width * (part - 0.5)
        still = self.move is not CameraMove.NONE
        return 0.0 if still else self.width * 0.018 * math.sin(TAU * t / 11)

    def window(self, t: float) -> Window:
        """The window at time t."""
        wide, tall = self.canvas
        part = eased(t / max(0.1, self.seconds))
        if self.move in TILTS:
            down = part if self.move is CameraMove.TILT_DOWN else 1 - part
            return Window(0, round((tall - self.height) * down), self.width, self.height)
        if self.move in ZOOMS:
            near = part if self.move is CameraMove.ZOOM_IN else 1 - part
            width = _even(wide * (1 - near * (1 - 1 / ZOOM)))
            height = _even(tall * (1 - near * (1 - 1 / ZOOM)))
            return Window(round((wide - width) * self.focus[0]), round((tall - height) * self.focus[1]), width, height)
        if self.move is CameraMove.SHAKE:
            x, y = wide - self.width, tall - self.height
            dx = 0.6 * math.sin(TAU * 3.1 * t) + 0.4 * math.sin(TAU * 5.3 * t + 1)
            dy = 0.6 * math.sin(TAU * 3.7 * t + 2) + 0.4 * math.sin(TAU * 6.1 * t)
            return Window(round(x * (0.5 + 0.5 * dx)), round(y * (0.5 + 0.5 * dy)), self.width, self.height)
        return Window(0, 0, self.width, self.height)


def eased(part: float) -> float:
    """A smooth way from 0 to 1: slow at both ends."""
    part = min(1.0, max(0.0, part))
    return part * part * (3 - 2 * part)


def _even(value: float) -> int:
    return 2 * round(value / 2)
