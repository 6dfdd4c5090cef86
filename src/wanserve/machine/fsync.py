"""Writes files durably: a file is complete and synced before another process can see it."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until the file, or the list of names in the folder, is on the disk itself. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_once(path: Path, content: bytes) -> None:
    """Write the whole file or nothing, readable by its owner only. A file that exists already is left as it is.

    Raises OSError.
    """
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}~")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link does not replace a file that another process has made meanwhile and may have used.
        with suppress(FileExistsError):
            path.hardlink_to(unfinished)
    finally:
        unfinished.unlink()
    sync(path.parent)
