"""Stage 3: decodes latents into frames, one latent frame (four pictures) at a time, so that length costs no memory.

It uses the VAE's private cache (`_feat_map`, `_conv_idx`) as `AutoencoderKLWan.decode` does. diffusers is pinned for
this, and a test checks that the result equals that of `decode` bit for bit.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Final, TypeAlias

import torch
from diffusers import AutoencoderKLWan

from wanserve.domain.ports import Frame
from wanserve.models.framing import Framing

HOST: Final = torch.device("cpu")

FeatureCache: TypeAlias = "list[torch.Tensor | None]"
"""What the decoder's convolutions keep of the previous pictures."""

TILE: Final = 512
STRIDE: Final = 448
"""Pixels. Tiles of 512 that overlap by 64 cost 1.15 to 1.27 of an untiled decode; the library's 256 / 192 cost 1.66."""


def denormalise(vae: AutoencoderKLWan, latents: torch.Tensor) -> torch.Tensor:
    """Scale the latents for the decoder: times the deviation plus the mean, on the VAE's device and in its dtype."""
    moved = latents.to(vae.device, vae.dtype)
    shape = (1, vae.config.z_dim, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(moved.device, moved.dtype)
    # Divided by the inverse, as WanPipeline does it: a multiplication would round differently.
    inverse = 1.0 / torch.tensor(vae.config.latents_std).view(shape).to(moved.device, moved.dtype)
    return moved / inverse + mean


def decode(vae: AutoencoderKLWan, latents: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the pictures of denormalised latents: (1, 3, n, height, width), -1 to 1, n = 1 the first time and then 4.

    The VAE's cache is empty afterwards, also where the iterator is closed early.
    """
    vae.clear_cache()
    try:
        with torch.no_grad():
            quantised = vae.post_quant_conv(latents)
        for number in range(latents.shape[2]):
            part = quantised[:, :, number : number + 1]
            yield _decode_latent_frame(vae, part, vae._feat_map, first=number == 0).clamp(-1, 1)
    finally:
        vae.clear_cache()


def decode_tiled(
    vae: AutoencoderKLWan,
    latents: torch.Tensor,
    at_part: Callable[[float], None],
    tile: int = TILE,
    stride: int = STRIDE,
) -> Iterator[torch.Tensor]:
    """Yield the same as `decode` in less memory: in tiles of `tile` pixels, one every `stride`, with blended seams.

    A tile is decoded with all of its pictures before the next one, so that only one decoder's cache is needed, which has
    1.2 GB for a tile of 512 pixels. Finished tiles are in host memory, and nothing is yielded before all of them are:
    81 frames of 1280*720 have 0.6 GB there. `at_part` is called with the fraction done before each latent frame of each
    tile; an exception that it raises passes through. The result is that of `AutoencoderKLWan.tiled_decode`.
    """
    ratio = vae.spatial_compression_ratio
    rows = range(0, latents.shape[3], stride // ratio)
    columns = range(0, latents.shape[4], stride // ratio)
    height, width = latents.shape[3] * ratio, latents.shape[4] * ratio
    count, side = latents.shape[2], tile // ratio
    corners = list(product(rows, columns))
    tiles: dict[tuple[int, int], list[torch.Tensor]] = {}
    vae.clear_cache()

    def note(tile_number: int, frame_number: int) -> None:
        at_part((tile_number * count + frame_number) / (len(corners) * count))

    for number, (top, left) in enumerate(corners):
        part = latents[:, :, :, top : top + side, left : left + side]
        tiles[top, left] = _decode_tile(vae, part, partial(note, number))
    for number in range(count):
        of_frame = [[tiles[top, left][number].to(latents.device) for left in columns] for top in rows]
        yield _blend_tiles(vae, of_frame, tile - stride, stride)[..., :height, :width].clamp(-1, 1)


def _decode_tile(vae: AutoencoderKLWan, latents: torch.Tensor, at_frame: Callable[[int], None]) -> list[torch.Tensor]:
    """The pictures of each latent frame of a tile, in host memory."""
    cache: FeatureCache = [None] * len(vae._feat_map)
    pictures = []
    for number in range(latents.shape[2]):
        at_frame(number)
        with torch.no_grad():
            quantised = vae.post_quant_conv(latents[:, :, number : number + 1])
        pictures.append(_decode_latent_frame(vae, quantised, cache, first=number == 0).to(HOST))
    return pictures


def _decode_latent_frame(
    vae: AutoencoderKLWan, latent: torch.Tensor, cache: FeatureCache, *, first: bool
) -> torch.Tensor:
    vae._conv_idx = [0]
    # Here and not around the generators' yield, where it would also apply to the code that takes the pictures.
    with torch.no_grad():
        pictures: torch.Tensor = vae.decoder(latent, feat_cache=cache, feat_idx=vae._conv_idx, first_chunk=first)
    return pictures


def _blend_tiles(vae: AutoencoderKLWan, tiles: list[list[torch.Tensor]], overlap: int, stride: int) -> torch.Tensor:
    """Join the tiles: blend each one into the tile above and the tile to its left, and cut it to the stride."""
    rows = []
    for i, row in enumerate(tiles):
        done = []
        for j, tile in enumerate(row):
            # Blended in place, because the tiles below and to the right are blended with the result.
            if i > 0:
                vae.blend_v(tiles[i - 1][j], tile, overlap)
            if j > 0:
                vae.blend_h(row[j - 1], tile, overlap)
            done.append(tile[..., :stride, :stride])
        rows.append(torch.cat(done, dim=-1))
    return torch.cat(rows, dim=-2)


def to_frames(pictures: torch.Tensor, framing: Framing) -> Iterator[Frame]:
    """Convert decoded pictures to frames, and cut off what lies outside of the framing's middle."""
    top = (framing.height - framing.cut_height) // 2
    left = (framing.width - framing.cut_width) // 2
    kept = pictures[0, :, :, top : top + framing.cut_height, left : left + framing.cut_width]
    # Rounded as diffusers does it for its PIL pictures: from 0..1 in float32, also where the VAE works in bf16.
    bytes_ = ((kept.float() * 0.5 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    for picture in bytes_.permute(1, 2, 3, 0).contiguous().cpu().numpy():
        yield memoryview(picture)
