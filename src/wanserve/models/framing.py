"""Decides at which size a video is drawn: as requested, or smaller and scaled up, or larger and cut. Pure."""

from dataclasses import dataclass
from typing import Final

from wanserve.domain.catalog import Size
from wanserve.models.sampling import LargeSizes

STEP: Final = 16
"""Drawn widths and heights are multiples of 16 pixels: 8 for the VAE times 2 for the transformer's patches."""

TRAINED_PIXELS: Final = 1280 * 720
"""The largest frame that any of the models was trained at, in pixels."""


@dataclass(frozen=True, slots=True)
class Framing:
    """Draw a frame at `width` x `height`, keep its middle `cut_width` x `cut_height`, and scale that to `asked`."""

    asked: Size
    width: int
    height: int
    cut_width: int
    cut_height: int

    @property
    def description(self) -> str:
        """A description for the user; `native` where frames are neither cut nor scaled."""
        drawn, cut = f"{self.width}*{self.height}", f"{self.cut_width}*{self.cut_height}"
        says = "native" if drawn == "{}*{}".format(*self.asked) else f"drawn at {drawn}"
        if cut != drawn:
            says += f", cut to {cut}"
        if (self.cut_width, self.cut_height) != self.asked:
            says += ", scaled to {}*{}".format(*self.asked)
        return says


def framing(asked: Size, large_sizes: LargeSizes) -> Framing:
    """How a video of this size is drawn.

    Up to `TRAINED_PIXELS` a video is drawn at the requested size. A larger one is drawn at two thirds of it and scaled
    up (1920*1080 from 1280*720), or at its full size, as `large_sizes` says. A side that is not a multiple of `STEP` is
    drawn up to the next multiple and cut.
    """
    width, height = asked
    if width * height > TRAINED_PIXELS and large_sizes is LargeSizes.SCALE:
        width, height = round(width * 2 / 3), round(height * 2 / 3)
    return Framing(asked, _up(width), _up(height), width, height)


def _up(pixels: int) -> int:
    return -(-pixels // STEP) * STEP
