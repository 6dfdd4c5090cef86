"""What has to hold after a soak, held against the database, the files and the processes as they are."""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import postgres
from wanserve.blobs.keys import OWNER

ENDED = ("SUCCEEDED", "FAILED", "CANCELED")
MARK = "WANSOAK"
"""The variable by which a soak's processes are known; its value is the folder of the soak."""

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
    scene: str | None


@dataclass(frozen=True)
class Installation:
    """Where a soak's tasks and files are: one data directory, or several machines on one database.

    `stored` lists the keys of the files, where they are not in the data directory.
    """

    data_dirs: Sequence[Path]
    database_url: str | None = None
    stored: Callable[[], list[str]] | None = None

    def select(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""
        if self.database_url is not None:
            return postgres.rows(self.database_url, statement)
        database = f"file:{self.data_dirs[0]}/wanserve.db?mode=ro"
        with contextlib.closing(sqlite3.connect(database, uri=True, timeout=30)) as connection:
            return list(connection.execute(statement))

    def rows(self) -> dict[str, Row]:
        """Every task by its id."""
        asked = "SELECT id, account, state, attempt, video_key, scene FROM tasks"
        return {fields[0]: Row(*fields) for fields in self.select(asked)}

    def live(self) -> int:
        """How many tasks have not ended."""
        return int(self.select("SELECT count(*) FROM tasks WHERE state IN ('PENDING', 'RUNNING')")[0][0])

    def wrong(self, accepted: Mapping[str, str]) -> Iterator[str]:
        """What is off, a line each; `accepted` is the account of each task whose submit was answered, by its id."""
        tasks = self.rows()
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
        billed = [str(row[0]) for row in self.select("SELECT task_id FROM ledger")]
        yield from _differences("ledger row", billed, list(made))
        yield from self.left_over()
        yield from self._wrong_counts()
        yield from (f"process {process} is left over" for process in processes_of(self.data_dirs[0].parent))

    def _wrong_counts(self) -> Iterator[str]:
        kept, counted = (set(self.select(statement)) for statement in (KEPT_COUNTS, COUNTS))
        yield from (f"the counts {row} are kept, and should not be" for row in kept - counted)
        yield from (f"the counts {row} are not kept" for row in counted - kept)
        # What is kept beside the tasks, so that a claim is quick, is kept in their transactions.
        yield from (
            f"account {account} counts {waiting} waiting and {running} running tasks"
            for account, waiting, running in self.select("SELECT id, waiting, running FROM accounts")
            if (waiting, running) != (0, 0)
        )
        if self.database_url is None and (whole := self.select("PRAGMA integrity_check")) != [("ok",)]:
            yield f"the database is not whole: {whole}"

    def left_over(self) -> Iterator[str]:
        """The files that should not be there, and those that should and are not, a line each."""
        made = [task for task in self.rows().values() if task.state == "SUCCEEDED"]
        if self.stored:
            yield from _differences("file", self.stored(), [OWNER, *_wanted(made)])
        else:
            yield from _differences("file", files_under(self.data_dirs[0] / "blobs"), _wanted(made))
        for data_dir in self.data_dirs:
            yield from (f"{left.name} is left in a scratch folder" for left in (data_dir / "scratch").iterdir())


def processes_of(folder: Path) -> list[str]:
    """The processes that carry the mark of this folder in their environment, the one that asks apart."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and f"{MARK}={folder}".encode() in (process / "environ").read_bytes():
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(f"{process.name} ({command.strip()})")
    return found


def files_under(folder: Path) -> list[str]:
    """The paths of all files in the folder."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


def _wanted(made: Iterable[Row]) -> list[str]:
    """The keys of the videos, and beside each those of its thumbnail, its sheet and the scene, where it has one."""
    return [
        str(Path(str(task.video)).with_suffix(ending))
        for task in made
        for ending in (".mp4", ".webp", ".jpg", *((".json",) if task.scene else ()))
    ]


def _differences(what: str, found: Iterable[str], wanted: Iterable[str]) -> Iterator[str]:
    there, due = Counter(found), Counter(wanted)
    yield from (f"{count} {what} too many for {name}" for name, count in (there - due).items())
    yield from (f"no {what} for {name}" for name in due - there)
