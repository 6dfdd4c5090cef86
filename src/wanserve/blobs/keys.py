"""Which texts are keys of stored files."""

import re
from typing import Final

OWNER: Final = "database-id"
"""The key of the file with the id of the database that the files belong to."""

_PART: Final = re.compile(r"[A-Za-z0-9._-]+")


def parts_of(key: str) -> list[str] | None:
    """The parts of a key between its slashes; None where the text is no key, such as one that leads out of the store."""
    parts = key.split("/")
    return None if any(part in {".", ".."} or not _PART.fullmatch(part) for part in parts) else parts


def require_key(key: str) -> None:
    """Raise ValueError where the text is no key."""
    if parts_of(key) is None:
        raise ValueError(f"not a key: {key!r}")
