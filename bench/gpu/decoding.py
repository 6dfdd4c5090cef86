"""The decoder alone, whole and in tiles, and where memory runs out between them; on a card of so many GB."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import torch
from diffusers import AutoencoderKLWan

from bench.gpu.measure import Figures, device, error, held_gb, limited_device, now, peak_gb
from wanserve.domain.errors import WanserveError
from wanserve.engine.wan.decode import STRIDE, TILE, decode, decode_tiled, denormalise
from wanserve.engine.wan.device import is_out_of_memory, release_memory
from wanserve.engine.wan.engine import _pictures
from wanserve.engine.wan.loading import use_channels_last

LATENT_FRAMES: Final = 21
SHORT_GB: Final = 7.5
"""A card on which 1280*720 cannot be decoded whole in bf16, and in tiles can."""


def decoding(_: Path, size: str, card_gb: str) -> Iterator[Figures]:
    """Seconds and peaks, weights included; and whether tiles are those of diffusers' own tiled decode."""
    limited_device(float(card_gb))
    width, height = map(int, size.split("*"))
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(1, 16, LATENT_FRAMES, height // 8, width // 8, generator=generator).to(device())
    for dtype in (torch.bfloat16, torch.float32):
        for figures in _decoded_in(dtype, latents, float(card_gb)):
            yield {"dtype": str(dtype), "card_gb": card_gb} | figures
        release_memory()


def _decoded_in(dtype: torch.dtype, latents: torch.Tensor, card_gb: float) -> Iterator[Figures]:
    torch.manual_seed(1)
    with torch.device(device()):
        vae = AutoencoderKLWan().to(dtype).eval()
    if dtype is torch.bfloat16:
        use_channels_last(vae)
    scaled = denormalise(vae, latents)
    yield {"what": "whole", "held_gb": held_gb()} | _timed(partial(decode, vae, scaled))[0]
    figures, tiled = _timed(partial(decode_tiled, vae, scaled, lambda _: None))
    yield {"what": "tiled"} | figures
    if dtype is torch.bfloat16 and tiled is not None:
        yield {"what": "diffusers, tiled"} | _beside_diffusers(vae, scaled, tiled)
        limited_device(SHORT_GB)
        yield {"what": "memory runs out", "short_gb": SHORT_GB} | _runs_out(vae, latents)
        limited_device(card_gb)


def _timed(pictures: Any) -> tuple[Figures, torch.Tensor | None]:
    """Seconds, the peak, and the pictures in host memory. Where memory runs out, there are none."""
    release_memory()
    peak_gb()
    begun = now()
    try:
        all_of_them = torch.cat([each.cpu() for each in pictures()], dim=2)
    except RuntimeError as failed:
        if not is_out_of_memory(failed):
            raise
        return {"out_of_memory_s": round(now() - begun, 2)}, None
    return {"decode_s": round(now() - begun, 2), "peak_gb": peak_gb()}, all_of_them


def _beside_diffusers(vae: Any, scaled: torch.Tensor, ours: torch.Tensor) -> Figures:
    vae.enable_tiling(TILE, TILE, STRIDE, STRIDE)

    def theirs() -> Iterator[torch.Tensor]:
        with torch.no_grad():
            yield vae.decode(scaled).sample

    figures, pictures = _timed(theirs)
    vae.disable_tiling()
    if pictures is None:
        return figures
    return figures | {"equal": torch.equal(pictures, ours), "error": error(ours, pictures)}


def _runs_out(vae: Any, latents: torch.Tensor) -> Figures:
    """As the engine decodes it, when its plan was wrong."""
    loaded: Any = SimpleNamespace(pipe=SimpleNamespace(vae=vae), plan=SimpleNamespace(tiled=False))
    notes: list[str] = []
    try:
        figures, pictures = _timed(partial(_pictures, loaded, latents, lambda _: None, notes))
    except WanserveError as failed:
        return {"failed": str(failed)}
    return figures | {"notes": notes, "pictures": 0 if pictures is None else pictures.shape[2]}
