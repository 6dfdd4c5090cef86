"""Decoding: by latent frames and in tiles, the pictures are those of the VAE itself, and no cache is left."""

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.wan.engines import SMALL, TURBO, ignore_progress, loaded_engine, pictures, tiny_card
from wanserve.domain.errors import Canceled, EngineExhausted
from wanserve.domain.progress import Progress
from wanserve.engine.wan.decode import decode, decode_tiled, denormalise, to_frames
from wanserve.engine.wan.engine import TILED_NOTE, WanEngine
from wanserve.models.framing import framing_for
from wanserve.models.sampling import LargeSizes

Stock = Callable[[str], Any]


@pytest.fixture
def vae(stock: Stock) -> Any:
    return stock(TURBO).vae


def latents(frames: int = 3, height: int = 8, width: int = 12) -> torch.Tensor:
    return torch.randn(1, 16, frames, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_frame_by_frame_is_decode_bit_for_bit(frames: int, vae: Any) -> None:
    with torch.no_grad():
        whole = vae.decode(latents(frames), return_dict=False)[0]
    chunks = list(decode(vae, latents(frames)))
    assert [chunk.shape[2] for chunk in chunks] == [1] + [4] * (frames - 1)
    assert torch.equal(torch.cat(chunks, dim=2), whole)


@pytest.mark.parametrize(("tile", "stride"), [(64, 48), (512, 448)])
def test_tile_by_tile_is_tiled_decode_bit_for_bit(tile: int, stride: int, vae: Any) -> None:
    z = latents(3, 10, 14)
    vae.enable_tiling(tile, tile, stride, stride)
    try:
        with torch.no_grad():
            whole = vae.tiled_decode(z, return_dict=False)[0]
    finally:
        vae.disable_tiling()
    told: list[float] = []
    assert torch.equal(torch.cat(list(decode_tiled(vae, z, told.append, tile, stride)), dim=2), whole)
    tiles = -(-80 // stride) * -(-112 // stride)
    assert told == [part / (tiles * 3) for part in range(tiles * 3)]


def test_closed_early_it_leaves_no_cache(vae: Any) -> None:
    both: list[Any] = [decode(vae, latents()), decode_tiled(vae, latents(), lambda _: None)]
    for taken in both:
        next(taken)
        taken.close()
        assert all(each is None for each in vae._feat_map)


def test_a_tile_is_finished_before_the_next_one_so_that_one_cache_is_enough(vae: Any) -> None:
    held: list[int] = []
    calls = 12 * 3

    def count_caches(done: float) -> None:
        # Late in the first and in the last tile: a look at all objects of this process takes a second.
        if round(done * calls) not in (2, calls - 1):
            return
        gc.collect()
        # What the decoder keeps between two latent frames of a tile has the channels of its layers, and two frames.
        kept = (each for each in gc.get_objects() if type(each) is torch.Tensor and each.dim() == 5)
        held.append(sum(each.nbytes for each in kept))

    list(decode_tiled(vae, latents(3, 10, 28), count_caches, 64, 48))
    first_tile, last_tile = held
    pictures_of_tiles = 12 * 3 * 9 * 64 * 64 * 4
    assert last_tile - first_tile <= pictures_of_tiles


def test_in_tiles_progress_grows_and_a_cancel_ends_it_between_two_parts() -> None:
    engine = loaded_engine(tiny_card(TURBO, steps=1, tiled_decode=True))
    told: list[float] = []

    def report(progress: Progress) -> None:
        told.append(progress.fraction)
        if progress.fraction > 0.96:
            raise Canceled("asked")

    with pytest.raises(Canceled):
        pictures(engine.generate(replace(SMALL, width=640, height=16), report))
    assert told == sorted(told)
    assert told[-2] <= 0.96 < told[-1] < 1
    engine.clean_up()


def test_decoding_leaves_gradients_as_they_were(vae: Any) -> None:
    taken: Any = decode(vae, latents())
    next(taken)
    assert torch.is_grad_enabled()
    taken.close()


def test_an_error_in_stock_decode_leaves_a_full_cache_and_cleaning_empties_it(turbo: WanEngine) -> None:
    # This is why the engine resets the pipeline however a generation ends: at 720p the cache has gigabytes.
    assert turbo._loaded is not None
    vae = turbo._loaded.pipe.vae
    calls = []

    def fail_at_the_second(*_: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("broken")

    hook = vae.decoder.register_forward_pre_hook(fail_at_the_second)
    with pytest.raises(RuntimeError, match="broken"), torch.no_grad():
        vae.decode(latents())
    hook.remove()
    assert any(each is not None for each in vae._feat_map)
    turbo.clean_up()
    assert all(each is None for each in vae._feat_map)


def test_frames_are_cut_to_the_middle() -> None:
    picture = torch.zeros(1, 3, 1, 1088, 1920)
    picture[:, :, :, :4] = picture[:, :, :, -4:] = 1.0
    frames = [np.array(frame) for frame in to_frames(picture, framing_for((1920, 1080), LargeSizes.NATIVE))]
    assert [frame.shape for frame in frames] == [(1080, 1920, 3)]
    assert set(np.unique(frames[0])) == {128}
    upright = [
        np.array(f) for f in to_frames(torch.zeros(1, 3, 4, 1920, 1088), framing_for((1080, 1920), LargeSizes.NATIVE))
    ]
    assert [frame.shape for frame in upright] == [(1920, 1080, 3)] * 4


def limit_decoder(engine: WanEngine, pixels: int, after: int = 0) -> None:
    """Let the decoder run out of memory on latents of more than `pixels`, after `after` calls without an error."""
    assert engine._loaded is not None
    calls = []

    def allocate(_: object, given: tuple[torch.Tensor, ...]) -> None:
        calls.append(1)
        if len(calls) > after and given[0].shape[-1] * given[0].shape[-2] > pixels:
            raise torch.OutOfMemoryError("no memory for the picture")

    engine._loaded.pipe.vae.decoder.register_forward_pre_hook(allocate)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_where_memory_runs_out_the_rest_is_decoded_in_tiles(after: int, turbo: WanEngine) -> None:
    wide = replace(SMALL, width=640, height=16, frames=9)
    engine = loaded_engine(tiny_card(TURBO, steps=1))
    limit_decoder(engine, 64 * 2, after)
    clip = engine.generate(wide, ignore_progress)
    tiled = pictures(clip)
    assert list(clip.notes) == [TILED_NOTE]
    untiled = pictures(loaded_engine(tiny_card(TURBO, steps=1)).generate(wide, ignore_progress))
    assert tiled.shape == untiled.shape == (9, 16, 640, 3)
    # The pictures are similar, not equal, because a tile does not include the picture around it.
    assert np.abs(tiled.astype(int) - untiled).mean() < 6


def test_where_tiles_do_not_fit_either_the_attempt_fails_with_the_numbers() -> None:
    engine = loaded_engine(tiny_card(TURBO, steps=1))
    limit_decoder(engine, 0)
    with pytest.raises(EngineExhausted, match=r"out of memory while decoding 96\*64: \d+\.\d of \d+\.\d GB of the CPU"):
        pictures(engine.generate(SMALL, ignore_progress))
    engine.clean_up()


def test_latents_are_unnormalised_as_the_pipeline_does(vae: Any) -> None:
    z = latents()
    mean = torch.tensor(vae.config.latents_mean).view(1, 16, 1, 1, 1)
    deviation = torch.tensor(vae.config.latents_std).view(1, 16, 1, 1, 1)
    assert torch.allclose(denormalise(vae, z), z * deviation + mean, atol=1e-5)
