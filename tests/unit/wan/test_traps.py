"""Defects of the libraries that the engine works around. When one of these tests fails, a workaround can be removed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FirstBlockCacheConfig, TextKVCacheConfig, UniPCMultistepScheduler

from tests.unit.wan.engines import PLUS, SMALL, TURBO, ignore_progress, loaded_engine, pictures, tiny_card
from wanserve.domain.errors import Canceled
from wanserve.domain.progress import Progress
from wanserve.engine.wan.engine import WanEngine, reset_pipeline
from wanserve.engine.wan.loading import use_channels_last

Stock = Callable[[str], Any]


@pytest.fixture
def own() -> Any:
    """A pipeline as the engine loads it, which a test may change."""
    engine = loaded_engine(tiny_card(TURBO, steps=8))
    assert engine._loaded is not None
    return engine._loaded.pipe


def run(pipe: Any, width: int = 64, **otherwise: Any) -> Any:
    """Run the stock loop of the pipeline. Returns latents, unless `otherwise` asks for another output."""
    pipe.scheduler = UniPCMultistepScheduler.from_config(pipe.scheduler.config, flow_shift=8.0)
    asked = {"height": 48, "num_frames": 5, "num_inference_steps": 8, "output_type": "latent"} | otherwise
    generator = torch.Generator("cpu").manual_seed(3)
    return pipe("a cat", "rain", width=width, generator=generator, **asked).frames


def at_step(number: int, action: Callable[[Any], None]) -> Callable[..., dict[str, Any]]:
    def callback(pipe: Any, step: int, *_: object) -> dict[str, Any]:
        if step == number:
            action(pipe)
        return {}

    return callback


def interrupt(pipe: Any) -> None:
    pipe._interrupt = True


def cancel(_: Any) -> None:
    raise Canceled("asked")


def count_decodes(pipe: Any) -> list[int]:
    """Return a list that grows by one element with each call of the decoder."""
    calls: list[int] = []
    pipe.vae.decoder.register_forward_pre_hook(lambda *_: calls.append(1))
    return calls


def test_interrupt_skips_the_steps_and_still_decodes_the_whole_video(own: Any) -> None:
    calls = count_decodes(own)
    run(own, output_type="np", callback_on_step_end=at_step(2, interrupt))
    assert len(calls) == 2


def test_a_raise_ends_at_the_step_and_decodes_nothing(own: Any) -> None:
    calls = count_decodes(own)
    with pytest.raises(Canceled):
        run(own, output_type="np", callback_on_step_end=at_step(2, cancel))
    assert calls == []


def test_diffusers_own_cache_breaks_the_next_size_after_a_cancel_and_cleaning_mends_it(own: Any) -> None:
    own.transformer.enable_cache(FirstBlockCacheConfig(threshold=0.2))
    with pytest.raises(Canceled):
        run(own, 96, callback_on_step_end=at_step(3, cancel))
    with pytest.raises(RuntimeError, match="size of tensor"):
        run(own, 64)
    reset_pipeline(own)
    assert run(own, 64).shape == (1, 16, 2, 6, 8)


def test_a_cache_that_finds_nothing_alike_and_one_that_is_off_change_nothing(own: Any) -> None:
    plain = run(own)
    own.transformer.enable_cache(FirstBlockCacheConfig(threshold=0.0))
    assert torch.equal(run(own), plain)
    own.transformer.disable_cache()
    assert torch.equal(run(own), plain)


def test_the_text_cache_of_diffusers_does_nothing_for_these_models(own: Any) -> None:
    plain = run(own)
    own.transformer.enable_cache(TextKVCacheConfig())
    assert torch.equal(run(own), plain)
    assert not any(hasattr(module, "_diffusers_hook") for module in own.transformer.blocks.modules())


def test_fused_projections_are_the_same_numbers(own: Any) -> None:
    plain = run(own)
    own.transformer.fuse_qkv_projections()
    assert torch.allclose(run(own), plain, atol=1e-5)


def test_loaded_parts_are_not_in_training_mode(turbo: WanEngine) -> None:
    # Models made from a configuration are in training mode, where dropout makes each run of the encoder differ.
    assert turbo._loaded is not None
    parts = [part for part in turbo._loaded.pipe.components.values() if isinstance(part, torch.nn.Module)]
    assert len(parts) == 3
    assert not any(part.training for part in parts)


def test_the_vae_cannot_be_laid_out_as_a_whole_but_a_convolution_at_a_time(own: Any) -> None:
    with pytest.raises(RuntimeError, match="required rank 5 tensor"):
        own.vae.to(memory_format=torch.channels_last_3d)
    use_channels_last(own.vae)
    convolutions = [module for module in own.vae.modules() if isinstance(module, torch.nn.Conv3d)]
    assert all(each.weight.is_contiguous(memory_format=torch.channels_last_3d) for each in convolutions)


def test_laid_out_and_in_bf16_the_pictures_are_alike(own: Any) -> None:
    latents = torch.randn(1, 16, 2, 6, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        plain = own.vae.decode(latents, return_dict=False)[0]
        quick = own.vae.to(torch.bfloat16)
        use_channels_last(quick)
        ours = quick.decode(latents.bfloat16(), return_dict=False)[0].float()
    noise = (plain - ours).pow(2).mean()
    # Measured at the true width: 51 dB.
    assert 10 * torch.log10(4.0 / noise) > 35


@pytest.mark.parametrize(("dynamic", "compilations"), [(True, 2), (False, 4)])
def test_only_dynamic_blocks_settle_whatever_sizes_come(dynamic: bool, compilations: int, own: Any) -> None:
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    counter = CompileCounter()
    own.transformer.compile_repeated_blocks(fullgraph=True, dynamic=dynamic, backend=counter)
    asked = {"timestep": torch.tensor([500.0]), "encoder_hidden_states": torch.ones(1, 512, 32), "return_dict": False}
    with torch.no_grad():
        for size in (4, 6, 8, 10):
            own.transformer(hidden_states=torch.ones(1, 16, 2, size, size + 2), **asked)
    torch._dynamo.reset()
    assert counter.frame_count == compilations


def test_an_odd_number_of_frames_is_rounded_by_diffusers_without_an_error(stock: Stock) -> None:
    # This is why settings and the command line refuse numbers other than 4k+1: the video would have another length.
    assert run(stock(TURBO), num_frames=7).shape[2] == 2


def test_two_experts_and_a_cancel_between_them_leave_both_fit() -> None:
    engine = loaded_engine(tiny_card(PLUS, steps=8))
    asked = replace(SMALL, model=PLUS)
    expected = pictures(engine.generate(asked, ignore_progress))
    for limit in (0.1, 0.5, 0.9):

        def stop(progress: Progress, limit: float = limit) -> None:
            if progress.fraction > limit:
                raise Canceled("asked")

        with pytest.raises(Canceled):
            engine.generate(asked, stop)
        engine.clean_up()
    assert np.array_equal(pictures(engine.generate(asked, ignore_progress)), expected)
