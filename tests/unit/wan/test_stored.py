"""Weights in 8 bits and fewer: they stay as they are stored, and the video is that of the numbers they stand for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.wan.engines import ASSETS, PLUS, SMALL, TURBO, ignore_progress, loaded_engine, pictures, tiny_card
from tests.unit.wan.wide import (
    Tensors,
    blocks_of,
    dequantised,
    is_matrix,
    make_wide,
    store_fp8,
    store_gguf,
    tensors_of,
    write,
)
from wanserve.domain.errors import SetupError
from wanserve.domain.generation import LoraUse
from wanserve.engine.wan.engine import WanEngine
from wanserve.engine.wan.layers import StoredLinear, dequantise
from wanserve.engine.wan.loading import apply_placement, read_pipeline
from wanserve.engine.wan.memory import BlockFormat, MemoryPlan
from wanserve.engine.wan.parts import load_part
from wanserve.models.sampling import Lora, Placement, Precision, Profile
from wanserve.models.stored import GGUF_BLOCKS, our_quantization
from wanserve.models.weights import check_weights


def by_tensor(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.abs().max() / 448


def by_row(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.abs().amax(dim=1, keepdim=True) / 448


E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
STORED: dict[str, Callable[[Path], Tensors]] = {
    "fp8": lambda folder: store_fp8(folder, E4M3, None),
    "fp8 with more exponent": lambda folder: store_fp8(folder, E5M2, None),
    "scaled fp8, ComfyUI": lambda folder: store_fp8(folder, E4M3, by_tensor),
    "scaled fp8, one number in a list": lambda folder: store_fp8(folder, E4M3, lambda each: by_tensor(each).reshape(1)),
    "scaled fp8, newer ComfyUI": lambda folder: store_fp8(folder, E4M3, by_tensor, "weight_scale"),
    "fp8 scaled by rows": lambda folder: store_fp8(folder, E4M3, by_row, "weight_scale"),
} | {format_: lambda folder, format_=format_: store_gguf(folder, format_) for format_ in GGUF_BLOCKS}


def card(folder: Path, **otherwise: Any) -> Any:
    return tiny_card(TURBO, weights=str(folder), steps=2, **otherwise)


def drawn(engine: WanEngine) -> Any:
    return pictures(engine.generate(SMALL, ignore_progress))


@pytest.mark.parametrize("store", STORED.values(), ids=STORED)
def test_the_video_is_that_of_the_numbers_that_are_stored(tmp_path: Path, store: Callable[[Path], Tensors]) -> None:
    stored, plain = make_wide(tmp_path / "stored"), make_wide(tmp_path / "plain")
    write(plain, store(stored))
    found = check_weights(stored, 1)
    assert found.transformer.kept_parameters == sum(
        tensor.numel() for name, tensor in tensors_of(plain).items() if is_matrix(name, tensor)
    )
    assert found.transformer.kept_bytes < 1.07 * found.transformer.kept_parameters
    assert found.stored.transformer_bytes == found.transformer.kept_bytes
    engine = loaded_engine(card(stored))
    assert engine._loaded is not None
    layers = [each for each in engine._loaded.pipe.transformer.modules() if isinstance(each, StoredLinear)]
    assert len(layers) == 10
    assert all(layer.stored.element_size() == 1 for layer in layers)
    assert np.array_equal(drawn(engine), drawn(loaded_engine(card(plain))))


def test_every_gguf_format_is_computed_as_its_own_library_does() -> None:
    for format_ in GGUF_BLOCKS:
        rows = blocks_of(format_, (8, 512), 1)
        ours = dequantise(torch.from_numpy(rows), None, format_, (8, 512))
        assert torch.allclose(ours, dequantised(rows, format_), rtol=1e-6, atol=1e-9), format_


def test_the_sizes_of_gguf_blocks_are_those_of_the_library() -> None:
    import gguf

    for format_, sizes in GGUF_BLOCKS.items():
        assert gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[format_]] == sizes


def test_scales_beside_fp8_are_never_ignored(tmp_path: Path) -> None:
    folder = make_wide(tmp_path / "wide")
    store_fp8(folder, E4M3, by_tensor)
    tensors = tensors_of(folder)
    write(folder, {name: tensor for name, tensor in tensors.items() if "scale_weight" not in name})
    without = drawn(loaded_engine(card(folder)))
    write(folder, tensors)
    assert not np.array_equal(drawn(loaded_engine(card(folder))), without)


def test_markers_and_scales_of_inputs_are_understood(tmp_path: Path) -> None:
    folder = make_wide(tmp_path / "wide")
    store_fp8(folder, E4M3, by_tensor)
    expected = drawn(loaded_engine(card(folder)))
    tensors = tensors_of(folder)
    beside = {"scaled_fp8": torch.zeros(2, dtype=E4M3)}
    for name in tensors:
        if name.endswith("scale_weight"):
            beside[name.replace("scale_weight", "scale_input")] = torch.tensor(3.0)
            beside[name.replace("scale_weight", "comfy_quant")] = torch.zeros(8, dtype=torch.uint8)
    write(folder, tensors | beside)
    assert np.array_equal(drawn(loaded_engine(card(folder))), expected)


def test_what_is_not_a_matrix_of_a_layer_is_plain_in_memory(tmp_path: Path) -> None:
    stored, plain = make_wide(tmp_path / "stored"), make_wide(tmp_path / "plain")
    tensors = tensors_of(stored)
    small = {name: tensor.to(E4M3) for name, tensor in tensors.items()}
    write(stored, small)
    write(plain, {name: tensor.float() for name, tensor in small.items()})
    engine = loaded_engine(card(stored))
    assert engine._loaded is not None
    embedding = engine._loaded.pipe.transformer.condition_embedder.text_embedder.linear_1
    assert (type(embedding), embedding.weight.dtype) == (torch.nn.Linear, torch.float32)
    assert np.array_equal(drawn(engine), drawn(loaded_engine(card(plain))))


def test_a_text_encoder_in_fp8_encodes_as_its_numbers_do(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    stored, plain = make_wide(tmp_path / "stored"), make_wide(tmp_path / "plain")
    tensors = load_file(stored / "text_encoder" / "model.safetensors")
    small, numbers = {}, {}
    for name, tensor in tensors.items():
        small[name] = numbers[name] = tensor
        if tensor.dim() == 2:
            scale = by_tensor(tensor)
            small[name] = (tensor / scale).to(E4M3)
            small[name.removesuffix("weight") + "scale_weight"] = scale
            numbers[name] = small[name].float() * scale
    save_file(small, stored / "text_encoder" / "model.safetensors")
    save_file(numbers, plain / "text_encoder" / "model.safetensors")
    assert check_weights(stored, 1).text_encoder.kept_parameters == 20_480
    assert np.array_equal(drawn(loaded_engine(card(stored))), drawn(loaded_engine(card(plain))))


def test_in_bf16_the_numbers_are_rounded_once_and_norms_stay_in_fp32(tmp_path: Path) -> None:
    stored, plain = make_wide(tmp_path / "stored"), make_wide(tmp_path / "plain")
    write(plain, store_fp8(stored, E4M3, by_row))
    ours, theirs = (load_part(each, "transformer", torch.bfloat16) for each in (stored, plain))
    for name, tensor in theirs.state_dict().items():
        module, _, last = name.rpartition(".")
        found = getattr(ours.get_submodule(module), last)
        assert found.dtype == tensor.dtype, name
        assert torch.equal(found, tensor), name
    assert not ours.training


@pytest.mark.parametrize("placement", [Placement.TEXT_OFF, Placement.PARTS, Placement.GROUPS])
def test_stored_layers_come_and_go(tmp_path: Path, placement: Placement) -> None:
    folder = make_wide(tmp_path / "wide", ASSETS / "tiny-wan22")
    store_gguf(folder, "Q4_K")
    two = tiny_card(PLUS, weights=str(folder), steps=2)
    engine = loaded_engine(two)
    asked = replace(SMALL, model=PLUS)
    expected = pictures(engine.generate(asked, ignore_progress))
    assert engine._loaded is not None
    pipe = read_pipeline(two.sampling, torch.device("cpu"))
    plan = MemoryPlan(placement, BlockFormat.AS_LOADED, tiled=False, pinned=False, device_bytes=0, host_bytes=0)
    apply_placement(pipe, plan, torch.device("cpu"))
    engine._loaded = replace(engine._loaded, pipeline=replace(engine._loaded.pipeline, pipe=pipe))
    for _ in range(2):
        assert np.array_equal(pictures(engine.generate(asked, ignore_progress)), expected)
        engine.clean_up()


def test_the_profile_small_leaves_what_is_small_already(tmp_path: Path) -> None:
    folder = make_wide(tmp_path / "wide")
    store_gguf(folder, "Q4_K")
    engine = loaded_engine(card(folder, profile=Profile.SMALL, precision=Precision.BF16))
    assert engine._loaded is not None
    formats = {each.format for each in engine._loaded.pipe.transformer.modules() if isinstance(each, StoredLinear)}
    assert formats == {"Q4_K"}
    assert len(drawn(engine)) == 9


def test_stored_layers_compile_without_a_break(tmp_path: Path) -> None:
    folder = make_wide(tmp_path / "wide")
    store_gguf(folder, "Q6_K")
    transformer = load_part(folder, "transformer", torch.float32)
    given = {
        "hidden_states": torch.randn(1, 16, 1, 4, 4),
        "timestep": torch.tensor([500.0]),
        "encoder_hidden_states": torch.ones(1, 512, 32),
        "return_dict": False,
    }
    with torch.no_grad():
        eager = transformer(**given)[0]
        torch._dynamo.reset()
        transformer.compile_repeated_blocks(fullgraph=True, dynamic=True, backend="eager")
        assert torch.equal(transformer(**given)[0], eager)


def test_a_load_refuses_what_was_lost_since_the_check(tmp_path: Path) -> None:
    folder = make_wide(tmp_path / "wide")
    tensors = tensors_of(folder)
    del tensors["blocks.0.norm2.bias"]
    write(folder, tensors)
    with pytest.raises(SetupError, match=r"transformer lacks blocks\.0\.norm2\.bias$"):
        loaded_engine(card(folder))


def decibels(ours: Any, exact: Any) -> float:
    """The PSNR of the pictures beside the exact ones."""
    error = np.mean((ours.astype(float) - exact.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / error))


def test_each_format_costs_what_its_rounding_does(tmp_path: Path) -> None:
    """Of weights that this test rounds itself, so far as the libraries can; docs/wan.md has the figures."""
    import gguf

    plain = make_wide(tmp_path / "plain")
    exact = drawn(loaded_engine(card(plain)))

    def rounded(format_: str) -> Path:
        folder, stored = make_wide(tmp_path / format_), {}
        for name, tensor in tensors_of(folder).items():
            blocks = is_matrix(name, tensor)
            kind = gguf.GGMLQuantizationType[format_]
            stored[name] = torch.from_numpy(gguf.quantize(tensor.numpy(), kind)) if blocks else tensor
        listed = {name: format_ for name, tensor in stored.items() if tensor.dtype is torch.uint8}
        write(folder, stored, our_quantization(listed))
        return folder

    fp8 = make_wide(tmp_path / "fp8")
    store_fp8(fp8, E4M3, by_tensor)
    assert decibels(drawn(loaded_engine(card(fp8))), exact) > 50
    assert decibels(drawn(loaded_engine(card(plain, profile=Profile.SMALL))), exact) > 56
    for format_, least in {"Q8_0": 56, "Q5_0": 48, "Q4_0": 43}.items():
        assert decibels(drawn(loaded_engine(card(rounded(format_)))), exact) > least, format_


def style(folder: Path) -> Lora:
    """A LoRA that changes a matrix and the bias of another."""
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(6)
    file, layers = folder / "style.safetensors", ("blocks.0.attn1.to_q", "blocks.0.ffn.net.2")
    tensors = {f"{layers[0]}.lora_A.weight": torch.randn(4, 256, generator=generator)}
    tensors[f"{layers[0]}.lora_B.weight"] = torch.randn(256, 4, generator=generator)
    tensors[f"{layers[1]}.diff_b"] = torch.randn(256, generator=generator)
    save_file(tensors, file)
    return Lora(str(file), strength=0.5)


@pytest.mark.parametrize("name", ["fp8 scaled by rows", "Q4_K"])
def test_loras_beside_stored_weights_draw_what_they_draw_beside_their_numbers(tmp_path: Path, name: str) -> None:
    stored, plain = make_wide(tmp_path / "stored"), make_wide(tmp_path / "plain")
    write(plain, STORED[name](stored))
    lora = style(tmp_path)
    expected = drawn(loaded_engine(card(plain, loras=(lora,))))
    assert not np.array_equal(drawn(loaded_engine(card(stored))), expected)
    assert np.array_equal(drawn(loaded_engine(card(stored, loras=(lora,)))), expected)
    engine = loaded_engine(card(stored, offered_loras={"style": lora}))
    asked = replace(SMALL, loras=(LoraUse("style", 0.5),))
    assert np.array_equal(pictures(engine.generate(asked, ignore_progress)), expected)


@pytest.mark.parametrize("name", ["fp8 scaled by rows", "Q4_K"])
def test_in_bf16_a_lora_of_a_request_is_rounded_once_as_a_merged_one_is(tmp_path: Path, name: str) -> None:
    stored, lora = make_wide(tmp_path / "stored"), style(tmp_path)
    STORED[name](stored)
    merged = loaded_engine(card(stored, precision=Precision.BF16, loras=(lora,)))
    offered = loaded_engine(card(stored, precision=Precision.BF16, offered_loras={"style": lora}))
    assert merged._loaded is not None
    assert offered._loaded is not None
    expected, layer = (loaded.pipe.transformer.blocks[0].attn1.to_q for loaded in (merged._loaded, offered._loaded))
    with offered._loaded.pipeline.offered.applied({"style": 0.5}):
        assert torch.equal(layer.weight, expected.weight)
    assert not torch.equal(layer.weight, expected.weight)
    assert layer.weight.dtype is torch.bfloat16
