"""The names that the models' authors give to a transformer's tensors, which ComfyUI's files and most LoRAs have. Pure.

Source: `wan/modules/model.py` of Wan-Video/Wan2.1. A test compares the names with those of diffusers' own converter.
"""

import re
from collections.abc import Iterable
from typing import Final

_PARTS: Final = (
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


def authors_name(name: str) -> str:
    """The authors' name of a tensor that diffusers calls `name`."""
    for ours, theirs in _PARTS:
        name = re.sub(ours, theirs, name)
    return name


def by_authors_names(names: Iterable[str]) -> dict[str, str]:
    """Diffusers' names, by the authors' names."""
    return {authors_name(name): name for name in names}
