"""Knows what a model needs of a device's memory, and how to place it where it does not fit as a whole. Pure arithmetic.

The figures are estimates, held by tests to what the authors and others published; none was measured by us on a GPU.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.models.framing import framing
from wanserve.models.sampling import Placement, Precision, Profile, SamplingSettings, TransformerShape, WanModelCard

TEXT_ENCODER_PARAMETERS: Final = 5_680_000_000
VAE_PARAMETERS: Final = 126_900_000
TEXT_WIDTH: Final = 4096

LAYER_BYTES: Final = 1_000_000_000
"""A block of the largest model and the next one on its way, or the text encoder's largest layers."""

BYTES_OF_TOKEN_AND_WIDTH: Final = 24
"""Of the transformer's working memory, for each token and each number of its width: residual, q, k, v and their fp32."""

BYTES_OF_DECODED_PIXEL: Final = 13_000
"""Of the VAE's working memory for four pictures, in bf16. Measured on a CPU: 10,700; the authors' peaks on GPUs say more."""

TILE_PIXELS: Final = 512 * 512
RESERVE_BYTES: Final = 1_200_000_000
RESERVE_SHARE: Final = 1.08
"""For the driver's context, and for what the allocator cannot use."""

PINNED_SHARE: Final = 1.67
"""PyTorch's pinned pool rounds blocks up to powers of two. Source: measured in sgl-project/sglang#39021."""


class Blocks(StrEnum):
    """The number format of the transformer's blocks."""

    AS_LOADED = "as-loaded"
    INT8 = "int8"
    FP8 = "fp8"


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """How a model is placed: where its weights are, its blocks' numbers, and whether pictures are decoded in tiles.

    `pinned`: offloaded weights lie in pinned host memory, so that the next block comes while one works. The bytes are
    what is expected at the peak, reserves included.
    """

    placement: Placement
    blocks: Blocks
    tiled: bool
    pinned: bool
    device_bytes: int
    host_bytes: int

    @property
    def how(self) -> str:
        """In words for the user."""
        words = {
            Placement.WHOLE: "whole on the device",
            Placement.TEXT_OFF: "text encoder in host memory",
            Placement.PARTS: "each part on the device only while it works",
            Placement.GROUPS: "in host memory, a block at a time on the device",
        }[self.placement]
        blocks = "" if self.blocks is Blocks.AS_LOADED else f", {self.blocks} blocks"
        return (
            f"{words}{blocks}{', decoded in tiles' if self.tiled else ''}, {self.device_bytes / 1e9:.1f} GB at the peak"
        )


@dataclass(frozen=True, slots=True)
class Needs:
    """The bytes of a model's parts, and of its work at the largest size that is drawn."""

    text: int
    transformer: int
    experts: int
    vae: int
    denoising: int
    decoding: int
    decoding_tiled: int


def plan_memory(card: WanModelCard, free_bytes: int, host_bytes: int, *, fp8: bool = False) -> MemoryPlan:
    """The first placement that fits `free_bytes` of the device and `host_bytes` of the host; exact ones first.

    What the sampling sets stands. `fp8`: the device computes in fp8. Raises SetupError, with the numbers, where none fits.
    """
    tried = [
        _planned(needs(card, blocks), placement, blocks, host_bytes, tiled=tiled)
        for blocks, tiled, placement in _choices(card.sampling, fp8=fp8)
    ]
    for each in tried:
        if each.device_bytes <= free_bytes and each.host_bytes <= host_bytes:
            return each
    least = min(tried, key=lambda each: (each.device_bytes, each.host_bytes))
    raise SetupError(
        f"{card.name} needs {least.device_bytes / 1e9:.1f} GB of the device and {least.host_bytes / 1e9:.1f} GB of the"
        f" host; {free_bytes / 1e9:.1f} GB and {host_bytes / 1e9:.1f} GB are free"
    )


def _choices(sampling: SamplingSettings, *, fp8: bool) -> Iterator[tuple[Blocks, bool, Placement]]:
    """What may be tried, the most wanted first: the blocks' format, whether tiled, and where the weights are."""
    small = sampling.profile is Profile.SMALL
    formats = [Blocks.FP8 if fp8 else Blocks.INT8, Blocks.AS_LOADED] if small else [Blocks.AS_LOADED]
    tilings = [small, not small] if sampling.tiled_decode is None else [sampling.tiled_decode]
    anywhere = sampling.placement is Placement.AUTO
    placements = [each for each in Placement if each is not Placement.AUTO] if anywhere else [sampling.placement]
    for blocks, tiled, placement in product(formats, tilings, placements):
        # Tensors of quantised blocks are not known to survive the way in and out a block at a time.
        if blocks is Blocks.AS_LOADED or placement is not Placement.GROUPS:
            yield blocks, tiled, placement


def needs(card: WanModelCard, blocks: Blocks) -> Needs:
    """What the model needs with its blocks in this format."""
    sampling = card.sampling
    shape = sampling.shape
    number = 4 if sampling.precision is Precision.FP32 else 2
    drawn = [framing(size, sampling.large_sizes) for size in card.sizes]
    pixels = max(each.width * each.height for each in drawn)
    latent_frames = (sampling.frames - 1) // 4 + 1
    tokens = pixels // 256 * latent_frames
    # The second generation's pictures are decoded in fp32, see `loading.decoder_dtype`.
    wide = sampling.experts == 2 and sampling.profile is not Profile.SMALL
    pixel_bytes = BYTES_OF_DECODED_PIXEL * (2 if wide or number == 4 else 1)
    quantised = 0 if blocks is Blocks.AS_LOADED else block_parameters(shape)
    return Needs(
        text=TEXT_ENCODER_PARAMETERS * number,
        transformer=parameters(shape) * number - quantised * (number - 1),
        experts=sampling.experts,
        vae=VAE_PARAMETERS * 4,
        denoising=tokens * shape.dim * BYTES_OF_TOKEN_AND_WIDTH * number // 2,
        decoding=pixels * pixel_bytes,
        decoding_tiled=min(pixels, TILE_PIXELS) * pixel_bytes,
    )


def block_parameters(shape: TransformerShape) -> int:
    """The numbers of one transformer's blocks: two attentions of four matrices, and the feed-forward's two."""
    return shape.layers * (8 * shape.dim**2 + 2 * shape.dim * shape.ffn)


def parameters(shape: TransformerShape) -> int:
    """The numbers of one transformer: 1.42 billion for the 1.3B, 14.3 billion for the 14B."""
    embeddings = shape.dim * (TEXT_WIDTH + 256) + 8 * shape.dim**2
    return block_parameters(shape) + embeddings


def _planned(needs: Needs, placement: Placement, blocks: Blocks, host_bytes: int, *, tiled: bool) -> MemoryPlan:
    decoding = needs.decoding_tiled if tiled else needs.decoding
    work = max(needs.denoising, decoding)
    transformers = needs.transformer * needs.experts
    device, host = {
        Placement.WHOLE: (needs.text + transformers + work, 0),
        Placement.TEXT_OFF: (transformers + max(work, LAYER_BYTES), needs.text),
        # While pictures are decoded neither expert is on the device.
        Placement.PARTS: (max(needs.transformer + needs.denoising, decoding, LAYER_BYTES), needs.text + transformers),
        Placement.GROUPS: (LAYER_BYTES * 2 + work, needs.text + transformers),
    }[placement]
    pinned = placement is not Placement.WHOLE and host * PINNED_SHARE <= host_bytes
    return MemoryPlan(
        placement,
        blocks,
        tiled,
        pinned,
        device_bytes=int((device + needs.vae) * RESERVE_SHARE) + RESERVE_BYTES,
        host_bytes=int(host * PINNED_SHARE) if pinned else host,
    )
