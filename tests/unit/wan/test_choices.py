"""What a request chooses applies to its video alone, and exactly as if it were the model's own setting."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.unit.wan.engines import PLUS, SMALL, TURBO, ignore_progress, loaded_engine, pictures, tiny_card
from tests.unit.wan.test_lora import LAYERS, weights
from wanserve.domain.catalogue import Choices
from wanserve.domain.errors import Canceled, EngineFailed, SetupError
from wanserve.domain.generation import Generation, LoraUse
from wanserve.domain.progress import Progress
from wanserve.engine.wan.engine import UNGUIDED_NOTE, WanEngine
from wanserve.engine.wan.layers import StoredLinear
from wanserve.engine.wan.loading import load_pipeline
from wanserve.engine.wan.memory import BlockFormat, MemoryPlan
from wanserve.models.sampling import Distillation, Lora, Placement, Profile, WanModelCard

PROFILES = Choices(profiles=("exact", "balanced", "fast"))


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A LoRA that changes matrices, a bias, a norm and a table."""
    generator = torch.Generator().manual_seed(4)
    tensors = weights(*LAYERS) | {
        "diffusion_model.blocks.0.self_attn.norm_q.diff": torch.randn(24, generator=generator),
        "diffusion_model.blocks.1.cross_attn.o.diff_b": torch.randn(24, generator=generator),
        "diffusion_model.blocks.1.diff_m": torch.randn(1, 6, 24, generator=generator),
    }
    path = tmp_path / "style.safetensors"
    save_file(tensors, path)
    return str(path)


@pytest.fixture
def other(tmp_path: Path) -> str:
    path = tmp_path / "other.safetensors"
    save_file(weights(LAYERS[1], seed=7), path)
    return str(path)


def drawn(engine: WanEngine, asked: Generation = SMALL) -> Any:
    made = pictures(engine.generate(asked, ignore_progress))
    engine.clean_up()
    return made


def with_loras(asked: Generation = SMALL, **strengths: float) -> Generation:
    return replace(asked, loras=tuple(LoraUse(name, strength) for name, strength in strengths.items()))


def test_a_lora_draws_what_it_draws_merged_and_leaves_nothing_behind(file: str, turbo: WanEngine) -> None:
    engine = loaded_engine(tiny_card(offered_loras={"style": Lora(file)}))
    plain = drawn(turbo)
    assert np.array_equal(drawn(engine), plain), "offered, and not asked for"
    for strength in (1.0, 0.5):
        merged = drawn(loaded_engine(tiny_card(loras=(Lora(file, strength=strength),))))
        assert not np.array_equal(merged, plain)
        assert np.array_equal(drawn(engine, with_loras(style=strength)), merged)
        assert np.array_equal(drawn(engine), plain)
    assert np.array_equal(drawn(engine, with_loras(style=0.0)), plain)


def test_several_loras_are_those_that_are_merged_together(file: str, other: str) -> None:
    offered = {"style": Lora(file), "other": Lora(other)}
    engine = loaded_engine(tiny_card(offered_loras=offered))
    merged = drawn(loaded_engine(tiny_card(loras=(Lora(file, strength=0.5), Lora(other, strength=-1.0)))))
    assert np.array_equal(drawn(engine, with_loras(style=0.5, other=-1.0)), merged)


def test_each_expert_has_its_file_and_its_strength(file: str, other: str) -> None:
    asked = replace(SMALL, model=PLUS)
    both = Lora(file, other, strength=1.0, strength_2=0.5)
    engine = loaded_engine(tiny_card(PLUS, offered_loras={"style": both}))
    merged = drawn(loaded_engine(tiny_card(PLUS, loras=(both,))), asked)
    assert np.array_equal(drawn(engine, with_loras(asked, style=1.0)), merged)
    # The second expert's strength keeps its ratio to the first one's.
    half = drawn(loaded_engine(tiny_card(PLUS, loras=(Lora(file, other, strength=0.5, strength_2=0.25),))), asked)
    assert np.array_equal(drawn(engine, with_loras(asked, style=0.5)), half)


@pytest.mark.parametrize("lora", [{"file": None, "strength": 0.0}, {"file_2": None, "strength_2": 0.0}])
def test_a_lora_for_one_expert_leaves_the_other_one_as_it_is(file: str, plus: WanEngine, lora: dict[str, Any]) -> None:
    given = replace(Lora(file, file, strength_2=1.0), **lora)
    engine = loaded_engine(tiny_card(PLUS, loras=(given,)))
    assert engine._loaded is not None
    assert plus._loaded is not None
    for number, part in enumerate(("transformer", "transformer_2")):
        changed, plain = (getattr(each.pipe, part).state_dict() for each in (engine._loaded, plus._loaded))
        is_same = all(torch.equal(changed[name], plain[name]) for name in plain)
        assert is_same is (given.for_expert(number)[0] is None)


def test_a_lora_that_is_not_offered_is_refused(file: str) -> None:
    engine = loaded_engine(tiny_card(offered_loras={"style": Lora(file)}))
    # The owner may have taken it away since the task was submitted.
    with pytest.raises(EngineFailed, match="the LoRA unknown is not offered for this model any more"):
        drawn(engine, with_loras(unknown=1.0))
    for profile in ("fast", "gone"):
        with pytest.raises(EngineFailed, match=f"the profile {profile} is not offered for this model any more"):
            drawn(engine, replace(SMALL, profile=profile))


def test_a_lora_that_does_not_fit_is_refused_at_the_load(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"blocks.9.attn1.to_q.lora_A.weight": torch.zeros(2, 24)}, path)
    with pytest.raises(SetupError, match=r"foreign\.safetensors has tensors that are not understood"):
        loaded_engine(tiny_card(offered_loras={"style": Lora(str(path))}))


def test_after_a_cancel_nothing_of_the_choice_remains(file: str, turbo: WanEngine) -> None:
    engine = loaded_engine(tiny_card(offered_loras={"style": Lora(file)}, distill=Distillation(Lora(file))))
    expected = drawn(engine)

    def cancel_in_the_middle(progress: Progress) -> None:
        if progress.fraction > 0.3:
            raise Canceled("asked")

    with pytest.raises(Canceled):
        engine.generate(with_loras(style=1.0), cancel_in_the_middle)
    engine.clean_up()
    assert np.array_equal(drawn(engine), expected)
    assert np.array_equal(drawn(turbo), expected)


def test_each_profile_is_what_it_is_as_the_models_own(file: str) -> None:
    settings: dict[str, Any] = {"distill": Distillation(Lora(file)), "steps": 16}
    engine = loaded_engine(tiny_card(**settings, choices=PROFILES))
    expected = {
        profile: drawn(loaded_engine(tiny_card(**settings, profile=profile)))
        for profile in (Profile.EXACT, Profile.BALANCED, Profile.FAST)
    }
    for profile in (Profile.FAST, Profile.EXACT, Profile.BALANCED, Profile.EXACT, Profile.FAST):
        clip = engine.generate(replace(SMALL, profile=profile.value), ignore_progress)
        assert clip.profile == profile
        assert np.array_equal(pictures(clip), expected[profile]), profile
        engine.clean_up()
    assert np.array_equal(drawn(engine), expected[Profile.EXACT])


def test_the_models_own_profile_may_be_fast_where_another_one_may_be_chosen(file: str) -> None:
    settings: dict[str, Any] = {"distill": Distillation(Lora(file)), "steps": 6}
    engine = loaded_engine(tiny_card(**settings, profile=Profile.FAST, choices=PROFILES))
    assert np.array_equal(drawn(engine), drawn(loaded_engine(tiny_card(**settings, profile=Profile.FAST))))
    exact = drawn(loaded_engine(tiny_card(**settings)))
    assert np.array_equal(drawn(engine, replace(SMALL, profile="exact")), exact)


def test_steps_and_guidance_are_those_that_were_asked_for(file: str) -> None:
    engine = loaded_engine(tiny_card(distill=Distillation(Lora(file)), choices=PROFILES))
    asked = replace(SMALL, steps=6, guidance_scale=2.0)
    clip = engine.generate(asked, ignore_progress)
    expected = drawn(loaded_engine(tiny_card(steps=6, guidance_scale=2.0)))
    assert np.array_equal(pictures(clip), expected)
    assert clip.how == "profile exact, 6 steps, native"
    fast = engine.generate(replace(with_loras(), profile="fast", steps=8), ignore_progress)
    assert fast.how == "profile fast, 8 steps, native"


def test_the_second_experts_guidance_keeps_its_ratio() -> None:
    made = tiny_card(PLUS).sampling.for_generation(replace(SMALL, guidance_scale=8.0))
    assert (made.guidance_scale, made.guidance_scale_2) == (8.0, 6.0)
    own = tiny_card(PLUS).sampling
    assert own.for_generation(SMALL) == own


def test_a_negative_prompt_without_guidance_is_told_to_change_nothing(file: str) -> None:
    engine = loaded_engine(tiny_card(profile=Profile.FAST, distill=Distillation(Lora(file))))
    told = engine.generate(replace(SMALL, negative_prompt="rain"), ignore_progress)
    assert UNGUIDED_NOTE in told.notes
    assert UNGUIDED_NOTE not in engine.generate(SMALL, ignore_progress).notes


def test_the_metadata_name_the_loras(file: str) -> None:
    engine = loaded_engine(tiny_card(offered_loras={"style": Lora(file)}))
    assert (
        engine.generate(with_loras(style=0.5), ignore_progress).how
        == "profile exact, 4 steps, LoRA style at 0.5, native"
    )
    assert SMALL.model == TURBO


def in_groups(card: WanModelCard) -> WanEngine:
    """The engine with blocks that come and go, as on a GPU with little memory."""
    engine = loaded_engine(card)
    assert engine._loaded is not None
    plan = MemoryPlan(Placement.GROUPS, BlockFormat.AS_LOADED, tiled=False, pinned=False, device_bytes=0, host_bytes=0)
    pipeline = load_pipeline(card, plan, torch.device("cpu"))
    encoder = type(engine._loaded.prompt_encoder)(pipeline.pipe, torch.device("cpu"))
    engine._loaded = replace(engine._loaded, pipeline=pipeline, prompt_encoder=encoder)
    return engine


def test_where_blocks_come_and_go_a_lora_of_matrices_draws_the_same(other: str, turbo: WanEngine) -> None:
    engine = in_groups(tiny_card(offered_loras={"other": Lora(other)}))
    merged = drawn(loaded_engine(tiny_card(loras=(Lora(other),))))
    assert np.array_equal(drawn(engine, with_loras(other=1.0)), merged)
    assert np.array_equal(drawn(engine), drawn(turbo))


def test_where_blocks_come_and_go_a_lora_of_more_than_matrices_is_refused(file: str) -> None:
    with pytest.raises(
        SetupError, match=r"^the LoRA style changes a \w+ that is not of a matrix, which cannot be done"
    ):
        in_groups(tiny_card(offered_loras={"style": Lora(file)}))
    assert len(drawn(in_groups(tiny_card(loras=(Lora(file),))))) == 9, "merged it is no matter"


def test_the_profile_small_rounds_the_layers_that_a_request_may_change_too(other: str) -> None:
    engine = loaded_engine(tiny_card(profile=Profile.SMALL, offered_loras={"other": Lora(other)}))
    assert engine._loaded is not None
    blocks = engine._loaded.pipe.transformer.blocks
    formats = [layer.format for layer in blocks.modules() if isinstance(layer, StoredLinear)]
    assert (set(formats), len(formats)) == ({"int8"}, 20), "as the memory plan counts them"
    plain = drawn(engine)
    assert not np.array_equal(drawn(engine, with_loras(other=1.0)), plain)
    assert np.array_equal(drawn(engine), plain)
