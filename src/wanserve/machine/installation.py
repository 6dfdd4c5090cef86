"""Reads or makes the id of a data directory, which stays the same when the server is started again."""

import uuid
from pathlib import Path

from wanserve.domain.errors import SetupError
from wanserve.machine.fsync import write_once


def installation_id(data_dir: Path) -> str:
    """Return the id, which the first call makes. Raises SetupError where it can neither be read nor made."""
    path = data_dir / "installation-id"
    try:
        if not path.exists():
            write_once(path, f"{uuid.uuid4()}\n".encode())
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise SetupError(f"cannot use the file {path}: {error}") from error
