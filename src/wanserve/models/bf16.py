"""Converts a text encoder from fp32 to bf16, file by file, in little memory."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from wanserve.models.tensor_files import Tensor, header_bytes, read_header, read_json, write_json
from wanserve.models.weights import CONFIG, PART_SPECS, check_part, weight_files

SHARD_BYTES: Final = 5 * 10**9
"""Bytes of each file of the converted text encoder."""

CHUNK_BYTES: Final = 2**24
"""How much is converted at a time."""


def to_bf16(part: Path, target: Path, report: Callable[[int], None], shard_bytes: int = SHARD_BYTES) -> None:
    """Write the text encoder in `part` to the new folder `target`, each fp32 number rounded to bf16.

    Names and shapes stay as they are, in files of at most `shard_bytes` bytes or of one tensor. Only `CHUNK_BYTES` bytes
    are in memory at a time. Calls `report` with the number of bytes after each write. Raises SetupError and OSError.
    """
    target.mkdir()
    shards: list[dict[str, tuple[Path, Tensor]]] = [{}]
    room = shard_bytes
    for file in sorted(weight_files(part, PART_SPECS["text_encoder"])):
        for name, tensor in sorted(read_header(file).items(), key=lambda item: item[1].begin):
            room -= _converted_bytes(tensor)
            if room < 0 and shards[-1]:
                shards.append({})
                room = shard_bytes - _converted_bytes(tensor)
            shards[-1][name] = (file, tensor)
    size = sum(_converted_bytes(tensor) for tensors in shards for _, tensor in tensors.values())
    weight_map: dict[str, str] = {}
    for number, tensors in enumerate(shards, 1):
        file = target / f"model-{number:05}-of-{len(shards):05}.safetensors"
        _write_shard(file, tensors, report)
        weight_map |= dict.fromkeys(tensors, file.name)
    write_json(target / "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": weight_map})
    config = read_json(part / CONFIG) | {"dtype": "bfloat16"}
    config.pop("torch_dtype", None)
    write_json(target / CONFIG, config)
    check_part(target, PART_SPECS["text_encoder"])


def converted_size(part: Path) -> int:
    """How many bytes `to_bf16` writes for this text encoder, without headers. Raises SetupError."""
    files = weight_files(part, PART_SPECS["text_encoder"])
    return sum(_converted_bytes(tensor) for file in files for tensor in read_header(file).values())


def _write_shard(file: Path, tensors: dict[str, tuple[Path, Tensor]], report: Callable[[int], None]) -> None:
    """Write a safetensors file of these tensors: the header's length, the header, and the numbers one after another."""
    formats = {"F32": "BF16"}
    listed = {
        name: (formats.get(tensor.dtype, tensor.dtype), tensor.shape, _converted_bytes(tensor))
        for name, (_, tensor) in tensors.items()
    }
    with file.open("wb") as written:
        written.write(header_bytes(listed, {"format": "pt"}))
        for source, tensor in tensors.values():
            for chunk in _converted_chunks(source, tensor):
                report(written.write(chunk))
        written.flush()
        os.fsync(written.fileno())


def _converted_chunks(source: Path, tensor: Tensor) -> Iterator[bytes]:
    with source.open("rb") as opened:
        opened.seek(tensor.begin)
        for begin in range(tensor.begin, tensor.end, CHUNK_BYTES):
            chunk = opened.read(min(CHUNK_BYTES, tensor.end - begin))
            yield round_to_bf16(chunk) if tensor.dtype == "F32" else chunk


def round_to_bf16(numbers: bytes) -> bytes:
    """Round fp32 numbers to the nearest bf16, ties to even, as torch does."""
    bits = np.frombuffer(numbers, "<u4")
    # bf16 is the upper half of fp32. Rounding up a number that is too large gives infinity without special care.
    upper = ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype("<u2")
    upper[(bits & 0x7FFFFFFF) > 0x7F800000] = 0x7FC0
    return bytes(upper.tobytes())


def _converted_bytes(tensor: Tensor) -> int:
    return tensor.bytes // (2 if tensor.dtype == "F32" else 1)
