"""Stage 3: knows how latents become frames, one latent frame (four pictures) at a time, so that a long clip costs no more.

It reaches into the VAE's own cache (`_feat_map`, `_conv_idx`), as `AutoencoderKLWan.decode` does; diffusers is
pinned for it, and a test holds the result to `decode`'s, bit for bit.
"""

from collections.abc import Iterator
from itertools import product
from typing import Final, TypeAlias

import torch
from diffusers import AutoencoderKLWan

from wanserve.domain.ports import Frame
from wanserve.models.framing import Framing

HOST: Final = torch.device("cpu")

Cache: TypeAlias = "list[torch.Tensor | None]"
"""What the decoder's convolutions keep of the pictures before."""

TILE: Final = 512
STRIDE: Final = 448
"""Pixels. Tiles of 512 that overlap by 64 cost 1.15 to 1.27 of an untiled decode; the library's 256 / 192 cost 1.66."""


def unnormalised(vae: AutoencoderKLWan, latents: torch.Tensor) -> torch.Tensor:
    """The latents as the decoder wants them: on its device, in its format, times the deviation, plus the mean."""
    moved = latents.to(vae.device, vae.dtype)
    shape = (1, vae.config.z_dim, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(moved.device, moved.dtype)
    # Divided by the inverse, as WanPipeline does: another order of the same sum rounds otherwise.
    inverse = 1.0 / torch.tensor(vae.config.latents_std).view(shape).to(moved.device, moved.dtype)
    return moved / inverse + mean


def decoded(vae: AutoencoderKLWan, latents: torch.Tensor) -> Iterator[torch.Tensor]:
    """The pictures of unnormalised latents, (1, 3, 1 or 4, height, width) at a time, -1 to 1; first one, then fours.

    Closed early or not, no cache is left.
    """
    vae.clear_cache()
    try:
        with torch.no_grad():
            quantised = vae.post_quant_conv(latents)
        for number in range(latents.shape[2]):
            part = quantised[:, :, number : number + 1]
            yield _next_pictures(vae, part, vae._feat_map, first=number == 0).clamp(-1, 1)
    finally:
        vae.clear_cache()


def decoded_tiled(
    vae: AutoencoderKLWan, latents: torch.Tensor, tile: int = TILE, stride: int = STRIDE
) -> Iterator[torch.Tensor]:
    """Like `decoded`, a tile of `tile` pixels every `stride` at a time: less memory, and seams are blended.

    Each tile has a cache of its own, so that all tiles of a latent frame are done before the next; between their turns
    the caches are in host memory, where the pictures of a long clip would not fit. The result is that of
    `AutoencoderKLWan.tiled_decode`.
    """
    ratio = vae.spatial_compression_ratio
    rows = range(0, latents.shape[3], stride // ratio)
    columns = range(0, latents.shape[4], stride // ratio)
    height, width = latents.shape[3] * ratio, latents.shape[4] * ratio
    vae.clear_cache()
    caches: dict[tuple[int, int], Cache] = {each: [None] * len(vae._feat_map) for each in product(rows, columns)}

    def next_tile(number: int, top: int, left: int) -> torch.Tensor:
        part = latents[:, :, number : number + 1, top : top + tile // ratio, left : left + tile // ratio]
        with torch.no_grad():
            quantised = vae.post_quant_conv(part)
        cache = _moved(caches[top, left], latents.device)
        pictures = _next_pictures(vae, quantised, cache, first=number == 0)
        caches[top, left] = _moved(cache, HOST)
        return pictures

    try:
        for number in range(latents.shape[2]):
            tiles = [[next_tile(number, top, left) for left in columns] for top in rows]
            yield _joined(vae, tiles, tile - stride, stride)[..., :height, :width].clamp(-1, 1)
    finally:
        caches.clear()
        vae.clear_cache()


def _next_pictures(vae: AutoencoderKLWan, latent: torch.Tensor, cache: Cache, *, first: bool) -> torch.Tensor:
    vae._conv_idx = [0]
    # Not around the generator's yield: there it would hold for whoever takes the pictures, too.
    with torch.no_grad():
        pictures: torch.Tensor = vae.decoder(latent, feat_cache=cache, feat_idx=vae._conv_idx, first_chunk=first)
    return pictures


def _moved(cache: Cache, device: torch.device) -> Cache:
    # Some entries are marks ("Rep") of what the decoder has to do next, not tensors.
    return [each.to(device) if isinstance(each, torch.Tensor) else each for each in cache]


def _joined(vae: AutoencoderKLWan, tiles: list[list[torch.Tensor]], overlap: int, stride: int) -> torch.Tensor:
    """The tiles as one picture: each blended into the one above and the one to its left, and cut to the stride."""
    rows = []
    for i, row in enumerate(tiles):
        done = []
        for j, tile in enumerate(row):
            # Blended in place: the tiles below and to the right blend into what came of this one.
            if i > 0:
                vae.blend_v(tiles[i - 1][j], tile, overlap)
            if j > 0:
                vae.blend_h(row[j - 1], tile, overlap)
            done.append(tile[..., :stride, :stride])
        rows.append(torch.cat(done, dim=-1))
    return torch.cat(rows, dim=-2)


def frames_of(pictures: torch.Tensor, framing: Framing) -> Iterator[Frame]:
    """The pictures of one chunk as frames, cut to the framing's middle."""
    top = (framing.height - framing.cut_height) // 2
    left = (framing.width - framing.cut_width) // 2
    kept = pictures[0, :, :, top : top + framing.cut_height, left : left + framing.cut_width]
    # Rounded as diffusers rounds for its PIL pictures: from 0..1 in float32, also where the VAE works in bf16.
    bytes_ = ((kept.float() * 0.5 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    for picture in bytes_.permute(1, 2, 3, 0).contiguous().cpu().numpy():
        yield memoryview(picture)
