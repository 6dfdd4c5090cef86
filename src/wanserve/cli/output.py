"""Prints rows: as JSON for scripts, or as a table for people."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module


def time_text(time_ms: int | None) -> str | None:
    """Milliseconds since 1970 as ISO 8601 text in UTC, to the second."""
    return None if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(" ", "seconds")


def print_rows(rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Print the rows, which all have the same names, to stdout."""
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
    elif rows:
        # Only a table needs rich, whose import takes longer than most commands.
        import_module("wanserve.cli.table").print_table(rows)
    else:
        print("none")
