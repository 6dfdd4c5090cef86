"""Writes safetensors files for tests: of zeros that take no room on the disk, and changed ones of other files."""

import json
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
