"""Compares what two files have in common: their bytes differ, as each says when it was made, and for which task."""

import hashlib
import re
from io import BytesIO
from pathlib import Path

import av


def pictures_of(file: Path | bytes) -> list[str]:
    """The SHA-256 of each picture of a video, or of the one of a still."""
    content = file.read_bytes() if isinstance(file, Path) else file
    with av.open(BytesIO(content), "r") as container:
        return [
            hashlib.sha256(bytes(frame.reformat(format="rgb24").planes[0])).hexdigest()
            for frame in container.decode(video=0)
        ]


def without_id(description: str) -> str:
    """The description in a video's metadata without the id of its task, which ends it."""
    found, count = re.subn(r", id [0-9a-f-]{36}\.$", ".", description)
    assert count == 1, description
    return found
