"""The profiles: what each of them changes in the steps, the blocks and the cache."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler
from safetensors.torch import save_file

from tests.unit.wan.engines import PLUS, SMALL, TURBO, ignore_progress, loaded_engine, pictures, tiny_card
from tests.unit.wan.test_lora import LAYERS, weights
from wanserve.domain.errors import Canceled, SetupError
from wanserve.domain.progress import Progress
from wanserve.engine.wan.denoise import new_scheduler
from wanserve.engine.wan.device import has_bf16_units
from wanserve.engine.wan.engine import WanEngine
from wanserve.engine.wan.loading import apply_placement, read_pipeline, set_attention_backend
from wanserve.engine.wan.lora import OfferedLoras
from wanserve.engine.wan.memory import BlockFormat, MemoryPlan
from wanserve.engine.wan.profiles import Pipeline
from wanserve.models.sampling import Distillation, Lora, Placement, Precision, Profile

Stock = Callable[[str], Any]
CPU = torch.device("cpu")
UNREAD = Distillation(Lora("never-read.safetensors"))


@pytest.fixture
def distill(tmp_path: Path) -> tuple[Lora, Lora]:
    """LoRA files that stand for those of a distilled model: for one expert, and for two."""
    file = str(tmp_path / "distilled.safetensors")
    save_file(weights(LAYERS[0]), file)
    return Lora(file), Lora(file, file)


def test_four_distilled_steps_are_at_the_timesteps_that_were_trained(stock: Stock) -> None:
    ours = new_scheduler(stock(PLUS), tiny_card(PLUS, profile=Profile.FAST, distill=UNREAD).sampling.resolved())
    ours.set_timesteps(4)
    # Trained: 1000, 937.5, 833.3, 625.
    assert ours.timesteps.tolist() == [999, 937, 833, 625]
    # The scheduler whose name suggests it ends at another timestep.
    euler = FlowMatchEulerDiscreteScheduler(shift=5.0)
    euler.set_timesteps(4)
    assert [round(each) for each in euler.timesteps.tolist()] == [1000, 910, 717, 24]


def test_four_distilled_steps_are_plain_euler(stock: Stock) -> None:
    ours = new_scheduler(stock(TURBO), tiny_card(profile=Profile.FAST, distill=UNREAD).sampling.resolved())
    ours.set_timesteps(4)
    generator = torch.Generator().manual_seed(3)
    latents = by_hand = torch.randn(1, 16, 1, 4, 4, generator=generator)
    for number, timestep in enumerate(ours.timesteps):
        velocity = torch.randn(latents.shape, generator=generator)
        latents = ours.step(velocity, timestep, latents, return_dict=False)[0]
        by_hand = by_hand + (ours.sigmas[number + 1] - ours.sigmas[number]) * velocity
    assert torch.allclose(latents, by_hand, atol=1e-6)


@pytest.mark.parametrize("model", [TURBO, PLUS])
def test_fast_makes_four_unguided_steps(model: str, distill: tuple[Lora, Lora]) -> None:
    chosen = distill[0] if model == TURBO else distill[1]
    engine = loaded_engine(tiny_card(model, profile=Profile.FAST, distill=Distillation(chosen), steps=50))
    assert engine._loaded is not None
    calls: list[int] = []
    for each in (engine._loaded.pipe.transformer, engine._loaded.pipe.transformer_2):
        if each is not None:
            each.register_forward_pre_hook(lambda *_: calls.append(1))
    clip = engine.generate(replace(SMALL, model=model), ignore_progress)
    assert len(pictures(clip)) == 9
    assert len(calls) == 4
    assert (clip.profile, clip.how) == ("fast", "profile fast, 4 steps, native")


def test_fast_without_its_lora_is_refused() -> None:
    with pytest.raises(SetupError, match=r"fast needs the LoRA of a 4-step distillation: set distill\.file"):
        loaded_engine(tiny_card(TURBO, profile=Profile.FAST))


def cached_steps(engine: WanEngine) -> list[int]:
    """How many steps of each expert reused the residuals of another step, with and without the prompt."""
    assert engine._loaded is not None
    contexts = engine._loaded.pipe._context_manager._cached_context_manager.values()
    return [len(context.cached_steps) + len(context.cfg_cached_steps) for context in contexts]


@pytest.mark.parametrize("model", [TURBO, PLUS])
def test_balanced_reuses_steps_of_both_experts(model: str) -> None:
    asked = replace(SMALL, model=model)
    engine = loaded_engine(tiny_card(model, profile=Profile.BALANCED, steps=16))
    clip = engine.generate(asked, ignore_progress)
    reused = cached_steps(engine)
    assert len(reused) == (1 if model == TURBO else 2)
    assert sum(reused) > 0
    ours = pictures(clip)
    assert clip.profile == "balanced"
    exact = pictures(loaded_engine(tiny_card(model, steps=16)).generate(asked, ignore_progress))
    assert not np.array_equal(ours, exact)
    engine.clean_up()
    assert cached_steps(engine) == []
    assert np.array_equal(pictures(engine.generate(asked, ignore_progress)), ours)


@pytest.mark.parametrize("profile", [Profile.EXACT, Profile.BALANCED])
@pytest.mark.parametrize("model", [TURBO, PLUS])
def test_after_a_cancel_another_size_is_drawn_as_if_nothing_had_been(model: str, profile: Profile) -> None:
    engine = loaded_engine(tiny_card(model, profile=profile, steps=12))
    other = replace(SMALL, model=model, width=64, height=48, frames=5)
    expected = pictures(engine.generate(other, ignore_progress))
    engine.clean_up()

    def cancel_in_the_middle(progress: Progress) -> None:
        if progress.fraction > 0.5:
            raise Canceled("asked")

    with pytest.raises(Canceled):
        engine.generate(replace(SMALL, model=model), cancel_in_the_middle)
    engine.clean_up()
    assert np.array_equal(pictures(engine.generate(other, ignore_progress)), expected)


def test_a_model_that_was_let_go_leaves_nothing_of_its_cache_in_the_next() -> None:
    # cache-dit patches the pipeline's class: with one class for all, the next pipeline would use the last one's cache.
    engine = WanEngine({TURBO: tiny_card(TURBO, profile=Profile.BALANCED, steps=12), PLUS: tiny_card(PLUS, steps=4)})
    fresh = pictures(loaded_engine(tiny_card(PLUS, steps=4)).generate(replace(SMALL, model=PLUS), ignore_progress))
    engine.load(TURBO)
    once = pictures(engine.generate(SMALL, ignore_progress))
    engine.clean_up()
    engine.load(PLUS)
    assert engine._loaded is not None
    assert not getattr(type(engine._loaded.pipe), "_is_cached", False)
    assert np.array_equal(pictures(engine.generate(replace(SMALL, model=PLUS), ignore_progress)), fresh)
    engine.clean_up()
    engine.load(TURBO)
    assert np.array_equal(pictures(engine.generate(SMALL, ignore_progress)), once)


def test_small_quantises_the_blocks_and_nothing_else() -> None:
    engine = loaded_engine(tiny_card(TURBO, profile=Profile.SMALL, precision=Precision.BF16))
    assert engine._loaded is not None
    transformer = engine._loaded.pipe.transformer
    layer = transformer.blocks[0].attn1.to_q
    assert (layer.format, layer.stored.dtype) == ("int8", torch.int8)
    plain = read_pipeline(tiny_card(precision=Precision.BF16).sampling, CPU).transformer.blocks[0].attn1.to_q.weight
    # Half a step of each row's scale, and the rounding to bf16.
    assert ((layer.weight - plain).abs() <= layer.scale / 2 + plain.abs() / 128).all()
    assert type(transformer.patch_embedding.weight) is torch.nn.Parameter
    assert type(transformer.proj_out) is torch.nn.Linear
    assert len(pictures(engine.generate(SMALL, ignore_progress))) == 9


@pytest.mark.parametrize("placement", [Placement.TEXT_OFF, Placement.PARTS, Placement.GROUPS])
def test_weights_that_come_and_go_draw_the_same(placement: Placement, plus: WanEngine) -> None:
    # This tests the order of the hooks and the numbers. Streams and the memory of a GPU are not available here.
    engine = loaded_engine(tiny_card(PLUS))
    assert engine._loaded is not None
    pipe = read_pipeline(tiny_card(PLUS).sampling, CPU)
    apply_placement(
        pipe, MemoryPlan(placement, BlockFormat.AS_LOADED, tiled=False, pinned=False, device_bytes=0, host_bytes=0), CPU
    )
    encoder = type(engine._loaded.prompt_encoder)(pipe, CPU)
    engine._loaded = replace(engine._loaded, pipeline=Pipeline(pipe, OfferedLoras()), prompt_encoder=encoder)
    asked = replace(SMALL, model=PLUS)
    expected = pictures(plus.generate(asked, ignore_progress))
    for _ in range(2):
        assert np.array_equal(pictures(engine.generate(asked, ignore_progress)), expected)
        engine.clean_up()


def test_compiled_blocks_are_compiled_twice_for_any_number_of_sizes(stock: Stock) -> None:
    from torch._dynamo.testing import CompileCounter

    counter = CompileCounter()
    pipe = read_pipeline(tiny_card().sampling, CPU)
    torch._dynamo.reset()
    pipe.transformer.compile_repeated_blocks(fullgraph=True, dynamic=True, backend=counter)
    asked = {"timestep": torch.tensor([500.0]), "encoder_hidden_states": torch.ones(1, 512, 32), "return_dict": False}
    with torch.no_grad():
        for size in (4, 6, 8, 10):
            given = torch.ones(1, 16, 2, size, size + 2)
            ours = pipe.transformer(hidden_states=given, **asked)[0]
            theirs = stock(TURBO).transformer(hidden_states=given, **asked)[0]
            assert torch.allclose(ours, theirs, atol=1e-5)
    assert counter.frame_count <= 2
    torch._dynamo.reset()


def test_the_number_format_follows_the_device_and_the_setting() -> None:
    for precision, expected in ((Precision.FP32, torch.float32), (Precision.BF16, torch.bfloat16)):
        assert (
            read_pipeline(tiny_card(precision=precision).sampling, CPU).transformer.blocks[0].ffn.net[2].weight.dtype
            is expected
        )
    automatic = (
        read_pipeline(tiny_card(precision=Precision.AUTO).sampling, CPU).transformer.blocks[0].ffn.net[2].weight.dtype
    )
    assert automatic is (torch.bfloat16 if has_bf16_units(CPU) else torch.float32)


def test_in_bf16_what_the_authors_keep_in_fp32_stays_so() -> None:
    transformer = read_pipeline(tiny_card(precision=Precision.BF16).sampling, CPU).transformer
    assert transformer.scale_shift_table.dtype is torch.float32
    assert transformer.condition_embedder.time_embedder.linear_1.weight.dtype is torch.float32
    assert transformer.blocks[0].norm2.weight.dtype is torch.float32


@pytest.mark.parametrize(("model", "expected"), [(TURBO, torch.bfloat16), (PLUS, torch.float32)])
def test_the_second_generation_is_decoded_in_fp32(model: str, expected: torch.dtype) -> None:
    assert read_pipeline(tiny_card(model, precision=Precision.BF16).sampling, CPU).vae.dtype is expected


def test_one_models_attention_kernel_is_not_used_for_the_next_model() -> None:
    # On a CPU this kernel can be set, and fails where it is used.
    engine = loaded_engine(tiny_card(TURBO, attention="_native_cudnn"), tiny_card(PLUS))
    with pytest.raises(RuntimeError, match="No viable backend"):
        engine.generate(SMALL, ignore_progress)
    engine.load(PLUS)
    assert len(pictures(engine.generate(replace(SMALL, model=PLUS), ignore_progress))) == SMALL.frames


def test_the_kernel_that_makes_noise_on_an_h100_is_refused_before_it_is_looked_for() -> None:
    pipe = read_pipeline(tiny_card().sampling, CPU)
    with pytest.raises(
        SetupError, match=r'^attention = "sage" makes noise on GPUs .* set "_sage_qk_int8_pv_fp16_cuda"'
    ):
        set_attention_backend(pipe, "sage", (9, 0))
    # Elsewhere sageattention takes another kernel. It is not installed here.
    with pytest.raises(SetupError, match=r"^attention sage is not available here: "):
        set_attention_backend(pipe, "sage", (8, 9))


def test_an_attention_kernel_that_is_not_here_is_refused() -> None:
    loaded_engine(tiny_card(attention="native"))
    with pytest.raises(SetupError, match="attention _flash_3 is not available here"):
        loaded_engine(tiny_card(attention="_flash_3"))


def test_a_scheduler_is_made_for_each_generation(turbo: WanEngine) -> None:
    assert turbo._loaded is not None
    own = turbo._loaded.pipe.scheduler
    turbo.generate(SMALL, ignore_progress)
    assert turbo._loaded.pipe.scheduler is own
    assert isinstance(own, UniPCMultistepScheduler)
    assert own.num_inference_steps is None, "the pipeline's own scheduler makes no step, and keeps no latents"
