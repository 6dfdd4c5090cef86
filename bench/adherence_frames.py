"""Looks at frames of the preview engine: where a lead is drawn, in which colour, and which way it goes.

A lead's pixels are those that change when it alone is not drawn.
"""

import colorsys
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from wanserve.domain.generation import Generation
from wanserve.engine.animatic.engine import AnimaticEngine
from wanserve.engine.animatic.scene import Scene, Time

WIDTH: Final = 240
HEIGHT: Final = 136
FRAMES: Final = 12
FPS: Final = 4
CHANGED: Final = 30
"""From this sum of differences of red, green and blue on a pixel has changed."""

SMALLEST: Final = 0.0012
"""The least part of the frame that a lead must cover to be found."""

APART: Final = 0.03
"""The least distance between the middles of two leads, as a part of the frame, to be beside each other."""

HUES: Final = {"red": 0, "orange": 28, "yellow": 50, "green": 115, "blue": 215, "purple": 280, "pink": 330, "brown": 22}
Pixels = npt.NDArray[np.int16]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Look:
    """The frames of one scene, looked at in its middle unless said otherwise."""

    engine: AnimaticEngine
    scene: Scene
    generation: Generation

    def frames(self, hidden: frozenset[int] = frozenset()) -> list[Pixels]:
        """All frames as (HEIGHT, WIDTH, 3), without the leads in `hidden`."""
        drawn = []
        for frame in self.engine.draw(self.scene, self.generation, lambda _: None, hidden).frames:
            pixels = np.frombuffer(bytes(frame), np.uint8).reshape(frame.shape)[:, :, :3].astype(np.int16)
            drawn.append(_resized(pixels))
        return drawn

    @cached_property
    def whole(self) -> list[Pixels]:
        """All frames with everything."""
        return self.frames()

    @cached_property
    def empty(self) -> list[Pixels]:
        """All frames without any lead."""
        return self.frames(frozenset(range(len(self.scene.leads))))

    def masks(self, lead: int) -> list[Mask]:
        """The pixels of a lead in each frame."""
        without = self.empty if len(self.scene.leads) == 1 else self.frames(frozenset({lead}))
        return [np.abs(a - b).sum(axis=2) > CHANGED for a, b in zip(self.whole, without, strict=True)]

    def found(self, lead: int) -> bool:
        """Whether the lead can be seen in the middle of the clip."""
        return bool(self.masks(lead)[FRAMES // 2].mean() >= SMALLEST)

    def middle(self, lead: int, at: int = FRAMES // 2) -> tuple[float, float]:
        """The middle of a lead as parts of the width and the height; (-1, -1) where it is not seen."""
        return _middle(self.masks(lead)[at])

    def direction(self, lead: int) -> int:
        """Which way a lead goes with respect to the ground: -1 left, 1 right, 0 nowhere."""
        masks = self.masks(lead)
        first, last = 1, FRAMES - 2
        if not masks[first].any() or not masks[last].any():
            return 0
        moved = (_middle(masks[last])[0] - _middle(masks[first])[0]) * WIDTH
        ground = sum(_shift(self.empty[k], self.empty[k + 1]) for k in range(first, last))
        total = moved - ground
        return 0 if abs(total) < 0.02 * WIDTH else (1 if total > 0 else -1)

    def has_color(self, lead: int, color: str) -> bool:
        """Whether a good part of a lead's pixels is of this colour."""
        at = FRAMES // 2
        pixels = self.whole[at][self.masks(lead)[at]]
        if len(pixels) == 0:
            return False
        return float(np.mean([_is_color(tuple(p), color) for p in pixels[:: max(1, len(pixels) // 600)]])) >= 0.2

    def darker_than_by_day(self) -> bool:
        """Whether the frame is much darker than the same scene by day."""
        day = Look(self.engine, replace(self.scene, time=Time.DAY), self.generation)
        return float(self.whole[0].mean()) < 0.72 * float(day.whole[0].mean())

    def more_than_one(self, lead: int) -> bool:
        """Whether several of a lead cover more than one of it does."""
        leads = list(self.scene.leads)
        leads[lead] = replace(leads[lead], count=1)
        one = Look(self.engine, replace(self.scene, leads=tuple(leads)), self.generation)
        at = FRAMES // 2
        return float(self.masks(lead)[at].mean()) > 1.25 * float(one.masks(lead)[at].mean())


def look(engine: AnimaticEngine, scene: Scene, prompt: str, seed: int = 7) -> Look:
    """The frames of a scene."""
    return Look(engine, scene, Generation("preview", prompt, "", WIDTH, HEIGHT, FRAMES, FPS, seed))


def _resized(pixels: Pixels) -> Pixels:
    """The picture in the size of the video, by its nearest pixels: zooms and pixel art are drawn in another one."""
    height, width = pixels.shape[:2]
    if (height, width) == (HEIGHT, WIDTH):
        return pixels
    rows, columns = np.arange(HEIGHT) * height // HEIGHT, np.arange(WIDTH) * width // WIDTH
    return np.asarray(pixels[rows][:, columns], np.int16)


def _middle(mask: Mask) -> tuple[float, float]:
    if not mask.any():
        return -1.0, -1.0
    ys, xs = np.nonzero(mask)
    return float(xs.mean()) / WIDTH, float(ys.mean()) / HEIGHT


def _shift(first: Pixels, second: Pixels) -> int:
    """How many pixels the ground moved to the right between two frames, by the best match of its rows."""
    top = int(HEIGHT * 0.8)
    before, after = first[top:].astype(np.float32), second[top:].astype(np.float32)
    reach = WIDTH // 5
    errors = {}
    for shift in range(-reach, reach + 1):
        a = before[:, max(0, -shift) : WIDTH - max(0, shift)]
        b = after[:, max(0, shift) : WIDTH - max(0, -shift)]
        errors[shift] = float(np.abs(a - b).mean())
    # Of equal matches the smallest shift: a plain ground does not move.
    return min(errors, key=lambda s: (round(errors[s], 2), abs(s)))


def _is_color(pixel: tuple[int, ...], color: str) -> bool:
    hue, light, saturation = colorsys.rgb_to_hls(*(int(c) / 255 for c in pixel))
    if color == "black":
        return light < 0.32
    if color == "white":
        return light > 0.72 and saturation < 0.5
    if color == "gray":
        return 0.3 < light < 0.8 and saturation < 0.2
    apart = abs((hue * 360 - HUES[color] + 180) % 360 - 180)
    return apart < (18 if color in ("orange", "yellow", "brown") else 28) and saturation > 0.22
