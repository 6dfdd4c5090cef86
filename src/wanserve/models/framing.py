"""Decides at which size a video is generated: as requested, or smaller and scaled up, or larger and cut. Pure."""

from dataclasses import dataclass
from typing import Final

from wanserve.domain.catalogue import Size
from wanserve.models.sampling import LargeSizes

STEP: Final = 16
"""Generated widths and heights are multiples of 16 pixels: 8 for the VAE times 2 for the transformer's patches."""

TRAINED_PIXELS: Final = 1280 * 720
"""The largest frame that any of the models was trained at, in pixels."""


@dataclass(frozen=True, slots=True)
class Framing:
    """Generate at `width` x `height`, keep the middle `cut_width` x `cut_height`, and scale that to `requested`."""

    requested: Size
    width: int
    height: int
    cut_width: int
    cut_height: int

    @property
    def description(self) -> str:
        """A description for the user; `native` where frames are neither cut nor scaled."""
        size, cut = f"{self.width}*{self.height}", f"{self.cut_width}*{self.cut_height}"
        text = "native" if size == "{}*{}".format(*self.requested) else f"drawn at {size}"
        if cut != size:
            text += f", cut to {cut}"
        if (self.cut_width, self.cut_height) != self.requested:
            text += ", scaled to {}*{}".format(*self.requested)
        return text


def framing_for(requested: Size, large_sizes: LargeSizes) -> Framing:
    """How a video of this size is generated.

    Up to `TRAINED_PIXELS` a video is generated at the requested size. A larger one is generated at two thirds of it and
    scaled up (1920*1080 from 1280*720), or at its full size, as `large_sizes` says. A side that is not a multiple of
    `STEP` is generated up to the next multiple and cut.
    """
    width, height = requested
    if width * height > TRAINED_PIXELS and large_sizes is LargeSizes.SCALE:
        width, height = round(width * 2 / 3), round(height * 2 / 3)
    return Framing(requested, _round_up(width), _round_up(height), width, height)


def _round_up(pixels: int) -> int:
    return -(-pixels // STEP) * STEP
