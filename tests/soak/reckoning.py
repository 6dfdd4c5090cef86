"""What has to hold after a soak, held against the database, the files and the processes as they are."""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENDED = ("SUCCEEDED", "FAILED", "CANCELED")
MARK = "WANSOAK"
"""The variable by which a soak's processes are known; its value is the data directory."""

KEPT_COUNTS = """
    SELECT account, model, state, tasks FROM lane_counts WHERE tasks <> 0
    UNION ALL SELECT account || ' ' || period, model, state, tasks FROM period_counts
"""
COUNTS = """
    SELECT account, model, state, count(*) FROM tasks GROUP BY 1, 2, 3
    UNION ALL SELECT account || ' ' || (submitted_ms / 600000), model, state, count(*) FROM tasks GROUP BY 1, 2, 3
"""
"""The counts as triggers keep them, and as they are."""


@dataclass(frozen=True)
class Row:
    """A task as the table has it."""

    id: str
    account: str
    state: str
    attempt: int
    video: str | None


def rows(data_dir: Path) -> dict[str, Row]:
    """Every task by its id."""
    asked = "SELECT id, account, state, attempt, video_key FROM tasks"
    return {fields[0]: Row(*fields) for fields in _select(data_dir, asked)}


def live(data_dir: Path) -> int:
    """How many tasks have not ended."""
    return int(_select(data_dir, "SELECT count(*) FROM tasks WHERE state IN ('PENDING', 'RUNNING')")[0][0])


def wrong(data_dir: Path, accepted: Mapping[str, str]) -> Iterator[str]:
    """What is off, a line each; `accepted` is the account of each task whose submit was answered, by its id."""
    tasks = rows(data_dir)
    yield from (f"task {task} was accepted and is not there" for task in accepted.keys() - tasks.keys())
    yield from (f"task {task} is there and nobody's submit" for task in tasks.keys() - accepted.keys())
    yield from (f"task {task.id} is {task.state}" for task in tasks.values() if task.state not in ENDED)
    # Enough attempts are allowed, so that none is used up by the killing.
    yield from (f"task {task.id} has FAILED" for task in tasks.values() if task.state == "FAILED")
    yield from (
        f"task {task} belongs to {tasks[task].account} instead of {account}"
        for task, account in accepted.items()
        if task in tasks and tasks[task].account != account
    )
    made = {task.id: task for task in tasks.values() if task.state == "SUCCEEDED"}
    billed = [str(row[0]) for row in _select(data_dir, "SELECT task_id FROM ledger")]
    yield from _differences("ledger row", billed, list(made))
    yield from left_over(data_dir)
    kept, counted = (_select(data_dir, statement) for statement in (KEPT_COUNTS, COUNTS))
    yield from (f"the counts {row} are kept, and should not be" for row in set(kept) - set(counted))
    yield from (f"the counts {row} are not kept" for row in set(counted) - set(kept))
    # What is kept beside the tasks, so that a claim is quick, is kept in their transactions.
    yield from (
        f"account {account} counts {waiting} waiting and {running} running tasks"
        for account, waiting, running in _select(data_dir, "SELECT id, waiting, running FROM accounts")
        if (waiting, running) != (0, 0)
    )
    whole = _select(data_dir, "PRAGMA integrity_check")
    if whole != [("ok",)]:
        yield f"the database is not whole: {whole}"
    yield from (f"process {process} is left over" for process in processes_of(data_dir))


def left_over(data_dir: Path) -> Iterator[str]:
    """The files that should not be there, and those that should and are not, a line each."""
    made = [task for task in rows(data_dir).values() if task.state == "SUCCEEDED"]
    yield from _differences("file", _files(data_dir / "blobs"), _wanted(made))
    yield from (f"{left.name} is left in the scratch folder" for left in (data_dir / "scratch").iterdir())


def processes_of(data_dir: Path) -> list[str]:
    """The processes that carry the mark of this data directory in their environment, the one that asks apart."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and f"{MARK}={data_dir}".encode() in (process / "environ").read_bytes():
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(f"{process.name} ({command.strip()})")
    return found


def _select(data_dir: Path, statement: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{data_dir}/wanserve.db?mode=ro", uri=True, timeout=30)) as database:
        return list(database.execute(statement))


def _files(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


def _wanted(made: Iterable[Row]) -> list[str]:
    """The keys of the videos, and beside each those of its thumbnail and its sheet."""
    return [str(Path(str(task.video)).with_suffix(ending)) for task in made for ending in (".mp4", ".webp", ".jpg")]


def _differences(what: str, found: Iterable[str], wanted: Iterable[str]) -> Iterator[str]:
    there, due = Counter(found), Counter(wanted)
    yield from (f"{count} {what} too many for {name}" for name, count in (there - due).items())
    yield from (f"no {what} for {name}" for name in due - there)
