"""Prints rows as a table for people."""

import sys
from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

WIDE: Final = 1000
"""Columns of a pipe or a file: enough that nothing is cut."""


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """Print the rows, of which there is at least one, under the names of the first."""
    table = Table(*rows[0], box=None)
    for row in rows:
        table.add_row(*(_cell(field) for field in row.values()))
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)


def _cell(field: object) -> str:
    if isinstance(field, dict):
        return ", ".join(name if says == "native" else f"{name} ({says})" for name, says in field.items())
    return ", ".join(field) if isinstance(field, list) else str(field or "")
