"""Writes safetensors files for tests: of zeros that take no room on the disk, and changed ones of other files."""

import json
import random
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wanserve.models.tensor_files import header_bytes, read_header

Given = tuple[str, tuple[int, ...], int]
"""The format, the shape and the bytes of a tensor."""

NUMBER_BYTES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1}


def write_zeros(file: Path, tensors: Mapping[str, Given], metadata: Mapping[str, str] | None = None) -> None:
    """Write a file of zeros, which is sparse: it takes no room on the disk, whatever the tensors are."""
    with file.open("wb") as written:
        written.write(header_bytes(tensors, metadata or {"format": "pt"}))
        written.truncate(written.tell() + sum(size for _, _, size in tensors.values()))


def write_shapes(file: Path, shapes: Mapping[str, tuple[int, ...]], dtype: str = "BF16") -> None:
    """Write a file of zeros with tensors of these shapes."""
    write_zeros(file, {name: (dtype, shape, NUMBER_BYTES[dtype] * _product(shape)) for name, shape in shapes.items()})


def write_lora(file: Path, seed: int = 1, rank: int = 2) -> Path:
    """Write a LoRA for the tiny checkpoints, in the layout of diffusers, of numbers large enough to be seen."""
    numbers = random.Random(seed)

    def normal(*shape: int) -> tuple[str, tuple[int, ...], bytes]:
        count = _product(shape)
        return "F32", shape, struct.pack(f"<{count}f", *(numbers.gauss(0, 1) for _ in range(count)))

    layers = [f"transformer.blocks.{block}.{layer}" for block in range(2) for layer in ("attn1.to_q", "attn2.to_v")]
    down = {f"{layer}.lora_A.weight": normal(rank, 24) for layer in layers}
    write_tensors(file, down | {f"{layer}.lora_B.weight": normal(24, rank) for layer in layers})
    return file


def without(file: Path, name: str) -> None:
    """Remove a tensor from a file."""
    tensors = tensors_of(file)
    del tensors[name]
    write_tensors(file, tensors)


def _product(shape: Iterable[int]) -> int:
    product = 1
    for side in shape:
        product *= side
    return product


def tensors_of(file: Path) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """The tensors of a file: format, shape and content."""
    content = file.read_bytes()
    return {name: (t.dtype, t.shape, content[t.begin : t.end]) for name, t in read_header(file).items()}


def write_tensors(
    file: Path, tensors: Mapping[str, tuple[str, tuple[int, ...], bytes]], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a file of these tensors: format, shape and content."""
    listed = {name: (dtype, shape, len(content)) for name, (dtype, shape, content) in tensors.items()}
    content = b"".join(content for _, _, content in tensors.values())
    file.write_bytes(header_bytes(listed, metadata or {"format": "pt"}) + content)


def change_json(file: Path, **settings: Any) -> None:
    """Change settings of a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | settings), "utf-8")
