"""Tells what a file says of where it comes from; also of files that others made.

As a program, `python -m wanserve.media.marks.inspection FILE`: the answer is JSON, and certificates in PEM that are
trusted come on standard input. It is a program because what reads foreign files should not share a process with keys.
"""

import hashlib
import json
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Final

import av

from wanserve.domain.errors import MarksFailed, MediaFailed
from wanserve.domain.marks import AigcLabel
from wanserve.domain.task import Variant
from wanserve.media.marks import credentials, mp4_label, xmp
from wanserve.media.marks.credentials import Credentials

PICTURE_BYTES: Final = 256 * 1024 * 1024
"""A longer picture is not searched for labels: it is read into memory."""

TAGS: Final = ("title", "artist", "comment", "description")
"""The metadata tags that our videos have, and that survive when FFmpeg encodes one again."""

_READ: Final = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts", "protocol_whitelist": "file"}
"""Containers of videos, and no list of other files: a list may name one of another machine."""

_HEAD_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in a file. `kind` is its media type, "" where it is of none that is known.

    `source` is the URI of the digital source type in its metadata, and `program` what made it by them. `problems` say what could not be read.
    """

    sha256: str
    kind: str
    tags: dict[str, str]
    label: AigcLabel | None
    source: str
    program: str
    credentials: Credentials | None
    problems: list[str]


def inspect(path: Path, trusted: bytes = b"") -> Findings:
    """Read the file. `trusted` are certificates in PEM that are trusted as roots. Raises OSError."""
    problems: list[str] = []
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        kind = _kind_of(file.read(_HEAD_BYTES))
        labels = xmp.PictureLabels(None, "", "")
        try:
            labels = _labels(file, kind) or labels
        except MediaFailed as error:
            problems.append(str(error))
        found = None
        try:
            found = credentials.read(file, kind.media_type if kind else "", trusted)
        except MarksFailed as error:
            problems.append(str(error))
    media_type = kind.media_type if kind else ""
    return Findings(sha256, media_type, _tags(path), labels.label, labels.source, labels.program, found, problems)


def _kind_of(head: bytes) -> Variant | None:
    if head[4:8] == b"ftyp":
        return Variant.VIDEO
    if head.startswith(b"\xff\xd8\xff"):
        return Variant.SPRITESHEET
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Variant.THUMBNAIL
    return Variant.PREVIEW if head.startswith(b"\x89PNG\r\n\x1a\n") else None


def _labels(file: BinaryIO, kind: Variant | None) -> xmp.PictureLabels | None:
    """The labels in the metadata; None where there are none. Raises MediaDamaged."""
    file.seek(0)
    if kind is None:
        return None
    if kind is Variant.VIDEO:
        return xmp.PictureLabels(mp4_label.read_label(file), "", "")
    return xmp.read_labels(file.read(PICTURE_BYTES), kind)


def _tags(path: Path) -> dict[str, str]:
    """The tags of TAGS that a video has, in whatever container; none of what FFmpeg does not read."""
    opened = suppress(av.FFmpegError, OSError)
    with opened, av.open(str(path.absolute()), "r", metadata_errors="replace", options=_READ) as container:
        # Matroska writes the names in capitals.
        found = {name.lower(): text for name, text in container.metadata.items()}
        return {name: found[name] for name in TAGS if name in found}
    return {}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(inspect(Path(sys.argv[1]), sys.stdin.buffer.read()))))
