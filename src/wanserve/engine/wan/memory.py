"""Estimates how much device memory a model needs, and plans its placement where it does not fit as a whole. Pure.

Tests compare the estimates with the peaks that the authors and others published, and with those that we measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.models.framing import framing_for
from wanserve.models.sampling import Placement, Precision, Profile, SamplingSettings, TransformerShape, WanModelCard

TEXT_ENCODER_PARAMETERS: Final = 5_680_000_000
VAE_PARAMETERS: Final = 126_900_000
TEXT_WIDTH: Final = 4096

LAYER_BYTES: Final = 1_000_000_000
"""The memory of offloaded layers on the device: two blocks of the largest model, or layers of the text encoder."""

ATTENTION_BYTES: Final = 24
"""A block's working memory in attention, for each token and each channel of its width: residual, q, k, v, fp32 copies.

Measured on an H200 with the shape of the 14B: 22.4 bytes, and 12.8 with compiled blocks.
"""

FEED_FORWARD_BYTES: Final = 4
FEED_FORWARD_RESIDUAL_BYTES: Final = 10
"""The same in the feed-forward, in bf16: for each number of the wide layer, and beside it for each channel.

Measured on an H200 with the shape of the 1.3B: 32.6 bytes for each token and channel (33.3 by these), and 18.9 with
compiled blocks.
"""

BYTES_PER_DECODED_PIXEL: Final = 13_000
"""The VAE's working memory for four pictures, in bf16. Measured on an H200: 10,200; on a CPU: 10,700."""

TILE_PIXELS: Final = 512 * 512
RESERVE_BYTES: Final = 1_200_000_000
RESERVE_FACTOR: Final = 1.08
"""A constant for the driver's context, and a factor for the memory that the allocator cannot use."""

PINNED_FACTOR: Final = 1.67
"""PyTorch's pool of pinned memory rounds blocks up to powers of two. Source: measured in sgl-project/sglang#39021."""


class BlockFormat(StrEnum):
    """The number format of the transformer's blocks."""

    AS_LOADED = "as-loaded"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """How a model is placed: where its weights are, the number format of its blocks, and whether it decodes in tiles.

    `pinned`: offloaded weights are in pinned host memory, so that the next block is copied while one computes. The
    bytes are the expected peaks, with the reserves.
    """

    placement: Placement
    block_format: BlockFormat
    tiled: bool
    pinned: bool
    device_bytes: int
    host_bytes: int

    @property
    def description(self) -> str:
        """The plan in one line, for the user."""
        where = {
            Placement.WHOLE: "whole on the device",
            Placement.TEXT_OFF: "text encoder in host memory",
            Placement.PARTS: "each part on the device only while it works",
            Placement.GROUPS: "in host memory, a block at a time on the device",
        }[self.placement]
        blocks = "" if self.block_format is BlockFormat.AS_LOADED else f", {self.block_format} blocks"
        tiles = ", decoded in tiles" if self.tiled else ""
        return f"{where}{blocks}{tiles}, {self.device_bytes / 1e9:.1f} GB at the peak"


@dataclass(frozen=True, slots=True)
class MemoryNeeds:
    """The bytes of each part of a model, and of its working memory at the largest size that it generates."""

    text: int
    transformer: int
    experts: int
    vae: int
    denoising: int
    decoding: int
    decoding_tiled: int


def plan_memory(card: WanModelCard, free_bytes: int, host_bytes: int, *, bf16: bool = True) -> MemoryPlan:
    """Return the first plan that fits into `free_bytes` of the device and `host_bytes` of the host; exact ones first.

    A placement or tiling in the sampling settings is not changed. `bf16`: the device has units for it. Raises SetupError,
    with the numbers, where nothing fits.
    """
    plans = [
        _plan(memory_needs(card, block_format, bf16=bf16), placement, block_format, host_bytes, tiled=tiled)
        for block_format, tiled, placement in _candidates(card.sampling)
    ]
    for each in plans:
        if each.device_bytes <= free_bytes and each.host_bytes <= host_bytes:
            return each
    least = min(plans, key=lambda each: (each.device_bytes, each.host_bytes))
    raise SetupError(
        f"{card.name} needs {least.device_bytes / 1e9:.1f} GB of the device and {least.host_bytes / 1e9:.1f} GB of the"
        f" host; {free_bytes / 1e9:.1f} GB and {host_bytes / 1e9:.1f} GB are free"
    )


def _candidates(sampling: SamplingSettings) -> Iterator[tuple[BlockFormat, bool, Placement]]:
    """What to try, best first: the number format of the blocks, whether to decode in tiles, where the weights are."""
    small = sampling.profile is Profile.SMALL
    formats = [BlockFormat.INT8] if small else [BlockFormat.AS_LOADED]
    tilings = [small, not small] if sampling.tiled_decode is None else [sampling.tiled_decode]
    anywhere = sampling.placement is Placement.AUTO
    placements = [each for each in Placement if each is not Placement.AUTO] if anywhere else [sampling.placement]
    yield from product(formats, tilings, placements)


def number_bytes_of(precision: Precision, *, bf16: bool) -> int:
    """The bytes of a number of the weights, as `loading.dtype_for` loads them. `bf16`: the device has units for it."""
    return 4 if precision is Precision.FP32 or (precision is Precision.AUTO and not bf16) else 2


def memory_needs(card: WanModelCard, block_format: BlockFormat, *, bf16: bool = True) -> MemoryNeeds:
    """How many bytes the model needs with its blocks in this number format, on a device with units for bf16 or without."""
    sampling = card.sampling
    shape = sampling.shape
    number_bytes = number_bytes_of(sampling.precision, bf16=bf16)
    framings = [framing_for(size, sampling.large_sizes) for size in card.sizes]
    pixels = max(each.width * each.height for each in framings)
    latent_frames = (sampling.frames - 1) // 4 + 1
    tokens = pixels // 256 * latent_frames
    # Wan 2.2 decodes in fp32; see `loading.decoder_dtype`.
    decodes_in_fp32 = sampling.experts == 2 and sampling.profile is not Profile.SMALL
    pixel_bytes = BYTES_PER_DECODED_PIXEL * (2 if decodes_in_fp32 or number_bytes == 4 else 1)
    stored = sampling.stored
    kept = stored.transformer_parameters
    quantised = 0 if block_format is BlockFormat.AS_LOADED else max(0, block_parameter_count(shape) - kept)
    # One matrix at a time is computed from what is stored: in fp32, scaled, and in the format that it computes in.
    upcast = shape.dim * shape.ffn * (8 + number_bytes) if kept or quantised else 0
    return MemoryNeeds(
        text=(TEXT_ENCODER_PARAMETERS - stored.text_parameters) * number_bytes + stored.text_bytes,
        transformer=(parameter_count(shape) - kept - quantised) * number_bytes + quantised + stored.transformer_bytes,
        experts=sampling.experts,
        vae=VAE_PARAMETERS * 4,
        denoising=tokens * _bytes_for_a_token(shape) * number_bytes // 2 + upcast,
        decoding=pixels * pixel_bytes,
        decoding_tiled=min(pixels, TILE_PIXELS) * pixel_bytes,
    )


def _bytes_for_a_token(shape: TransformerShape) -> int:
    """The most working memory that a block takes for one token, in bf16."""
    feed_forward = shape.ffn * FEED_FORWARD_BYTES + shape.dim * FEED_FORWARD_RESIDUAL_BYTES
    return max(shape.dim * ATTENTION_BYTES, feed_forward)


def block_parameter_count(shape: TransformerShape) -> int:
    """How many parameters one transformer's blocks have: two attentions of four matrices, two in the feed-forward."""
    return shape.layers * (8 * shape.dim**2 + 2 * shape.dim * shape.ffn)


def parameter_count(shape: TransformerShape) -> int:
    """How many parameters one transformer has: 1.42 billion in the 1.3B, 14.3 billion in the 14B."""
    embeddings = shape.dim * (TEXT_WIDTH + 256) + 8 * shape.dim**2
    return block_parameter_count(shape) + embeddings


def _plan(
    needs: MemoryNeeds, placement: Placement, block_format: BlockFormat, host_bytes: int, *, tiled: bool
) -> MemoryPlan:
    decoding = needs.decoding_tiled if tiled else needs.decoding
    work = max(needs.denoising, decoding)
    transformers = needs.transformer * needs.experts
    device, host = {
        Placement.WHOLE: (needs.text + transformers + work, 0),
        Placement.TEXT_OFF: (transformers + max(work, LAYER_BYTES), needs.text),
        # During the decoding neither expert is on the device.
        Placement.PARTS: (max(needs.transformer + needs.denoising, decoding, LAYER_BYTES), needs.text + transformers),
        Placement.GROUPS: (LAYER_BYTES * 2 + work, needs.text + transformers),
    }[placement]
    pinned = placement is not Placement.WHOLE and host * PINNED_FACTOR <= host_bytes
    return MemoryPlan(
        placement,
        block_format,
        tiled,
        pinned,
        device_bytes=int((device + needs.vae) * RESERVE_FACTOR) + RESERVE_BYTES,
        host_bytes=int(host * PINNED_FACTOR) if pinned else host,
    )
