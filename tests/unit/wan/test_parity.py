"""The engine's frames equal those of WanPipeline with the same weights, seed and settings, bit for bit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UniPCMultistepScheduler
from numpy.typing import NDArray

from tests.unit.wan.engines import PLUS, SMALL, TURBO, ignore_progress, loaded_engine, pictures, tiny_card
from wanserve.domain.generation import Generation
from wanserve.engine.wan.engine import WanEngine
from wanserve.models.sampling import NEGATIVE_PROMPT, WAN_MODELS

Stock = Callable[[str], Any]


def frames_of_stock(pipe: Any, generation: Generation, steps: int = 4, **settings: Any) -> NDArray[np.uint8]:
    """The frames that the stock WanPipeline returns as pictures, with the authors' settings."""
    sampling = WAN_MODELS[generation.model].sampling
    pipe.scheduler = UniPCMultistepScheduler.from_config(pipe.scheduler.config, flow_shift=sampling.flow_shift)
    asked = {
        "negative_prompt": generation.negative_prompt or NEGATIVE_PROMPT,
        "guidance_scale": sampling.guidance_scale,
        "guidance_scale_2": sampling.guidance_scale_2,
    } | settings
    frames = pipe(
        generation.prompt,
        width=generation.width,
        height=generation.height,
        num_frames=generation.frames,
        num_inference_steps=steps,
        generator=torch.Generator("cpu").manual_seed(generation.seed),
        output_type="pil",
        **asked,
    ).frames[0]
    return np.stack([np.asarray(frame) for frame in frames])


@pytest.mark.parametrize("model", [TURBO, PLUS])
@pytest.mark.parametrize("size", [(96, 64), (64, 112)])
def test_the_frames_are_those_of_the_stock_pipeline(
    model: str, size: tuple[int, int], stock: Stock, request: pytest.FixtureRequest
) -> None:
    engine: WanEngine = request.getfixturevalue("turbo" if model == TURBO else "plus")
    asked = replace(SMALL, model=model, width=size[0], height=size[1])
    ours = pictures(engine.generate(asked, ignore_progress))
    assert ours.shape == (9, size[1], size[0], 3)
    assert np.array_equal(ours, frames_of_stock(stock(model), asked))
    engine.clean_up()


def test_a_negative_prompt_of_ones_own_takes_the_place_of_the_authors(turbo: WanEngine, stock: Stock) -> None:
    asked = replace(SMALL, negative_prompt="rain")
    ours = pictures(turbo.generate(asked, ignore_progress))
    assert np.array_equal(ours, frames_of_stock(stock(TURBO), asked))
    assert not np.array_equal(ours, pictures(turbo.generate(SMALL, ignore_progress)))


def test_the_same_seed_draws_the_same_and_another_seed_another(turbo: WanEngine) -> None:
    once, again = (pictures(turbo.generate(SMALL, ignore_progress)) for _ in range(2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, pictures(turbo.generate(replace(SMALL, seed=6), ignore_progress)))


def test_each_expert_is_guided_by_its_own_scale(stock: Stock) -> None:
    asked = replace(SMALL, model=PLUS)
    engine = loaded_engine(tiny_card(PLUS, guidance_scale=2.0, guidance_scale_2=7.0))
    ours = pictures(engine.generate(asked, ignore_progress))
    assert np.array_equal(ours, frames_of_stock(stock(PLUS), asked, guidance_scale=2.0, guidance_scale_2=7.0))
    assert not np.array_equal(ours, frames_of_stock(stock(PLUS), asked, guidance_scale=7.0, guidance_scale_2=2.0))


def test_one_frame_is_a_clip_too(turbo: WanEngine, stock: Stock) -> None:
    asked = replace(SMALL, frames=1)
    assert np.array_equal(pictures(turbo.generate(asked, ignore_progress)), frames_of_stock(stock(TURBO), asked))


@pytest.mark.parametrize(
    ("steps", "shift", "high"),
    [(40, 3.0, 13), (40, 5.0, 17), (40, 12.0, 26), (50, 12.0, 32), (20, 12.0, 13), (4, 5.0, 2), (4, 12.0, 3)],
)
def test_the_flow_shift_moves_the_switch_of_experts(steps: int, shift: float, high: int, stock: Stock) -> None:
    scheduler = UniPCMultistepScheduler.from_config(stock(PLUS).scheduler.config, flow_shift=shift)
    scheduler.set_timesteps(steps)
    assert sum(timestep >= 875 for timestep in scheduler.timesteps.tolist()) == high


def test_each_expert_makes_the_steps_that_the_authors_give_it() -> None:
    engine = loaded_engine(tiny_card(PLUS, steps=40))
    assert engine._loaded is not None
    calls = {"transformer": 0, "transformer_2": 0}

    def count(name: str) -> None:
        calls[name] += 1

    pipe = engine._loaded.pipe
    for name in calls:
        getattr(pipe, name).register_forward_pre_hook(lambda *_, name=name: count(name))
    pictures(engine.generate(replace(SMALL, model=PLUS, width=16, height=16, frames=1), ignore_progress))
    # Two calls in each step: with the prompt, and with the negative prompt.
    assert calls == {"transformer": 2 * 26, "transformer_2": 2 * 14}
