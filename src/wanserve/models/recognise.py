"""Recognises which parts of a pipeline a file holds, from the names and shapes of its tensors. Pure.

What a part's `config.json` says follows from the shapes, except how many heads a transformer has: all of the authors'
have 128 numbers for each head, and any other must have a `config.json` beside the file.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.models import architecture
from wanserve.models.architecture import EMBEDDING, TIED_EMBEDDING, Config, Shapes
from wanserve.models.authors_names import (
    authors_name,
    authors_text_encoder_name,
    authors_vae_name,
    gguf_text_encoder_name,
)
from wanserve.models.stored import FORMAT_SUFFIX, MARKER, SCALE_SUFFIXES, UNUSED_SUFFIXES

HEAD_DIM: Final = 128
"""Numbers for each head of the transformers. Source: the authors' configuration files."""

TOKENIZER_TENSOR: Final = "spiece_model"
"""The tensor in which ComfyUI's text encoders have the bytes of the tokenizer's file spiece.model."""

PREFIXES: Final = (
    "model.diffusion_model.",
    "diffusion_model.",
    "text_encoders.umt5xxl.transformer.",
    "text_encoders.umt5xxl.",
    "cond_stage_model.transformer.",
    "first_stage_model.",
    "transformer.",
    "text_encoder.",
    "vae.",
    "",
)
"""What the names of a part's tensors begin with, in files of one part and of all parts."""

ShapeOf = Callable[[str], tuple[int, ...]]
"""The shape of a tensor by the libraries' name of it; () where there is none."""


@dataclass(frozen=True, slots=True)
class FoundPart:
    """A part that a file holds: its configuration, and the libraries' names of its tensors by the file's own.

    The scales of fp8 weights are among them. What is not named is not needed.
    """

    part: str
    config: Config
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """One way to name the tensors of a part. Only its files have a tensor that the libraries call `marker` under that name."""

    part: str
    marker: str
    other: Callable[[str], str]


def _same(name: str) -> str:
    return name


FAMILIES: Final = (
    Family("transformer", "blocks.0.attn1.to_q.weight", _same),
    Family("transformer", "blocks.0.attn1.to_q.weight", authors_name),
    Family("text_encoder", "encoder.block.0.layer.0.SelfAttention.q.weight", _same),
    Family("text_encoder", "encoder.block.0.layer.0.SelfAttention.q.weight", authors_text_encoder_name),
    Family("text_encoder", "encoder.block.0.layer.0.SelfAttention.q.weight", gguf_text_encoder_name),
    Family("vae", "decoder.conv_in.weight", _same),
    Family("vae", "decoder.conv_in.weight", lambda name: authors_vae_name(name, 2)),
)


def recognise(shapes: Mapping[str, tuple[int, ...]], beside: Config) -> list[FoundPart]:
    """The parts that a file with these tensors holds. `beside`: the `config.json` in its folder, or nothing.

    Raises SetupError where the file is of another model, or a tensor has no place.
    """
    groups: dict[str, dict[str, str]] = {}
    for name in shapes:
        prefix = next(prefix for prefix in PREFIXES if name.startswith(prefix))
        groups.setdefault(prefix, {})[name.removeprefix(prefix)] = name
    return [
        _part({bare: shapes[name] for bare, name in names.items()}, names, beside)
        for names in groups.values()
        # A marker beside all parts belongs to none of them.
        if names.keys() - {MARKER}
    ]


def _part(shapes: Mapping[str, tuple[int, ...]], names: Mapping[str, str], beside: Config) -> FoundPart:
    family = next((each for each in FAMILIES if each.other(each.marker) in shapes), None)
    if family is None:
        raise SetupError(
            f"holds no transformer, text encoder or VAE of Wan: its first tensor is {next(iter(names.values()))}"
        )
    config, other = _CONFIGS[family.part](shapes, family.other, beside)
    expected = _TENSORS[family.part](config)
    ours = {other(name): name for name in expected}
    if TIED_EMBEDDING in shapes and EMBEDDING not in shapes:
        ours[TIED_EMBEDDING] = EMBEDDING
    renamed = {ours[name]: shape for name, shape in shapes.items() if name in ours}
    left = next((names[name] for name in shapes if name not in ours and not _is_beside(name, ours)), None)
    if left is not None:
        raise SetupError(f"has {left}, which {_WHAT[family.part]} does not have: it is of another model")
    if wrong := next(architecture.differences(expected, renamed), None):
        raise SetupError(f"holds {_WHAT[family.part]} that {wrong}")
    own = {names[name]: ours[name] for name in shapes if name in ours}
    return FoundPart(family.part, config, own | _scales(names, ours))


def _scales(names: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """The libraries' names of the scales beside fp8 weights, by the file's own."""
    scales = {}
    for bare, name in names.items():
        layer, _, last = bare.rpartition(".")
        if last in SCALE_SUFFIXES and f"{layer}.weight" in ours:
            scales[name] = f"{ours[f'{layer}.weight'].removesuffix('weight')}{last}"
    return scales


def _is_beside(name: str, ours: Mapping[str, str]) -> bool:
    """Whether the tensor says how another one is stored, or is the tokenizer, or one of two names of one embedding."""
    layer, _, last = name.rpartition(".")
    known = (*SCALE_SUFFIXES, *UNUSED_SUFFIXES, FORMAT_SUFFIX)
    return name in (MARKER, TOKENIZER_TENSOR, TIED_EMBEDDING) or (last in known and f"{layer}.weight" in ours)


Found = tuple[Config, Callable[[str], str]]
"""A part's configuration, and how its file names the tensors that the libraries name otherwise."""


def _transformer(shapes: Mapping[str, tuple[int, ...]], other: Callable[[str], str], beside: Config) -> Found:
    def side(name: str, axis: int) -> int:
        return _side(shapes, other(name), axis)

    dim, channels = side("patch_embedding.weight", 0), side("patch_embedding.weight", 1)
    if channels != architecture.TRANSFORMER_DEFAULTS["in_channels"]:
        raise SetupError(f"holds a transformer with {channels} input channels, and those for text-to-video have 16")
    heads = (
        beside.get("num_attention_heads") or beside.get("num_heads") or (dim // HEAD_DIM if dim % HEAD_DIM == 0 else 0)
    )
    if not isinstance(heads, int) or heads < 1 or dim % heads:
        raise SetupError(f"holds a transformer of width {dim}, and no config.json beside it says how many heads it has")
    patch = list(shapes[other("patch_embedding.weight")][2:])
    config = {
        **architecture.TRANSFORMER_DEFAULTS,
        "_class_name": "WanTransformer3DModel",
        "num_attention_heads": heads,
        "attention_head_dim": dim // heads,
        "patch_size": patch,
        "ffn_dim": side("blocks.0.ffn.net.0.proj.weight", 0),
        "text_dim": side("condition_embedder.text_embedder.linear_1.weight", 1),
        "freq_dim": side("condition_embedder.time_embedder.linear_1.weight", 1),
        "out_channels": side("proj_out.weight", 0) // max(1, patch[0] * patch[1] * patch[2] if len(patch) == 3 else 1),
        "num_layers": _count(shapes, lambda number: other(f"blocks.{number}.attn1.to_q.weight")),
    }
    config |= {name: beside[name] for name in ("eps", "rope_max_seq_len") if name in beside}
    return config, other


def _text_encoder(shapes: Mapping[str, tuple[int, ...]], other: Callable[[str], str], _: Config) -> Found:
    def side(name: str, axis: int) -> int:
        return _side(shapes, other(name), axis)

    block = "encoder.block.0.layer"
    embedding = other(EMBEDDING) if other(EMBEDDING) in shapes else other(TIED_EMBEDDING)
    heads = side(f"{block}.0.SelfAttention.relative_attention_bias.weight", 1)
    config = {
        "architectures": ["UMT5EncoderModel"],
        "model_type": "umt5",
        "d_model": side(f"{block}.0.layer_norm.weight", 0),
        "d_kv": side(f"{block}.0.SelfAttention.q.weight", 0) // heads,
        "d_ff": side(f"{block}.1.DenseReluDense.wo.weight", 1),
        "num_heads": heads,
        "num_layers": _count(shapes, lambda number: other(f"encoder.block.{number}.layer.0.SelfAttention.q.weight")),
        "vocab_size": _side(shapes, embedding, 0),
        "relative_attention_num_buckets": side(f"{block}.0.SelfAttention.relative_attention_bias.weight", 0),
        "relative_attention_max_distance": 128,
        "feed_forward_proj": "gated-gelu",
        "dense_act_fn": "gelu_new",
        "is_gated_act": True,
        "is_encoder_decoder": True,
        "tie_word_embeddings": True,
        "layer_norm_epsilon": 1e-06,
        "dropout_rate": 0.1,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }
    return config, other


def _vae(shapes: Mapping[str, tuple[int, ...]], other: Callable[[str], str], beside: Config) -> Found:
    levels = _levels(shapes, other)
    base = _side(shapes, other("encoder.conv_in.weight"), 0)
    blocks = levels[0].blocks
    widths = [level.width // base for level in levels]
    if len({level.blocks for level in levels}) != 1 or blocks < 1:
        raise SetupError("holds the VAE of another model")
    # The authors' names of the decoder depend on how many blocks a level has.
    names = other if other is _same else lambda name: authors_vae_name(name, blocks)
    decoder_base = _side(shapes, names("decoder.norm_out.gamma"), 0) // max(1, widths[0])
    config = {
        **architecture.VAE_DEFAULTS,
        "_class_name": "AutoencoderKLWan",
        "base_dim": base,
        "decoder_base_dim": None if decoder_base == base else decoder_base,
        "z_dim": _side(shapes, names("post_quant_conv.weight"), 0),
        "dim_mult": widths,
        "num_res_blocks": blocks,
        "temperal_downsample": [level.in_time for level in levels[:-1]],
    }
    if config["z_dim"] != architecture.VAE_DEFAULTS["z_dim"]:
        raise SetupError(f"holds a VAE of {config['z_dim']} channels, and that of Wan 2.1 has 16")
    config |= {name: beside[name] for name in ("latents_mean", "latents_std") if name in beside}
    return config, names


@dataclass(frozen=True, slots=True)
class _Level:
    blocks: int
    width: int
    in_time: bool


def _levels(shapes: Mapping[str, tuple[int, ...]], other: Callable[[str], str]) -> list[_Level]:
    """The levels of the VAE's encoder: each ends with a block that halves the picture, the last one without it."""
    levels, blocks, width, number = [], 0, 0, 0
    while True:
        block = f"encoder.down_blocks.{number}"
        if (shape := shapes.get(other(f"{block}.conv1.weight"))) is not None:
            blocks, width = blocks + 1, shape[0]
        else:
            levels.append(_Level(blocks, width, other(f"{block}.time_conv.weight") in shapes))
            blocks = 0
            if other(f"{block}.resample.1.weight") not in shapes:
                return levels
        number += 1


def _side(shapes: Mapping[str, tuple[int, ...]], name: str, axis: int) -> int:
    shape = shapes.get(name, ())
    if axis >= len(shape):
        raise SetupError(f"lacks {name}" if name not in shapes else f"has {name} of a shape of another model")
    return shape[axis]


def _count(shapes: Iterable[str], name: Callable[[int], str]) -> int:
    present, number = set(shapes), 0
    while name(number) in present:
        number += 1
    return number


_CONFIGS: Final = {"transformer": _transformer, "text_encoder": _text_encoder, "vae": _vae}
_TENSORS: Final[Mapping[str, Callable[[Config], Shapes]]] = {
    "transformer": architecture.transformer_tensors,
    "text_encoder": architecture.text_encoder_tensors,
    "vae": architecture.vae_tensors,
}
_WHAT: Final = {"transformer": "a transformer", "text_encoder": "a text encoder", "vae": "a VAE"}
