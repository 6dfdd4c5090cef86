"""LoRA files as they are spread: every layout is applied completely, or refused by what was left."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import save_file

from tests.unit.wan.engines import ASSETS
from wanserve.domain.errors import SetupError
from wanserve.engine.wan.lora import merge, read_file
from wanserve.models.architecture import transformer_tensors
from wanserve.models.lora_file import read_lora
from wanserve.models.sampling import Lora

RANK = 4
Tensors = dict[str, torch.Tensor]


@dataclass
class Pipe:
    """As much of a pipeline as merging looks at."""

    transformer: Any
    transformer_2: Any = None


def transformer() -> WanTransformer3DModel:
    """The tiny transformer, in fp32."""
    return WanTransformer3DModel.from_pretrained(ASSETS / "tiny-wan" / "transformer", dtype=torch.float32)


@pytest.fixture(scope="module")
def plain() -> Mapping[str, torch.Tensor]:
    """The weights of the tiny transformer."""
    return {name: tensor.clone() for name, tensor in transformer().state_dict().items()}


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


A, B = random(RANK, 24, seed=1), random(24, RANK, seed=2)
FFN_A, FFN_B = random(RANK, 24, seed=3), random(64, RANK, seed=4)


def applied(file: Path, tensors: Tensors, metadata: Mapping[str, str] | None = None, strength: float = 1.0) -> Tensors:
    """What merging the file changes: the differences of all tensors that changed."""
    save_file(
        {name: tensor.clone().contiguous() for name, tensor in tensors.items()}, file, dict(metadata or {}) or None
    )
    changed = transformer()
    before = {name: tensor.clone() for name, tensor in changed.state_dict().items()}
    merge(Pipe(changed), [Lora(str(file), strength=strength)])
    after = changed.state_dict()
    return {name: after[name] - before[name] for name in before if not torch.equal(after[name], before[name])}


def expect(found: Tensors, expected: Tensors) -> None:
    assert found.keys() == expected.keys()
    for name, difference in expected.items():
        assert torch.allclose(found[name], difference, atol=2e-5), name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "style.safetensors"


def refusal(file: Path, tensors: Tensors, metadata: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SetupError) as caught:
        applied(file, tensors, metadata)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)
    return str(caught.value)


LAYOUTS: dict[str, tuple[str, str, str]] = {
    "diffusers": ("transformer.blocks.1.attn1.to_q", "transformer.blocks.0.ffn.net.0.proj", "lora_A.weight"),
    "PEFT": ("base_model.model.blocks.1.attn1.to_q", "base_model.model.blocks.0.ffn.net.0.proj", "lora_A.weight"),
    "PEFT, an adapter with a name": (
        "base_model.model.blocks.1.attn1.to_q",
        "base_model.model.blocks.0.ffn.net.0.proj",
        "lora_A.style_1.weight",
    ),
    "DiffSynth": ("blocks.1.self_attn.q", "blocks.0.ffn.0", "lora_A.default.weight"),
    "DiffSynth with its pipeline's name": ("pipe.dit.blocks.1.self_attn.q", "pipe.dit.blocks.0.ffn.0", "lora_A.weight"),
    "ComfyUI": ("diffusion_model.blocks.1.self_attn.q", "diffusion_model.blocks.0.ffn.0", "lora_down.weight"),
    "ComfyUI with another prefix": (
        "model.diffusion_model.blocks.1.self_attn.q",
        "model.diffusion_model.blocks.0.ffn.0",
        "lora_A.weight",
    ),
    "musubi-tuner": ("lora_unet_blocks_1_self_attn_q", "lora_unet_blocks_0_ffn_0", "lora_down.weight"),
    "musubi-tuner with dots": ("lora_unet_blocks.1.self_attn.q", "lora_unet_blocks.0.ffn.0", "lora_down.weight"),
    "diffusers' names with underscores": (
        "lora_unet_blocks_1_attn1_to_q",
        "lora_unet_blocks_0_ffn_net_0_proj",
        "lora_down.weight",
    ),
    "LyCORIS": ("lycoris_blocks_1_self_attn_q", "lycoris_blocks_0_ffn_0", "lora_down.weight"),
    "bare": ("blocks.1.self_attn.q", "blocks.0.ffn.0", "lora_down.weight"),
    "bare, the old words of diffusers": ("blocks.1.attn1.to_q", "blocks.0.ffn.net.0.proj", "lora.down.weight"),
}
UPS = {"lora_A": "lora_B", "lora_down": "lora_up", "lora.down": "lora.up"}


def up(down: str) -> str:
    return next(down.replace(each, UPS[each]) for each in UPS if each in down)


@pytest.mark.parametrize(("attention", "ffn", "down"), LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("alpha", [None, 1.0])
def test_each_layout_is_applied_completely(
    file: Path, attention: str, ffn: str, down: str, alpha: float | None
) -> None:
    tensors = {
        f"{attention}.{down}": A,
        f"{attention}.{up(down)}": B,
        f"{ffn}.{down}": FFN_A,
        f"{ffn}.{up(down)}": FFN_B,
    }
    if alpha is not None:
        tensors |= {f"{layer}.alpha": torch.tensor(alpha) for layer in (attention, ffn)}
    scale = 1.0 if alpha is None else alpha / RANK
    expected = {
        "blocks.1.attn1.to_q.weight": scale * B @ A,
        "blocks.0.ffn.net.0.proj.weight": scale * FFN_B @ FFN_A,
    }
    expect(applied(file, tensors), expected)


LAYER = "diffusion_model.blocks.1.self_attn.q"
PAIR = {f"{LAYER}.lora_A.weight": A, f"{LAYER}.lora_B.weight": B}
TARGET = "blocks.1.attn1.to_q.weight"

METADATA: dict[str, tuple[dict[str, str], float]] = {
    "none": ({}, 1.0),
    "diffusers": (
        {"format": "pt", "lora_adapter_metadata": json.dumps({"transformer.r": 4, "transformer.lora_alpha": 16})},
        4.0,
    ),
    "one text for each setting": ({"transformer.lora_alpha": "8", "transformer.r": "4"}, 2.0),
    "lora_alpha": ({"lora_alpha": "2"}, 0.5),
    "network_alpha": ({"network_alpha": "1"}, 0.25),
    "alpha": ({"alpha": "4"}, 1.0),
    "kohya": ({"ss_network_alpha": "1.0", "ss_network_dim": "4"}, 0.25),
    "rank-stabilised": (
        {"lora_adapter_metadata": json.dumps({"transformer.lora_alpha": 4, "transformer.use_rslora": True})},
        2.0,
    ),
    "an alpha for this layer": (
        {
            "lora_adapter_metadata": json.dumps(
                {"transformer.lora_alpha": 4, "transformer.alpha_pattern": {"blocks.1.attn1.to_q": 12}}
            )
        },
        3.0,
    ),
    "an alpha for another layer": (
        {"lora_adapter_metadata": json.dumps({"lora_alpha": 4, "alpha_pattern": {"blocks.0.attn1.to_q": 12}})},
        1.0,
    ),
    "an alpha for layers of a name": (
        {"lora_adapter_metadata": json.dumps({"lora_alpha": 4, "alpha_pattern": {"to_q": 8}})},
        2.0,
    ),
}


@pytest.mark.parametrize(("metadata", "scale"), METADATA.values(), ids=METADATA)
def test_alpha_in_the_metadata_is_applied(file: Path, metadata: dict[str, str], scale: float) -> None:
    expect(applied(file, PAIR, metadata), {TARGET: scale * B @ A})


def test_alpha_beside_a_layer_takes_precedence_over_the_metadata(file: Path) -> None:
    tensors = PAIR | {f"{LAYER}.alpha": torch.tensor([2.0])}
    expect(applied(file, tensors, {"lora_alpha": "400"}), {TARGET: 0.5 * B @ A})


def test_metadata_that_contradict_themselves_are_refused(file: Path) -> None:
    assert "more than one alpha: 2, 8" in refusal(file, PAIR, {"lora_alpha": "8", "ss_network_alpha": "2"})
    both = json.dumps({"transformer.lora_alpha": 8, "transformer_2.lora_alpha": 4})
    assert "more than one alpha: 4, 8" in refusal(file, PAIR, {"lora_adapter_metadata": both})
    assert "lora_alpha 'much', which is not a number" in refusal(file, PAIR, {"lora_alpha": "much"})
    assert "metadata that are not valid JSON" in refusal(file, PAIR, {"lora_adapter_metadata": "{"})
    assert "metadata that are not a JSON object" in refusal(file, PAIR, {"alpha_pattern": "[7]"})


DIFFS: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "a norm of queries": ("blocks.0.self_attn.norm_q.diff", "blocks.0.attn1.norm_q.weight", (24,)),
    "a norm before the other attention": ("blocks.1.norm3.diff", "blocks.1.norm2.weight", (24,)),
    "its bias": ("blocks.1.norm3.diff_b", "blocks.1.norm2.bias", (24,)),
    "the bias of a matrix": ("blocks.1.cross_attn.k.diff_b", "blocks.1.attn2.to_k.bias", (24,)),
    "a whole matrix": ("blocks.1.ffn.2.diff", "blocks.1.ffn.net.2.weight", (24, 64)),
    "a block's modulation": ("blocks.0.diff_m", "blocks.0.scale_shift_table", (1, 6, 24)),
    "a block's modulation by its name": ("blocks.0.modulation.diff", "blocks.0.scale_shift_table", (1, 6, 24)),
    "the head's modulation": ("head.diff_m", "scale_shift_table", (1, 2, 24)),
    "the head": ("head.head.diff", "proj_out.weight", (64, 24)),
    "the patch embedding": ("patch_embedding.diff", "patch_embedding.weight", (24, 16, 1, 2, 2)),
    "the time embedding": ("time_embedding.0.diff", "condition_embedder.time_embedder.linear_1.weight", (24, 32)),
    "diffusers' name": ("blocks.0.norm2.diff", "blocks.0.norm2.weight", (24,)),
}


@pytest.mark.parametrize(("name", "target", "shape"), DIFFS.values(), ids=DIFFS)
def test_differences_of_any_tensor_are_applied(file: Path, name: str, target: str, shape: tuple[int, ...]) -> None:
    difference = random(*shape, seed=5)
    found = applied(file, {f"diffusion_model.{name}": difference} | PAIR, strength=0.5)
    expect(found, {target: 0.5 * difference, TARGET: 0.5 * B @ A})


def test_a_convolution_is_changed_by_a_product(file: Path) -> None:
    down, upper = random(RANK, 16, 1, 2, 2, seed=6), random(24, RANK, 1, 1, 1, seed=7)
    tensors = {"patch_embedding.lora_down.weight": down, "patch_embedding.lora_up.weight": upper}
    expected = (upper.flatten(1) @ down.flatten(1)).reshape(24, 16, 1, 2, 2)
    expect(applied(file, tensors), {"patch_embedding.weight": expected})


def test_a_bias_of_the_upper_matrix_is_scaled_with_it(file: Path) -> None:
    tensors = PAIR | {f"{LAYER}.lora_B.bias": random(24, seed=8), f"{LAYER}.alpha": torch.tensor(2.0)}
    expected = {TARGET: 0.5 * B @ A, "blocks.1.attn1.to_q.bias": 0.5 * tensors[f"{LAYER}.lora_B.bias"]}
    expect(applied(file, tensors), expected)


@pytest.mark.parametrize("name", ["dora_scale", "lora_magnitude_vector", "lora_magnitude_vector.default.weight"])
def test_dora_is_what_peft_computes(file: Path, name: str, plain: Mapping[str, torch.Tensor]) -> None:
    from peft import LoraConfig, get_peft_model

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q = torch.nn.Linear(24, 24, bias=False)

    layer = Layer()
    layer.q.weight.data = plain[TARGET].clone()
    peft = get_peft_model(layer, LoraConfig(r=RANK, lora_alpha=2, use_dora=True, target_modules=["q"]))
    magnitude = random(24, seed=9).abs() + 0.5
    module = peft.base_model.model.q
    module.lora_A["default"].weight.data, module.lora_B["default"].weight.data = A.clone(), B.clone()
    module.lora_magnitude_vector["default"].weight.data = magnitude.clone()
    expected = peft.merge_and_unload().q.weight.data - plain[TARGET]

    shaped = magnitude.reshape(24, 1) if name == "dora_scale" else magnitude
    tensors = PAIR | {f"{LAYER}.{name}": shaped, f"{LAYER}.alpha": torch.tensor(2.0)}
    expect(applied(file, tensors), {TARGET: expected})


def test_dora_by_columns(file: Path, plain: Mapping[str, torch.Tensor]) -> None:
    magnitude = random(1, 24, seed=9).abs() + 0.5
    changed = plain[TARGET] + B @ A
    expected = changed * (magnitude / changed.norm(dim=0, keepdim=True)) - plain[TARGET]
    expect(applied(file, PAIR | {f"{LAYER}.dora_scale": magnitude}), {TARGET: expected})


def test_loha_is_the_product_of_two_products(file: Path) -> None:
    parts = {f"hada_w{number}_{letter}": random(*shape, seed=ord(letter) + number)
             for number in (1, 2) for letter, shape in (("a", (24, RANK)), ("b", (RANK, 24)))}  # fmt: skip
    tensors = {f"lycoris_blocks_1_self_attn_q.{name}": each for name, each in parts.items()}
    tensors["lycoris_blocks_1_self_attn_q.alpha"] = torch.tensor(2.0)
    one, two = (parts[f"hada_w{number}_a"] @ parts[f"hada_w{number}_b"] for number in (1, 2))
    expect(applied(file, tensors), {TARGET: 0.5 * one * two})


LOKRS: dict[str, tuple[dict[str, tuple[int, ...]], float]] = {
    "both whole": ({"lokr_w1": (4, 4), "lokr_w2": (6, 6)}, 1.0),
    "the second one a product": ({"lokr_w1": (4, 4), "lokr_w2_a": (6, 2), "lokr_w2_b": (2, 6)}, 3.0 / 2),
    "both products": (
        {"lokr_w1_a": (4, 1), "lokr_w1_b": (1, 4), "lokr_w2_a": (6, 2), "lokr_w2_b": (2, 6)},
        3.0 / 2,
    ),
}


@pytest.mark.parametrize(("shapes", "scale"), LOKRS.values(), ids=LOKRS)
def test_lokr_is_a_kronecker_product(file: Path, shapes: dict[str, tuple[int, ...]], scale: float) -> None:
    parts = {name: random(*shape, seed=number) for number, (name, shape) in enumerate(shapes.items())}
    one = parts["lokr_w1"] if "lokr_w1" in parts else parts["lokr_w1_a"] @ parts["lokr_w1_b"]
    two = parts["lokr_w2"] if "lokr_w2" in parts else parts["lokr_w2_a"] @ parts["lokr_w2_b"]
    tensors = {f"{LAYER}.{name}": each for name, each in parts.items()} | {f"{LAYER}.alpha": torch.tensor(3.0)}
    expect(applied(file, tensors), {TARGET: scale * torch.kron(one, two)})


LEFT: dict[str, tuple[Tensors, str]] = {
    "a layer of image-to-video": (
        PAIR | {"diffusion_model.blocks.1.cross_attn.k_img.lora_A.weight": A},
        "no place for: diffusion_model.blocks.1.cross_attn.k_img.lora_A.weight",
    ),
    "a layer of VACE": (
        PAIR | {"vace_blocks.1.self_attn.q.lora_A.weight": A},
        "no place for: vace_blocks.1.self_attn.q.lora_A.weight",
    ),
    "the text encoder": (PAIR | {"lora_te_blocks_1_q.lora_down.weight": A}, "no place for: lora_te_blocks_1_q"),
    "a word that is not known": (PAIR | {f"{LAYER}.set_weight": A}, f"no place for: {LAYER}.set_weight"),
    "a Tucker core": (PAIR | {f"{LAYER}.hada_t1": A}, f"no place for: {LAYER}.hada_t1"),
    "two of one": (
        PAIR | {"blocks.1.attn1.to_q.lora_A.weight": A.clone()},
        "no place for: ",
    ),
    "a lower matrix alone": ({f"{LAYER}.lora_A.weight": A}, f"only a part of what changes {TARGET}"),
    "an alpha alone": ({f"{LAYER}.alpha": torch.tensor(1.0)}, f"only a part of what changes {TARGET}"),
    "half of a LoHa": (
        {f"{LAYER}.hada_w1_a": B, f"{LAYER}.hada_w1_b": A},
        f"only a part of what changes {TARGET}",
    ),
    "half of a LoKr": ({f"{LAYER}.lokr_w1": A}, f"only a part of what changes {TARGET}"),
    "another rank above than below": (
        {f"{LAYER}.lora_A.weight": A, f"{LAYER}.lora_B.weight": random(24, RANK + 1)},
        f"changes {TARGET} by 0 numbers",
    ),
    "a wider model": (
        {f"{LAYER}.lora_A.weight": random(RANK, 48), f"{LAYER}.lora_B.weight": random(48, RANK)},
        f"changes {TARGET} by 48x48 numbers, and that has 24x24: it is for another model",
    ),
    "another shape with as many numbers": (
        {f"{LAYER}.lora_A.weight": random(RANK, 12), f"{LAYER}.lora_B.weight": random(48, RANK)},
        f"changes {TARGET} by 48x12 numbers",
    ),
    "a bias that the layer does not have": (
        {"blocks.0.self_attn.norm_q.diff_b": random(24)},
        "changes blocks.0.attn1.norm_q.bias, which this model does not have",
    ),
    "several alphas": (PAIR | {f"{LAYER}.alpha": random(2)}, f"{LAYER}.alpha, which is not one number"),
    "a magnitude of another length": (
        PAIR | {f"{LAYER}.dora_scale": random(7)},
        f"{LAYER}.dora_scale, which is neither one number for each row nor for each column",
    ),
    "numbers that are none": (PAIR | {f"{LAYER}.lora_B.weight": B * math.nan}, "infinite or not numbers"),
    "no LoRA": ({"weight": A}, "no place for: weight"),
}


@pytest.mark.parametrize(("tensors", "message"), LEFT.values(), ids=LEFT)
def test_what_would_be_left_out_is_refused_by_name(file: Path, tensors: Tensors, message: str) -> None:
    assert message in refusal(file, tensors)


def test_every_tensor_of_the_model_has_a_place_by_both_names(file: Path, plain: Mapping[str, torch.Tensor]) -> None:
    from wanserve.models.authors_names import authors_name

    for name_of in (str, authors_name):
        tensors = {f"diffusion_model.{name_of(name)}".removesuffix(".weight").removesuffix(".bias")
                   + (".diff_b" if name.endswith(".bias") else ".diff"): tensor + 1 for name, tensor in plain.items()}  # fmt: skip
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)
        assert read_file(str(file), transformer()).keys() == plain.keys()


def test_the_authors_names_are_those_of_diffusers_own_converter(plain: Mapping[str, torch.Tensor]) -> None:
    from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

    from wanserve.models.authors_names import authors_name, by_other_names

    names = by_other_names(plain, authors_name)
    assert len(names) == len(plain)
    assert {
        name: name for name in convert_wan_transformer_to_diffusers(dict.fromkeys(names, plain["proj_out.bias"]))
    } == {name: name for name in plain}
    converted: Callable[[dict[str, Any]], dict[str, Any]] = convert_wan_transformer_to_diffusers
    assert {theirs: next(iter(converted({theirs: plain["proj_out.bias"]}))) for theirs in names} == names


def test_a_file_of_the_14b_is_read_from_its_header_alone(tmp_path: Path) -> None:
    from tests.checkpoints import write_shapes

    shapes = {}
    for block in range(40):
        for layer, (outputs, inputs) in {"self_attn.q": (5120, 5120), "ffn.0": (13824, 5120)}.items():
            shapes[f"diffusion_model.blocks.{block}.{layer}.lora_down.weight"] = (64, inputs)
            shapes[f"diffusion_model.blocks.{block}.{layer}.lora_up.weight"] = (outputs, 64)
    write_shapes(tmp_path / "sparse.safetensors", shapes)
    assert len(read_lora(tmp_path / "sparse.safetensors", transformer_tensors({}))) == 80
