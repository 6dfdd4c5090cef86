"""Reads the boxes of an MP4 file (ISO 14496-12), and replaces its index, whose offsets into the file then move."""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from wanserve.domain.errors import MediaDamaged

HEADER: Final = 8
"""How many bytes the header of a box has: the size of the whole box, and its name."""

LONG_HEADER: Final = 16
"""How many bytes the header has where the size does not fit in four bytes."""

INDEX_BYTES: Final = 64 * 1024 * 1024
"""A longer index is refused: it is read into memory. That of two hours has some megabytes."""

_TABLES: Final = frozenset((b"trak", b"mdia", b"minf", b"stbl", b"traf"))
"""The boxes between an index, or a fragment, and the boxes with offsets."""

_COPY_BYTES: Final = 1024 * 1024

_BASE_OFFSET: Final = 0x01
"""The flag of a `tfhd` box that has an offset."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box is: its name, its first byte, its whole length, and the length of its header, in bytes."""

    name: bytes
    start: int
    length: int
    header: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Part:
    """A box in memory: its name, and what is behind its header."""

    name: bytes
    content: bytes

    @property
    def raw(self) -> bytes:
        """The whole box."""
        return struct.pack(">I4s", HEADER + len(self.content), self.name) + self.content


def outermost(file: BinaryIO) -> list[Box]:
    """The file's outermost boxes, in order. Raises MediaDamaged where they do not fill the file to its last byte."""
    size = file.seek(0, 2)
    found: list[Box] = []
    position = 0
    while position < size:
        file.seek(position)
        name, length, header = _read_header(file.read(LONG_HEADER))
        if length < header or position + length > size:
            raise MediaDamaged(f"no whole MP4 box at byte {position} of {size}")
        found.append(Box(name, position, length, header))
        position += length
    return found


def parts(content: bytes) -> Iterator[Part]:
    """The boxes within a box, whose content this is. Raises MediaDamaged where they do not fill it."""
    position = 0
    while position < len(content):
        name, length, header = _read_header(content[position : position + LONG_HEADER])
        if length < header or position + length > len(content):
            raise MediaDamaged("no whole MP4 box within another one")
        yield Part(name, content[position + header : position + length])
        position += length


def joined(found: Iterable[Part]) -> bytes:
    """The content of a box with these boxes in it."""
    return b"".join(part.raw for part in found)


def _read_header(head: bytes) -> tuple[bytes, int, int]:
    """The name, the whole length and the length of the header of the box that starts here; length 0 where none does."""
    if len(head) < HEADER:
        return b"", 0, HEADER
    length, name = struct.unpack_from(">I4s", head)
    if length != 1:
        return name, length, HEADER
    return name, int.from_bytes(head[HEADER:LONG_HEADER]), LONG_HEADER


def read_index(file: BinaryIO) -> bytes:
    """The content of the file's `moov` box. Raises MediaDamaged where it has none, or several."""
    return _content(file, _index_of(outermost(file)))


def replace_index(source: BinaryIO, target: BinaryIO, change: Callable[[bytes], bytes]) -> None:
    """Copy the file, with what `change` makes of the content of its `moov` box.

    The offsets into what is behind that box move with it. Raises MediaDamaged where the file is not a whole MP4, or where
    an offset no longer fits.
    """
    boxes = outermost(source)
    index = _index_of(boxes)
    # Written once more without a change, as a box may have had a longer header than it needs.
    after = _Shift(0, 0).applied(change(_content(source, index)))
    shift = _Shift(index.end, HEADER + len(after) - index.length)
    moved = Part(b"moov", shift.applied(after))
    for box in boxes:
        if box is index:
            target.write(moved.raw)
        elif box.name == b"moof":
            source.seek(box.start)
            target.write(source.read(box.header) + shift.applied(_content(source, box)))
        elif box.name == b"mfra":
            # It only repeats where the fragments are. Players that do not find it look for them.
            target.write(Part(b"free", bytes(box.length - HEADER)).raw)
        else:
            source.seek(box.start)
            _copy(source, target, box.length)


def _index_of(boxes: Iterable[Box]) -> Box:
    found = [box for box in boxes if box.name == b"moov"]
    if len(found) != 1 or found[0].length > INDEX_BYTES:
        raise MediaDamaged(f"it has {len(found)} MP4 indexes of a usable size instead of 1")
    return found[0]


def _content(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.start + box.header)
    return file.read(box.length - box.header)


def _copy(source: BinaryIO, target: BinaryIO, length: int) -> None:
    while length:
        some = source.read(min(length, _COPY_BYTES))
        if not some:
            raise MediaDamaged("it became shorter while it was read")
        target.write(some)
        length -= len(some)


@dataclass(frozen=True, slots=True)
class _Shift:
    """How far the bytes of a file move that are at `start` or behind it."""

    start: int
    by: int

    def applied(self, content: bytes) -> bytes:
        """The content of an index or of a fragment, with its offsets moved."""
        return joined(Part(part.name, self._in(part)) for part in parts(content))

    def _in(self, part: Part) -> bytes:
        if part.name in _TABLES:
            return self.applied(part.content)
        move = _MOVES.get(part.name)
        return part.content if move is None else move(self, part.content)

    def offsets(self, content: bytes, code: str) -> bytes:
        """A table of offsets: four bytes of version and flags, the number of offsets, and the offsets."""
        try:
            (count,) = struct.unpack_from(">I", content, 4)
            found = struct.unpack_from(f">{count}{code}", content, 8)
            return content[:8] + struct.pack(f">{count}{code}", *map(self._moved, found))
        except struct.error as error:
            raise MediaDamaged(f"a table of offsets cannot be used: {error}") from error

    def base_offset(self, content: bytes) -> bytes:
        """The header of a fragment of a track, which may have an offset behind its flags and the track's number."""
        if len(content) < 16 or not content[3] & _BASE_OFFSET:
            return content
        (offset,) = struct.unpack_from(">Q", content, 8)
        return content[:8] + struct.pack(">Q", self._moved(offset)) + content[16:]

    def _moved(self, offset: int) -> int:
        return offset + self.by if offset >= self.start else offset


_MOVES: Final[Mapping[bytes, Callable[[_Shift, bytes], bytes]]] = {
    b"stco": lambda shift, content: shift.offsets(content, "I"),
    b"co64": lambda shift, content: shift.offsets(content, "Q"),
    b"tfhd": _Shift.base_offset,
}
