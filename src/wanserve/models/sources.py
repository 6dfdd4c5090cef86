"""Reads the files in which people have weights: safetensors, GGUF, and PyTorch's own. Nothing but tensors is ever read.

Each tensor is read in chunks, so that a file of any size takes little memory.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from wanserve.domain.errors import SetupError
from wanserve.models.stored import FP8, GGUF_BLOCKS, PLAIN, gguf_shape
from wanserve.models.tensor_files import read_whole_header, unreadable

CHUNK_BYTES: Final = 2**24
"""How much of a tensor is in memory at a time."""

_GGUF_MAGIC: Final = b"GGUF"
_ZIP_MAGIC: Final = b"PK\x03\x04"
_GGUF_PLAIN: Final = {"F64": "F64", "F32": "F32", "F16": "F16", "BF16": "BF16"}
_ORIGINAL_SHAPE: Final = "comfy.gguf.orig_shape."
"""The shape of a tensor that was stored with fewer sides, as GGUF has at most four. Source: City96's converter."""

TORCH_FORMATS: Final = {
    "torch.float64": "F64",
    "torch.float32": "F32",
    "torch.float16": "F16",
    "torch.bfloat16": "BF16",
    "torch.float8_e4m3fn": "F8_E4M3",
    "torch.float8_e5m2": "F8_E5M2",
    "torch.uint8": "U8",
}


@dataclass(frozen=True, slots=True)
class SourceTensor:
    """A tensor of a file: its format by safetensors' name or GGUF's, its logical shape, its size in bytes, and how it is read.

    `rows` is the shape in which the bytes are stored, which for GGUF's blocks has other sides than `shape`.
    """

    format: str
    shape: tuple[int, ...]
    rows: tuple[int, ...]
    size: int
    chunks: Callable[[], Iterator[bytes]]

    @property
    def dtype(self) -> str:
        """The format in a safetensors file: GGUF's blocks are plain bytes there."""
        return "U8" if self.format in GGUF_BLOCKS else self.format

    def content(self) -> bytes:
        """All of its bytes."""
        return b"".join(self.chunks())


@dataclass(frozen=True, slots=True)
class Source:
    """A file, its tensors by name, and the texts beside them."""

    file: Path
    tensors: Mapping[str, SourceTensor]
    metadata: Mapping[str, str]


def open_source(file: Path) -> Source:
    """Read what the file holds, by its content and not by its name. Raises SetupError, with one line that names the file."""
    try:
        with file.open("rb") as opened:
            begin = opened.read(8)
    except OSError as error:
        raise SetupError(unreadable(file, error)) from error
    if begin.startswith(_GGUF_MAGIC):
        return _gguf(file)
    if begin.startswith(_ZIP_MAGIC):
        return _torch(file)
    if file.suffix in (".pth", ".pt", ".bin", ".ckpt") and not _may_be_safetensors(begin, file):
        raise SetupError(
            f"{file} is not in PyTorch's format of today, and older ones are not read, as they can execute code: "
            "load it where you trust it and save it as safetensors"
        )
    header = read_whole_header(file)
    tensors = {
        name: SourceTensor(
            tensor.dtype,
            tensor.shape,
            tensor.shape,
            tensor.bytes,
            partial(_file_chunks, file, tensor.begin, tensor.bytes),
        )
        for name, tensor in header.tensors.items()
    }
    return Source(file, tensors, header.metadata)


def _may_be_safetensors(begin: bytes, file: Path) -> bool:
    return int.from_bytes(begin, "little") < file.stat().st_size


def _file_chunks(file: Path, begin: int, size: int) -> Iterator[bytes]:
    with file.open("rb") as opened:
        opened.seek(begin)
        for at in range(0, size, CHUNK_BYTES):
            chunk = opened.read(min(CHUNK_BYTES, size - at))
            if len(chunk) < min(CHUNK_BYTES, size - at):
                raise SetupError(f"{file} became shorter while it was read")
            yield chunk


def _gguf(file: Path) -> Source:
    """The tensors of a GGUF file. Raises SetupError."""
    try:
        # Imported here because the library is an extra.
        import gguf  # noqa: PLC0415
    except ImportError:
        raise SetupError(f"{file} is GGUF, and the library for it is missing: pip install 'wanserve[gguf]'") from None
    try:
        read = gguf.GGUFReader(file)
    except (ValueError, KeyError, IndexError, OSError, OverflowError, TypeError) as error:
        raise SetupError(f"{file} is not a whole GGUF file: {str(error).splitlines()[0][:100]}") from error
    size = os.stat(file).st_size  # noqa: PTH116 - the same file that was read
    tensors = {}
    for each in read.tensors:
        if int(each.data_offset) + int(each.n_bytes) > size:
            raise SetupError(f"{file} is cut short: {each.name} would end after its {size} bytes")
        tensors[str(each.name)] = _gguf_tensor(file, each, read)
    return Source(file, tensors, {})


def _gguf_tensor(file: Path, tensor: Any, read: Any) -> SourceTensor:
    """One tensor of a GGUF file, whose sides are listed from the last one on. Raises SetupError for an unknown format."""
    format_, size = str(tensor.tensor_type.name), int(tensor.n_bytes)
    shape = tuple(int(side) for side in reversed(tensor.shape))
    chunks = partial(_file_chunks, file, int(tensor.data_offset), size)
    if format_ in _GGUF_PLAIN:
        original = read.get_field(f"{_ORIGINAL_SHAPE}{tensor.name}")
        if original is not None:
            shape = tuple(int(original.parts[at][0]) for at in original.data)
        return SourceTensor(_GGUF_PLAIN[format_], shape, shape, size, chunks)
    if format_ not in GGUF_BLOCKS:
        raise SetupError(
            f"{file} has {tensor.name} in the format {format_}; those that are read are {', '.join(GGUF_BLOCKS)}"
        )
    numbers, block = GGUF_BLOCKS[format_]
    rows = (*shape[:-1], shape[-1] // numbers * block)
    if gguf_shape(rows, format_) != shape or math.prod(rows) != size:
        raise SetupError(f"{file} has {tensor.name} in blocks that do not fill its rows")
    return SourceTensor(format_, shape, rows, size, chunks)


def _torch(file: Path) -> Source:
    """The tensors of a file that torch.save wrote. Raises SetupError where it holds anything else."""
    # Imported here because the import takes seconds, and only such files need it.
    import torch  # noqa: PLC0415

    try:
        # Mapped and not read, and nothing but tensors is unpickled.
        loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # noqa: BLE001 - torch raises a dozen classes for what is in such a file
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise SetupError(f"{file} is damaged, or holds more than tensors, and is not read: {reason[:160]}") from None
    for name in ("state_dict", "model_state", "model", "module"):
        if isinstance(loaded, dict) and isinstance(loaded.get(name), dict):
            loaded = loaded[name]
    if not isinstance(loaded, dict) or not loaded:
        raise SetupError(f"{file} holds no tensors by name")
    tensors = {}
    for name, tensor in loaded.items():
        format_ = TORCH_FORMATS.get(str(getattr(tensor, "dtype", None)))
        if format_ is None:
            raise SetupError(f"{file} has {name}, which is not a tensor of numbers that are read")
        shape = tuple(tensor.shape)
        size = tensor.numel() * tensor.element_size()
        tensors[str(name)] = SourceTensor(format_, shape, shape, size, partial(_tensor_chunks, tensor))
    return Source(file, tensors, {})


def _tensor_chunks(tensor: Any) -> Iterator[bytes]:
    import torch  # noqa: PLC0415

    flat = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
    for at in range(0, len(flat), CHUNK_BYTES):
        yield flat[at : at + CHUNK_BYTES].tobytes()


def is_weight(format_: str) -> bool:
    """Whether weights may be stored in the format."""
    return format_ in PLAIN or format_ in FP8 or format_ in GGUF_BLOCKS
