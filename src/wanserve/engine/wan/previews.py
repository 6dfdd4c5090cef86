"""A small picture of a video that is being denoised, from its latents by a linear map, without the VAE."""

from collections.abc import Callable, Sequence
from typing import Final

import torch

from wanserve.domain.progress import Picture
from wanserve.models.framing import Framing

# Red, green and blue of each of the 16 channels of Wan 2.1's VAE, which the A14B of Wan 2.2 has too, and what is added:
# for normalised latents, as the transformer sees them, to -1..1. Published with ComfyUI, in comfy/latent_formats.py (Wan21).
FACTORS: Final = (
    (-0.1299, -0.1692, 0.2932),
    (0.0671, 0.0406, 0.0442),
    (0.3568, 0.2548, 0.1747),
    (0.0372, 0.2344, 0.1420),
    (0.0313, 0.0189, -0.0328),
    (0.0296, -0.0956, -0.0665),
    (-0.3477, -0.4059, -0.2925),
    (0.0166, 0.1902, 0.1975),
    (-0.0412, 0.0267, -0.1364),
    (-0.1293, 0.0740, 0.1636),
    (0.0680, 0.3019, 0.1128),
    (0.0032, 0.0581, 0.0639),
    (-0.1251, 0.0927, 0.1699),
    (0.0060, -0.0633, 0.0005),
    (0.3477, 0.2275, 0.2950),
    (0.1984, 0.0913, 0.1861),
)
BIAS: Final = (-0.1835, -0.0868, -0.3360)

CELL: Final = 8
"""How many pixels of the video one latent covers, in each direction."""

Predicted = Callable[[int, torch.Tensor], None]
"""Called after a step, from 1 on, with the latents of the video as the model sees it then, without noise."""


def picture_of(latents: torch.Tensor, framing: Framing) -> Picture | None:
    """The middle of the video of these latents, (1, channels, latent frames, height, width), one pixel for each of them.

    What the framing cuts off is cut off. None where the latents are not those of Wan 2.1's VAE.
    """
    if latents.shape[1] != len(FACTORS):
        return None
    top, left = (framing.height - framing.cut_height) // 2 // CELL, (framing.width - framing.cut_width) // 2 // CELL
    height, width = framing.cut_height // CELL, framing.cut_width // CELL
    middle = latents[0, :, latents.shape[2] // 2, top : top + height, left : left + width].float()
    colors = torch.einsum("chw,cr->hwr", middle, _tensor(FACTORS, middle)) + _tensor(BIAS, middle)
    pixels = ((colors * 0.5 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return Picture(pixels.shape[1], pixels.shape[0], bytes(pixels.contiguous().cpu().numpy()))


def _tensor(numbers: Sequence[object], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float32, device=like.device)
