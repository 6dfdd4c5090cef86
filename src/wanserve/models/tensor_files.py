"""Reads the headers of safetensors files, and JSON files beside them. It reads no tensor.

The server's process uses this module too, so it needs neither torch nor safetensors.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from wanserve.domain.errors import SetupError

_LONGEST_HEADER: Final = 100_000_000
"""Bytes. Source: safetensors refuses a longer one."""

_LFS_POINTER: Final = b"version https://git-lfs"

_METADATA: Final = "__metadata__"


class _HeaderEntry(TypedDict):
    """What the header of a safetensors file says of one tensor. The offsets count from the end of the header."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor in its file's header: safetensors' name of the format ("F32", "BF16"), the shape, and the byte range."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def bytes(self) -> int:
        """How many bytes it takes in its file."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Header:
    """What a safetensors file says of itself: its tensors by name, and the texts that its maker wrote beside them."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def read_header(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises SetupError where it is damaged or its size does not fit its header."""
    return dict(read_whole_header(file).tensors)


def read_whole_header(file: Path) -> Header:
    """The tensors and the metadata of a safetensors file. Raises SetupError as `read_header` does."""
    try:
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            first_bytes = opened.read(len(_LFS_POINTER))
            opened.seek(0)
            length = int.from_bytes(opened.read(8), "little")
            text = opened.read(length) if length <= min(_LONGEST_HEADER, size - 8) else b""
    except OSError as error:
        raise SetupError(unreadable(file, error)) from error
    if first_bytes == _LFS_POINTER:
        raise SetupError(f"{file} is a pointer of Git LFS, not the weights: run `git lfs pull` in its repository")
    try:
        entries = json.loads(text)
        metadata = {str(key): str(text) for key, text in (entries.pop(_METADATA, None) or {}).items()}
        tensors = _tensors(entries, 8 + length)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SetupError(f"{file} is not a safetensors file, or its header is damaged") from error
    expected = max((tensor.end for tensor in tensors.values()), default=8 + length)
    if size != expected:
        problem = "cut short" if size < expected else "longer than its header says"
        raise SetupError(f"{file} is {problem}: {size} bytes instead of {expected}")
    return Header(tensors, metadata)


def _tensors(header: Mapping[str, _HeaderEntry], data_start: int) -> dict[str, Tensor]:
    """The tensors that the header lists. Their data begin at byte `data_start` of the file."""
    return {
        name: Tensor(
            str(entry["dtype"]),
            tuple(int(side) for side in entry["shape"]),
            data_start + int(entry["data_offsets"][0]),
            data_start + int(entry["data_offsets"][1]),
        )
        for name, entry in header.items()
    }


def header_bytes(tensors: Mapping[str, tuple[str, tuple[int, ...], int]], metadata: Mapping[str, str]) -> bytes:
    """The beginning of a safetensors file whose tensors follow in this order, each given as format, shape and bytes."""
    header: dict[str, object] = {_METADATA: dict(metadata)}
    end = 0
    for name, (dtype, shape, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": (end, end + size)}
        end += size
    text = json.dumps(header, separators=(",", ":")).encode()
    # Numbers of eight bytes stay aligned.
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def read_json(file: Path) -> dict[str, object]:
    """Read the JSON object in the file. Raises SetupError."""
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise SetupError(unreadable(file, error)) from error
    except ValueError as error:
        raise SetupError(f"{file} is not valid JSON") from error
    if not isinstance(content, dict):
        raise SetupError(f"{file} does not hold a JSON object")
    return content


def is_json_object(file: Path) -> bool:
    """Whether the file begins and ends as a JSON object does, which one that was cut short does not."""
    with file.open("rb") as opened:
        begin = opened.read(64).lstrip()
        opened.seek(max(0, file.stat().st_size - 64))
        return begin.startswith(b"{") and opened.read().rstrip().endswith(b"}")


def write_json(file: Path, content: Mapping[str, object]) -> None:
    """Write the content, durably. Raises OSError."""
    with file.open("w", encoding="utf-8") as opened:
        json.dump(content, opened, indent=2)
        opened.flush()
        os.fsync(opened.fileno())


def unreadable(file: Path, error: OSError) -> str:
    """Why the file could not be read, as one line."""
    if isinstance(error, FileNotFoundError):
        return f"{file} is missing: the weights are not complete"
    return f"{file} cannot be read: {error.strerror}"


def is_file(path: Path) -> bool:
    """Whether there is a file at the path."""
    return os.path.isfile(path)  # noqa: PTH113 - Path raises in a folder without read permission
