"""A LoRA is merged completely into the expert that it is for, or it is refused with the name of its file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.unit.wan.engines import PLUS, SMALL, TURBO, ignore_progress, loaded_engine, pictures, tiny_card
from wanserve.domain.errors import SetupError
from wanserve.engine.wan.engine import WanEngine
from wanserve.models.sampling import Lora

LAYERS = tuple(
    f"blocks.{block}.{name}" for block in range(2) for name in ("attn1.to_q", "attn2.to_v", "ffn.net.0.proj")
)
SIZES = {"attn1.to_q": (24, 24), "attn2.to_v": (24, 24), "ffn.net.0.proj": (24, 64)}
RANK = 2


def weights(*layers: str, seed: int = 1) -> dict[str, torch.Tensor]:
    """A LoRA in diffusers' layout for these layers of the tiny transformer."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for layer in layers:
        into, out = SIZES[layer.split(".", 2)[2]]
        made[f"transformer.{layer}.lora_A.weight"] = torch.randn(RANK, into, generator=generator)
        made[f"transformer.{layer}.lora_B.weight"] = torch.randn(out, RANK, generator=generator)
    return made


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "style.safetensors"
    save_file(weights(*LAYERS), path)
    return str(path)


def expert(engine: WanEngine, name: str = "transformer") -> Any:
    assert engine._loaded is not None
    return getattr(engine._loaded.pipe, name)


def test_it_is_merged_into_the_weights_times_its_strength(file: str, turbo: WanEngine) -> None:
    engine = loaded_engine(tiny_card(TURBO, loras=(Lora(file, strength=0.5),)))
    given = weights(*LAYERS)
    for layer in LAYERS:
        a, b = given[f"transformer.{layer}.lora_A.weight"], given[f"transformer.{layer}.lora_B.weight"]
        merged = expert(engine).get_submodule(layer).weight
        plain = expert(turbo).get_submodule(layer).weight
        assert torch.allclose(merged, plain + 0.5 * b @ a, atol=1e-5)
    # No module of the adapter remains that would slow the forward passes down.
    assert not any("lora" in name for name, _ in expert(engine).named_modules())
    untouched = "blocks.0.attn1.to_k.weight"
    assert torch.equal(expert(engine).state_dict()[untouched], expert(turbo).state_dict()[untouched])
    assert not np.array_equal(
        pictures(engine.generate(SMALL, ignore_progress)), pictures(turbo.generate(SMALL, ignore_progress))
    )


def test_merged_is_as_if_it_ran_beside(file: str, stock: Any) -> None:
    engine = loaded_engine(tiny_card(TURBO, loras=(Lora(file),)))
    pipe = stock(TURBO)
    given = torch.randn(1, 16, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    asked = {
        "hidden_states": given,
        "timestep": torch.tensor([500.0]),
        "encoder_hidden_states": torch.ones(1, 512, 32),
        "return_dict": False,
    }
    try:
        pipe.load_lora_weights(weights(*LAYERS), adapter_name="beside")
        with torch.no_grad():
            beside, merged = pipe.transformer(**asked)[0], expert(engine)(**asked)[0]
    finally:
        pipe.unload_lora_weights()
    assert torch.allclose(beside, merged, atol=3e-5)


def test_each_expert_has_a_file_of_its_own(tmp_path: Path, plus: WanEngine) -> None:
    files = []
    for number in (1, 2):
        files.append(str(tmp_path / f"{number}.safetensors"))
        save_file(weights(LAYERS[0], seed=number), files[-1])
    engine = loaded_engine(tiny_card(PLUS, loras=(Lora(files[0], files[1]),)))
    for number, name in ((1, "transformer"), (2, "transformer_2")):
        given = weights(LAYERS[0], seed=number)
        b = given[f"transformer.{LAYERS[0]}.lora_B.weight"]
        a = given[f"transformer.{LAYERS[0]}.lora_A.weight"]
        merged, plain = (expert(each, name).get_submodule(LAYERS[0]).weight for each in (engine, plus))
        assert torch.allclose(merged, plain + b @ a, atol=1e-5)


def test_two_loras_add_up(tmp_path: Path, turbo: WanEngine) -> None:
    files = []
    for number in (1, 2):
        files.append(str(tmp_path / f"{number}.safetensors"))
        save_file(weights(LAYERS[0], seed=number), files[-1])
    engine = loaded_engine(tiny_card(TURBO, loras=tuple(Lora(each) for each in files)))
    added = torch.zeros(24, 24)
    for number in (1, 2):
        given = weights(LAYERS[0], seed=number)
        added += given[f"transformer.{LAYERS[0]}.lora_B.weight"] @ given[f"transformer.{LAYERS[0]}.lora_A.weight"]
    plain = expert(turbo).get_submodule(LAYERS[0]).weight
    assert torch.allclose(expert(engine).get_submodule(LAYERS[0]).weight, plain + added, atol=1e-5)


def load_error(card: Any) -> str:
    """Load the model, which must fail, and return the message: one line."""
    with pytest.raises(SetupError) as refusal:
        loaded_engine(card)
    told = str(refusal.value)
    assert "\n" not in told
    return told


def test_layers_that_the_model_does_not_have_are_told(tmp_path: Path) -> None:
    file = tmp_path / "larger.safetensors"
    foreign = weights(LAYERS[0])
    foreign |= {name.replace("blocks.0", "blocks.7"): tensor.clone() for name, tensor in foreign.items()}
    save_file(foreign, file)
    told = load_error(tiny_card(TURBO, loras=(Lora(str(file)),)))
    assert told == (
        f"{file} has tensors that are not understood or that this model has no place for: "
        "transformer.blocks.7.attn1.to_q.lora_A.weight, transformer.blocks.7.attn1.to_q.lora_B.weight"
    )


def test_a_lora_of_another_shape_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "wide.safetensors"
    save_file({name: torch.zeros(100, 100) for name in weights(LAYERS[0])}, file)
    assert str(file) in load_error(tiny_card(TURBO, loras=(Lora(str(file)),)))


def test_a_file_that_is_none_or_broken_is_refused(tmp_path: Path, file: str) -> None:
    missing = str(tmp_path / "missing.safetensors")
    assert missing in load_error(tiny_card(TURBO, loras=(Lora(missing),)))
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(Path(file).read_bytes()[:-100])
    assert str(broken) in load_error(tiny_card(TURBO, loras=(Lora(str(broken)),)))
    other = tmp_path / "other.safetensors"
    save_file({"model.weight": torch.zeros(2, 2)}, other)
    assert str(other) in load_error(tiny_card(TURBO, loras=(Lora(str(other)),)))


def test_one_file_for_two_experts_and_two_for_one_are_refused(file: str) -> None:
    assert "set file_2" in load_error(tiny_card(PLUS, loras=(Lora(file),)))
    assert "this model has one" in load_error(tiny_card(TURBO, loras=(Lora(file, file),)))


def test_the_authors_own_names_are_read_too(tmp_path: Path, turbo: WanEngine) -> None:
    # The layout of the lightx2v files.
    a, b = torch.randn(RANK, 24), torch.randn(24, RANK)
    file = tmp_path / "distilled.safetensors"
    layer = "diffusion_model.blocks.0.self_attn.q"
    save_file({f"{layer}.lora_down.weight": a, f"{layer}.lora_up.weight": b}, file)
    engine = loaded_engine(tiny_card(TURBO, loras=(Lora(str(file)),)))
    merged = expert(engine).get_submodule("blocks.0.attn1.to_q").weight
    assert torch.allclose(merged, expert(turbo).get_submodule("blocks.0.attn1.to_q").weight + b @ a, atol=1e-5)
