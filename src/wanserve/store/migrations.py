"""Finds the numbered migrations of a store."""

import re
from importlib.resources import files
from typing import Final

_NUMBERED: Final = re.compile(r"(\d{4})_\w+\.sql")


def read_migrations(package: str) -> dict[int, str]:
    """The SQL of every file in the package's folder `migrations`, by its number, from 1 without a gap."""
    found = {
        int(match[1]): file.read_text(encoding="utf-8")
        for file in files(package).joinpath("migrations").iterdir()
        if (match := _NUMBERED.fullmatch(file.name))
    }
    return dict(sorted(found.items()))
