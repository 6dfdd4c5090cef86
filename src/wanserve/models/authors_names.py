"""The names that others give to the tensors of a pipeline: the models' authors, ComfyUI's files and GGUF. Pure.

Sources: `wan/modules/model.py`, `vae.py` and `t5.py` of Wan-Video/Wan2.1, and llama.cpp's names of T5. Tests compare the
names of the transformer and of the VAE with those of diffusers' own converters, and T5's with those of the library gguf.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

_Renames = tuple[tuple[str, str], ...]

_TRANSFORMER: Final[_Renames] = (
    (r"^condition_embedder\.time_embedder\.linear_1\b", "time_embedding.0"),
    (r"^condition_embedder\.time_embedder\.linear_2\b", "time_embedding.2"),
    (r"^condition_embedder\.text_embedder\.linear_1\b", "text_embedding.0"),
    (r"^condition_embedder\.text_embedder\.linear_2\b", "text_embedding.2"),
    (r"^condition_embedder\.time_proj\b", "time_projection.1"),
    (r"^scale_shift_table$", "head.modulation"),
    (r"^proj_out\b", "head.head"),
    (r"\.scale_shift_table$", ".modulation"),
    (r"\.attn1\.", ".self_attn."),
    (r"\.attn2\.", ".cross_attn."),
    (r"\.to_([qkv])\b", r".\1"),
    (r"\.to_out\.0\b", ".o"),
    (r"\.norm2\b", ".norm3"),
    (r"\.ffn\.net\.0\.proj\b", ".ffn.0"),
    (r"\.ffn\.net\.2\b", ".ffn.2"),
)
"""What the authors say for a part of diffusers' name. Their norm1 and norm2 have no tensors."""

_VAE: Final[_Renames] = (
    (r"^quant_conv\b", "conv1"),
    (r"^post_quant_conv\b", "conv2"),
    (r"\.conv_in\b", ".conv1"),
    (r"\.norm_out\b", ".head.0"),
    (r"\.conv_out\b", ".head.2"),
    (r"\.mid_block\.resnets\.0\b", ".middle.0"),
    (r"\.mid_block\.attentions\.0\b", ".middle.1"),
    (r"\.mid_block\.resnets\.1\b", ".middle.2"),
    (r"^encoder\.down_blocks\b", "encoder.downsamples"),
    (r"(middle\.[02]|samples\.\d+)\.norm1\b", r"\1.residual.0"),
    (r"(middle\.[02]|samples\.\d+)\.conv1\b", r"\1.residual.2"),
    (r"(middle\.[02]|samples\.\d+)\.norm2\b", r"\1.residual.3"),
    (r"(middle\.[02]|samples\.\d+)\.conv2\b", r"\1.residual.6"),
    (r"\.conv_shortcut\b", ".shortcut"),
)
_VAE_BLOCK: Final = re.compile(r"^decoder\.up_blocks\.(?P<level>\d+)\.(?P<kind>resnets|upsamplers)\.(?P<number>\d+)")

_TEXT_ENCODER: Final[_Renames] = (
    (r"^shared\b", "token_embedding"),
    (r"^encoder\.final_layer_norm\b", "norm"),
    (
        r"^encoder\.block\.(\d+)\.layer\.0\.SelfAttention\.relative_attention_bias\b",
        r"blocks.\1.pos_embedding.embedding",
    ),
    (r"^encoder\.block\.(\d+)\.layer\.0\.SelfAttention\.", r"blocks.\1.attn."),
    (r"^encoder\.block\.(\d+)\.layer\.0\.layer_norm\b", r"blocks.\1.norm1"),
    (r"^encoder\.block\.(\d+)\.layer\.1\.DenseReluDense\.wi_0\b", r"blocks.\1.ffn.gate.0"),
    (r"^encoder\.block\.(\d+)\.layer\.1\.DenseReluDense\.wi_1\b", r"blocks.\1.ffn.fc1"),
    (r"^encoder\.block\.(\d+)\.layer\.1\.DenseReluDense\.wo\b", r"blocks.\1.ffn.fc2"),
    (r"^encoder\.block\.(\d+)\.layer\.1\.layer_norm\b", r"blocks.\1.norm2"),
)
_TEXT_ENCODER_GGUF: Final[_Renames] = (
    (r"^shared\b", "token_embd"),
    (r"^encoder\.final_layer_norm\b", "enc.output_norm"),
    (r"^encoder\.block\.(\d+)\.layer\.0\.SelfAttention\.relative_attention_bias\b", r"enc.blk.\1.attn_rel_b"),
    (r"^encoder\.block\.(\d+)\.layer\.0\.SelfAttention\.([qkvo])\b", r"enc.blk.\1.attn_\2"),
    (r"^encoder\.block\.(\d+)\.layer\.0\.layer_norm\b", r"enc.blk.\1.attn_norm"),
    (r"^encoder\.block\.(\d+)\.layer\.1\.DenseReluDense\.wi_0\b", r"enc.blk.\1.ffn_gate"),
    (r"^encoder\.block\.(\d+)\.layer\.1\.DenseReluDense\.wi_1\b", r"enc.blk.\1.ffn_up"),
    (r"^encoder\.block\.(\d+)\.layer\.1\.DenseReluDense\.wo\b", r"enc.blk.\1.ffn_down"),
    (r"^encoder\.block\.(\d+)\.layer\.1\.layer_norm\b", r"enc.blk.\1.ffn_norm"),
)


def authors_name(name: str) -> str:
    """The authors' name of a transformer's tensor that diffusers calls `name`."""
    return _renamed(name, _TRANSFORMER)


def authors_vae_name(name: str, res_blocks: int) -> str:
    """The authors' name of a VAE's tensor that diffusers calls `name`. `res_blocks`: those of each level of the encoder."""

    def in_one_list(found: re.Match[str]) -> str:
        # The authors count the decoder's blocks and upsamplers in one list: a level has one block more than the
        # encoder's, and one upsampler.
        first = int(found["level"]) * (res_blocks + 2)
        return f"decoder.upsamples.{first + (int(found['number']) if found['kind'] == 'resnets' else res_blocks + 1)}"

    return _renamed(_VAE_BLOCK.sub(in_one_list, name), _VAE)


def authors_text_encoder_name(name: str) -> str:
    """The authors' name of a text encoder's tensor that transformers calls `name`."""
    return _renamed(name, _TEXT_ENCODER)


def gguf_text_encoder_name(name: str) -> str:
    """llama.cpp's name of a text encoder's tensor that transformers calls `name`."""
    return _renamed(name, _TEXT_ENCODER_GGUF)


def by_other_names(names: Iterable[str], other: Callable[[str], str]) -> dict[str, str]:
    """The libraries' names, by the names that `other` makes of them."""
    return {other(name): name for name in names}


def _renamed(name: str, renames: _Renames) -> str:
    for ours, theirs in renames:
        name = re.sub(ours, theirs, name)
    return name
