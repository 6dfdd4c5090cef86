"""Knows how a file becomes durable."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until the file, or the folder's list of names, is on the disk itself. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
