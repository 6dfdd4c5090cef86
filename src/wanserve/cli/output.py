"""Knows how the command line shows its data: as a table for people, and as JSON for scripts."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from wanserve.domain.task import Task

WIDE: Final = 1000


def time_text(time_ms: int | None) -> str | None:
    """Milliseconds since 1970 as ISO 8601 text in UTC, to the second."""
    return None if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(" ", "seconds")


def flat(task: Task) -> dict[str, object]:
    """All about one task by name, its generation's fields beside its own."""
    shown: dict[str, object] = {
        name: field for name, field in asdict(task).items() if name not in ("generation", "video", "failure")
    }
    shown |= asdict(task.generation)
    shown["video"] = task.video and asdict(task.video)
    shown["failure"] = task.failure and asdict(task.failure)
    return shown


def print_rows(rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Print the rows, which all have the same names, to stdout."""
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    if not rows:
        print("none")
        return
    # Not needed for JSON, and its import takes longer than most commands.
    from rich.console import Console
    from rich.table import Table

    table = Table(*rows[0], box=None)
    for row in rows:
        table.add_row(*(_cell(field) for field in row.values()))
    # Into a pipe or a file no column is ever cut.
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)


def _cell(field: object) -> str:
    if isinstance(field, dict):
        return ", ".join(name if says == "native" else f"{name} ({says})" for name, says in field.items())
    return ", ".join(field) if isinstance(field, list) else str(field or "")
