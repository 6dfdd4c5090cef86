"""Knows at which size a video is drawn: as large as was asked, or smaller and scaled, or larger and cut. Pure."""

from dataclasses import dataclass
from typing import Final

from wanserve.domain.catalog import Size
from wanserve.models.sampling import LargeSizes

STEP: Final = 16
"""Widths and heights are drawn in steps of 16 pixels: 8 of the VAE times 2 of the transformer's patches."""

TRAINED_PIXELS: Final = 1280 * 720
"""The most pixels of a frame that any of the models was trained at."""


@dataclass(frozen=True, slots=True)
class Framing:
    """A frame is drawn at `width` x `height`, its middle `cut_width` x `cut_height` kept, and that scaled to `asked`."""

    asked: Size
    width: int
    height: int
    cut_width: int
    cut_height: int

    @property
    def how(self) -> str:
        """In words for the user; `native` where nothing is done to the frames."""
        drawn, cut = f"{self.width}*{self.height}", f"{self.cut_width}*{self.cut_height}"
        says = "native" if drawn == "{}*{}".format(*self.asked) else f"drawn at {drawn}"
        if cut != drawn:
            says += f", cut to {cut}"
        if (self.cut_width, self.cut_height) != self.asked:
            says += ", scaled to {}*{}".format(*self.asked)
        return says


def framing(asked: Size, large_sizes: LargeSizes) -> Framing:
    """How a video of this size is drawn.

    Up to `TRAINED_PIXELS` as it is asked. Above: two thirds as large and scaled (1920*1080 from 1280*720), or as it
    is asked. What is no multiple of `STEP` is drawn up to the next one and cut.
    """
    width, height = asked
    if width * height > TRAINED_PIXELS and large_sizes is LargeSizes.SCALE:
        width, height = round(width * 2 / 3), round(height * 2 / 3)
    return Framing(asked, _up(width), _up(height), width, height)


def _up(pixels: int) -> int:
    return -(-pixels // STEP) * STEP
