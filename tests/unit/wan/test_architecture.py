"""Which tensors each class has: our lists are those of the libraries' own classes."""

import json
from pathlib import Path
from typing import Any

import pytest
from accelerate import init_empty_weights
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from transformers import UMT5Config, UMT5EncoderModel

from wanserve.domain.errors import SetupError
from wanserve.models import architecture
from wanserve.models.architecture import EMBEDDING, TIED_EMBEDDING, Shapes

ASSETS = Path(__file__).parents[2] / "assets"
TEXT_ENCODER: dict[str, Any] = {
    "vocab_size": 256384,
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10240,
    "num_layers": 24,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
}


def tiny(part: str) -> dict[str, Any]:
    """The configuration of a part of the tiny checkpoint."""
    config: dict[str, Any] = json.loads((ASSETS / "tiny-wan" / part / "config.json").read_text("utf-8"))
    return config


def shapes_of(model: Any) -> Shapes:
    """The tensors that the library's class has."""
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"num_layers": 30, "num_attention_heads": 12, "ffn_dim": 8960},
        {
            "patch_size": (1, 2, 2),
            "text_dim": 32,
            "freq_dim": 64,
            "num_layers": 1,
            "out_channels": 8,
            "in_channels": 16,
        },
        tiny("transformer"),
    ],
    ids=["14B", "1.3B", "another", "tiny"],
)
def test_a_transformer(config: dict[str, Any]) -> None:
    with init_empty_weights():
        model = WanTransformer3DModel.from_config(config)
    assert architecture.transformer_tensors(config) == shapes_of(model)


@pytest.mark.parametrize("config", [TEXT_ENCODER, tiny("text_encoder")], ids=["xxl", "tiny"])
def test_a_text_encoder(config: dict[str, Any]) -> None:
    with init_empty_weights():
        found = shapes_of(UMT5EncoderModel(UMT5Config(**config)))
    assert found.pop(TIED_EMBEDDING) == found[EMBEDDING]
    assert architecture.text_encoder_tensors(config) == found


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"base_dim": 8, "decoder_base_dim": 16, "num_res_blocks": 1, "z_dim": 4},
        {"dim_mult": [1, 2], "temperal_downsample": [True], "base_dim": 8},
        tiny("vae"),
    ],
    ids=["Wan 2.1", "another", "two levels", "tiny"],
)
def test_a_vae(config: dict[str, Any]) -> None:
    with init_empty_weights():
        model = AutoencoderKLWan.from_config(config)
    assert architecture.vae_tensors(config) == shapes_of(model)


@pytest.mark.parametrize(
    ("part", "config", "message"),
    [
        ("transformer", {"image_dim": 1280}, "image-to-video"),
        ("transformer", {"qk_norm": None}, "has qk_norm None and cross_attn_norm True, not those of Wan"),
        ("transformer", {"num_layers": 0}, "has num_layers 0, which is not a positive whole number"),
        ("transformer", {"num_layers": True}, "has num_layers True, which is not"),
        ("transformer", {"patch_size": 2}, "has patch_size 2, which is not a list of numbers"),
        ("vae", {"patch_size": 2}, "describes the VAE of another model"),
        ("vae", {"temperal_downsample": [True]}, "is not a list of 3 booleans"),
        ("text_encoder", {"num_heads": "many"}, "has num_heads 'many'"),
    ],
)
def test_another_architecture_is_refused(part: str, config: dict[str, Any], message: str) -> None:
    tensors = {
        "transformer": architecture.transformer_tensors,
        "vae": architecture.vae_tensors,
        "text_encoder": architecture.text_encoder_tensors,
    }
    with pytest.raises(SetupError, match=message):
        tensors[part](config)


def test_differences_are_named_missing_ones_first() -> None:
    expected = {"a": (1, 2), "b": (3,), "c": ()}
    found = {"b": (3, 1), "c": (), "d": (4,)}
    assert list(architecture.differences(expected, found)) == [
        "lacks a",
        "has d, which this model does not have",
        "has b of shape 3x1 instead of 3",
    ]
