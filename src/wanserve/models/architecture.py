"""Says which tensors each class of the pipeline has, with their shapes, by its configuration. Pure.

diffusers and transformers only warn of a tensor that is missing, and fill it with random numbers. With these lists the
headers of the files are enough to tell that weights are not whole. Tests compare them with the libraries' own classes.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from wanserve.domain.errors import SetupError

Config = Mapping[str, object]
"""A `config.json`, as the libraries write it."""

Shapes = dict[str, tuple[int, ...]]
"""Tensors by name."""

QK_NORM: Final = "rms_norm_across_heads"

TRANSFORMER_DEFAULTS: Final[Config] = {
    "patch_size": [1, 2, 2],
    "num_attention_heads": 40,
    "attention_head_dim": 128,
    "in_channels": 16,
    "out_channels": 16,
    "text_dim": 4096,
    "freq_dim": 256,
    "ffn_dim": 13824,
    "num_layers": 40,
    "cross_attn_norm": True,
    "qk_norm": QK_NORM,
    "image_dim": None,
    "added_kv_proj_dim": None,
    "pos_embed_seq_len": None,
}
VAE_DEFAULTS: Final[Config] = {
    "base_dim": 96,
    "decoder_base_dim": None,
    "z_dim": 16,
    "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "attn_scales": [],
    "temperal_downsample": [False, True, True],
    "is_residual": False,
    "in_channels": 3,
    "out_channels": 3,
    "patch_size": None,
}
TEXT_ENCODER_DEFAULTS: Final[Config] = {
    "vocab_size": 250112,
    "d_model": 512,
    "d_kv": 64,
    "d_ff": 1024,
    "num_layers": 8,
    "num_heads": 6,
    "relative_attention_num_buckets": 32,
}
"""What the libraries take where a `config.json` does not say it. Source: the signatures of their classes."""

EMBEDDING: Final = "shared.weight"
TIED_EMBEDDING: Final = "encoder.embed_tokens.weight"
"""Two names of one tensor of the text encoder: a file has one of them, or both."""


def transformer_tensors(config: Config) -> Shapes:
    """The tensors of a WanTransformer3DModel for text-to-video. Raises SetupError for any other."""
    read = {**TRANSFORMER_DEFAULTS, **config}
    for name in ("image_dim", "added_kv_proj_dim", "pos_embed_seq_len"):
        if read[name] is not None:
            raise SetupError(f"has {name} {read[name]}: these are image-to-video weights, not text-to-video")
    if read["qk_norm"] != QK_NORM or read["cross_attn_norm"] is not True:
        raise SetupError(
            f"has qk_norm {read['qk_norm']} and cross_attn_norm {read['cross_attn_norm']}, not those of Wan"
        )
    dim = count(read, "num_attention_heads") * count(read, "attention_head_dim")
    patch = tuple(counts(read, "patch_size"))
    shapes: Shapes = {"scale_shift_table": (1, 2, dim)}
    shapes |= _layer("patch_embedding", dim, (count(read, "in_channels"), *patch))
    shapes |= _layer("condition_embedder.time_embedder.linear_1", dim, (count(read, "freq_dim"),))
    shapes |= _layer("condition_embedder.time_embedder.linear_2", dim, (dim,))
    shapes |= _layer("condition_embedder.time_proj", 6 * dim, (dim,))
    shapes |= _layer("condition_embedder.text_embedder.linear_1", dim, (count(read, "text_dim"),))
    shapes |= _layer("condition_embedder.text_embedder.linear_2", dim, (dim,))
    shapes |= _layer("proj_out", count(read, "out_channels") * patch[0] * patch[1] * patch[2], (dim,))
    for number in range(count(read, "num_layers")):
        block = _transformer_block(dim, count(read, "ffn_dim"))
        shapes |= {f"blocks.{number}.{name}": shape for name, shape in block.items()}
    return shapes


def _transformer_block(dim: int, ffn: int) -> Shapes:
    shapes: Shapes = {"scale_shift_table": (1, 6, dim), "norm2.weight": (dim,), "norm2.bias": (dim,)}
    for attention in ("attn1", "attn2"):
        for matrix in ("to_q", "to_k", "to_v", "to_out.0"):
            shapes |= _layer(f"{attention}.{matrix}", dim, (dim,))
        shapes |= {f"{attention}.norm_q.weight": (dim,), f"{attention}.norm_k.weight": (dim,)}
    return shapes | _layer("ffn.net.0.proj", ffn, (dim,)) | _layer("ffn.net.2", dim, (ffn,))


def text_encoder_tensors(config: Config) -> Shapes:
    """The tensors of a UMT5EncoderModel, with one of the two names of its embedding. Raises SetupError."""
    read = {**TEXT_ENCODER_DEFAULTS, **config}
    width, ffn = count(read, "d_model"), count(read, "d_ff")
    heads = count(read, "num_heads")
    inner = heads * count(read, "d_kv")
    buckets = count(read, "relative_attention_num_buckets")
    shapes: Shapes = {EMBEDDING: (count(read, "vocab_size"), width), "encoder.final_layer_norm.weight": (width,)}
    for number in range(count(read, "num_layers")):
        block = f"encoder.block.{number}.layer"
        for matrix in ("q", "k", "v"):
            shapes[f"{block}.0.SelfAttention.{matrix}.weight"] = (inner, width)
        shapes[f"{block}.0.SelfAttention.o.weight"] = (width, inner)
        shapes[f"{block}.0.SelfAttention.relative_attention_bias.weight"] = (buckets, heads)
        shapes[f"{block}.0.layer_norm.weight"] = (width,)
        for matrix in ("wi_0", "wi_1"):
            shapes[f"{block}.1.DenseReluDense.{matrix}.weight"] = (ffn, width)
        shapes[f"{block}.1.DenseReluDense.wo.weight"] = (width, ffn)
        shapes[f"{block}.1.layer_norm.weight"] = (width,)
    return shapes


def vae_tensors(config: Config) -> Shapes:
    """The tensors of an AutoencoderKLWan as Wan 2.1 has it. Raises SetupError for any other."""
    read = {**VAE_DEFAULTS, **config}
    if read["is_residual"] or read["patch_size"] is not None or read["attn_scales"]:
        raise SetupError("describes the VAE of another model, not that of Wan 2.1")
    latent = count(read, "z_dim")
    shapes = _layer("quant_conv", 2 * latent, (2 * latent, 1, 1, 1)) | _layer(
        "post_quant_conv", latent, (latent, 1, 1, 1)
    )
    shapes |= {f"encoder.{name}": shape for name, shape in _vae_encoder(read, latent).items()}
    return shapes | {f"decoder.{name}": shape for name, shape in _vae_decoder(read, latent).items()}


def _vae_encoder(read: Config, latent: int) -> Shapes:
    base, factors = count(read, "base_dim"), counts(read, "dim_mult")
    widths = [base, *(base * factor for factor in factors)]
    in_time = _flags(read, "temperal_downsample", len(factors) - 1)
    shapes = _layer("conv_in", widths[0], (count(read, "in_channels"), 3, 3, 3))
    number = 0
    for level, width in enumerate(widths[1:]):
        for each in range(count(read, "num_res_blocks")):
            shapes |= _residual(f"down_blocks.{number}", widths[level] if each == 0 else width, width)
            number += 1
        if level < len(factors) - 1:
            shapes |= _layer(f"down_blocks.{number}.resample.1", width, (width, 3, 3))
            if in_time[level]:
                shapes |= _layer(f"down_blocks.{number}.time_conv", width, (width, 3, 1, 1))
            number += 1
    return shapes | _vae_middle(widths[-1]) | _vae_end(widths[-1], 2 * latent)


def _vae_decoder(read: Config, latent: int) -> Shapes:
    base = count(read, "base_dim" if read["decoder_base_dim"] is None else "decoder_base_dim")
    factors = counts(read, "dim_mult")[::-1]
    widths = [base * factors[0], *(base * factor for factor in factors)]
    in_time = _flags(read, "temperal_downsample", len(factors) - 1)[::-1]
    shapes = _layer("conv_in", widths[0], (latent, 3, 3, 3)) | _vae_middle(widths[0])
    for level, width in enumerate(widths[1:]):
        # Each upsampling halves the width.
        begins = widths[level] // 2 if level > 0 else widths[level]
        for each in range(count(read, "num_res_blocks") + 1):
            shapes |= _residual(f"up_blocks.{level}.resnets.{each}", begins if each == 0 else width, width)
        if level < len(factors) - 1:
            upsampler = f"up_blocks.{level}.upsamplers.0"
            shapes |= _layer(f"{upsampler}.resample.1", width // 2, (width, 3, 3))
            if in_time[level]:
                shapes |= _layer(f"{upsampler}.time_conv", 2 * width, (width, 3, 1, 1))
    return shapes | _vae_end(widths[-1], count(read, "out_channels"))


def _vae_middle(width: int) -> Shapes:
    attention = "mid_block.attentions.0"
    shapes = _residual("mid_block.resnets.0", width, width) | _residual("mid_block.resnets.1", width, width)
    shapes |= {f"{attention}.norm.gamma": (width, 1, 1)}
    return (
        shapes
        | _layer(f"{attention}.to_qkv", 3 * width, (width, 1, 1))
        | _layer(f"{attention}.proj", width, (width, 1, 1))
    )


def _vae_end(width: int, channels: int) -> Shapes:
    return {"norm_out.gamma": (width, 1, 1, 1)} | _layer("conv_out", channels, (width, 3, 3, 3))


def _residual(name: str, begins: int, ends: int) -> Shapes:
    shapes: Shapes = {f"{name}.norm1.gamma": (begins, 1, 1, 1), f"{name}.norm2.gamma": (ends, 1, 1, 1)}
    shapes |= _layer(f"{name}.conv1", ends, (begins, 3, 3, 3)) | _layer(f"{name}.conv2", ends, (ends, 3, 3, 3))
    if begins != ends:
        shapes |= _layer(f"{name}.conv_shortcut", ends, (begins, 1, 1, 1))
    return shapes


def _layer(name: str, outputs: int, inputs: tuple[int, ...]) -> Shapes:
    """A matrix or a convolution with its bias."""
    return {f"{name}.weight": (outputs, *inputs), f"{name}.bias": (outputs,)}


def count(config: Config, name: str) -> int:
    """A setting that counts something. Raises SetupError unless it is a positive whole number."""
    found = config.get(name)
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise SetupError(f"has {name} {found!r}, which is not a positive whole number")
    return found


def counts(config: Config, name: str) -> list[int]:
    """A setting that is a list of counts. Raises SetupError."""
    found = config.get(name)
    if not isinstance(found, list | tuple) or not found:
        raise SetupError(f"has {name} {found!r}, which is not a list of numbers")
    return [count({name: each}, name) for each in found]


def _flags(config: Config, name: str, length: int) -> list[bool]:
    found = config.get(name)
    if not isinstance(found, list | tuple) or len(found) != length or not all(isinstance(each, bool) for each in found):
        raise SetupError(f"has {name} {found!r}, which is not a list of {length} booleans")
    return list(found)


def differences(expected: Shapes, found: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    """In which tensors the two differ, each as a few words, missing ones first."""
    for name in expected:
        if name not in found:
            yield f"lacks {name}"
    for name in found:
        if name not in expected:
            yield f"has {name}, which this model does not have"
    for name, shape in expected.items():
        if name in found and found[name] != shape:
            yield f"has {name} of shape {_text(found[name])} instead of {_text(shape)}"


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "()"
