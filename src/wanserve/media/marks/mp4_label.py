"""China's label in the index of an MP4 file: `moov.udta.meta`, key `AIGC`.

FFmpeg writes either this kind of metadata (`movflags=+use_metadata_tags`) or the older one with `©nam` and the like, in
which every player shows the title. So FFmpeg writes the older one, and the label is added here, in a box `meta` of its
own behind it: FFmpeg, ExifTool and MediaInfo then read both.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from wanserve.domain.errors import MediaDamaged
from wanserve.domain.marks import AigcLabel
from wanserve.media.boxes import Part, joined, parts, read_index, replace_index

KEY: Final = b"AIGC"

_NAMESPACE: Final = b"mdta"
"""The namespace of the key, and the handler of the box `meta`. Source: QuickTime File Format, metadata keys."""

_VERSION: Final = bytes(4)
"""The version and the flags that some boxes begin with."""

_HANDLER: Final = Part(b"hdlr", _VERSION + bytes(4) + _NAMESPACE + bytes(12) + b"\0")
_UTF8: Final = struct.pack(">II", 1, 0)
"""The kind and the locale of a value that is a text."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key with its namespace as one box, and its value as the content of an item."""

    key: Part
    value: bytes


def write_label(source: BinaryIO, target: BinaryIO, label: AigcLabel) -> None:
    """Copy the file with this label in its index, in place of one that it has. Raises MediaDamaged."""
    entry = _Entry(Part(_NAMESPACE, KEY), Part(b"data", _UTF8 + label.text.encode()).raw)

    def labelled(index: bytes) -> bytes:
        found = list(parts(index))
        user_data = b"".join(part.content for part in found if part.name == b"udta")
        others = [part for part in found if part.name != b"udta"]
        kept = [_without_label(part) for part in parts(user_data)]
        return joined([*others, Part(b"udta", joined([*filter(None, kept), _metadata([entry])]))])

    replace_index(source, target, labelled)


def read_label(file: BinaryIO) -> AigcLabel | None:
    """The label in the file's index; None where there is none that can be read. Raises MediaDamaged."""
    for part in parts(read_index(file)):
        if part.name != b"udta":
            continue
        for each in parts(part.content):
            for entry in _entries(each):
                if entry.key.content == KEY and (text := _text(entry.value)) is not None:
                    return AigcLabel.read(text)
    return None


def _metadata(entries: Sequence[_Entry]) -> Part:
    keys = _VERSION + struct.pack(">I", len(entries)) + joined(entry.key for entry in entries)
    # The name of each item is the number of its key, from 1 on.
    items = joined(Part(struct.pack(">I", number), entry.value) for number, entry in enumerate(entries, 1))
    return Part(b"meta", _VERSION + joined([_HANDLER, Part(b"keys", keys), Part(b"ilst", items)]))


def _without_label(part: Part) -> Part | None:
    """The box of the user data without a label in it; None where nothing else was in it."""
    entries = _entries(part)
    kept = [entry for entry in entries if entry.key.content != KEY]
    if len(kept) == len(entries):
        return part
    return _metadata(kept) if kept else None


def _entries(part: Part) -> list[_Entry]:
    """The keys and values of a box `meta` of this kind; none of any other box."""
    if part.name != b"meta" or part.content[:4] != _VERSION:
        return []
    within = {each.name: each.content for each in parts(part.content[4:])}
    if within.get(b"hdlr", b"")[8:12] != _NAMESPACE or b"keys" not in within:
        return []
    keys = list(parts(within[b"keys"][8:]))
    entries = []
    for item in parts(within.get(b"ilst", b"")):
        number = int.from_bytes(item.name)
        if not 1 <= number <= len(keys):
            raise MediaDamaged(f"its metadata have a value of key {number}, and {len(keys)} keys")
        entries.append(_Entry(keys[number - 1], item.content))
    return entries


def _text(value: bytes) -> str | None:
    for part in parts(value):
        if part.name == b"data" and part.content[:4] == _UTF8[:4]:
            return part.content[len(_UTF8) :].decode("utf-8", "replace")
    return None
