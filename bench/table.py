"""A claim and a poll on a table of 100,000 finished and 10,000 waiting tasks, beside an empty table, in one run."""

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice, repeat
from pathlib import Path
from statistics import median

from bench.result import Result, Target, ratio
from bench.samples import REQUEST, finished_task, opened, owner
from wanserve.core import Core
from wanserve.domain.account import Key
from wanserve.domain.search import Search
from wanserve.domain.task import State, Task, Video
from wanserve.store.rows import TASK_COLUMNS, life_row, new_row
from wanserve.tasks import file_key

FINISHED = 100_000
WAITING = 10_000
ACCOUNTS = 100

ROUNDS = 40
CLAIMS = 10
POLLS = 500
INSERT = f"INSERT INTO tasks ({TASK_COLUMNS}) VALUES ({', '.join('?' * len(TASK_COLUMNS.split(',')))})"


def run(folder: Path) -> Result:
    """Measure in rounds, each on both tables."""
    full: dict[str, list[float]] = {"claim": [], "poll": []}
    empty: dict[str, list[float]] = {"claim": [], "poll": []}
    with opened(folder / "full") as loaded, opened(folder / "empty") as bare:
        known = finished_task(loaded, owner(loaded, "bench")[1])
        alone = finished_task(bare, owner(bare, "bench")[1])
        fill(loaded)
        # What an empty queue claims has to be there.
        bare.tasks.submit(Key("bench", "bench", "", 0), REQUEST).result()
        for _ in range(ROUNDS):
            for core, task_id, times in ((loaded, known, full), (bare, alone, empty)):
                times["claim"].append(median(claim_us(core) for _ in range(CLAIMS)))
                times["poll"].append(median(poll_us(core, task_id) for _ in range(POLLS)))
    return Result(
        "table",
        {
            "claim_ratio": ratio(full["claim"], empty["claim"]),
            "poll_ratio": ratio(full["poll"], empty["poll"]),
            "claim_us": round(median(full["claim"]), 1),
            "claim_of_an_empty_table_us": round(median(empty["claim"]), 1),
            "poll_us": round(median(full["poll"]), 1),
            "poll_of_an_empty_table_us": round(median(empty["poll"]), 1),
        },
        [Target("claim_ratio", "<=", 1.5), Target("poll_ratio", "<=", 1.5)],
    )


def fill(core: Core) -> None:
    """Add the finished tasks, which came first, and the waiting ones."""
    rows = chain(islice(_finished(core), FINISHED), islice(_waiting(core), WAITING))

    def insert(connection: sqlite3.Connection) -> None:
        connection.executemany(INSERT, ((*new_row(task), *life_row(task)) for task in rows))

    core.database.write(insert)


def claim_us(core: Core) -> float:
    """Microseconds of one claim, which is then given back."""
    start = time.perf_counter()
    task = core.tasks.claim([REQUEST.model])
    taken = (time.perf_counter() - start) * 1e6
    assert task is not None, "some task waits"
    assert core.tasks.give_back(task), "it is ours"
    return taken


def poll_us(core: Core, task_id: str) -> float:
    """Microseconds of one poll."""
    start = time.perf_counter()
    core.tasks.get("bench", task_id)
    return (time.perf_counter() - start) * 1e6


def _waiting(core: Core) -> Iterator[Task]:
    sample = core.tasks.search(None, Search(limit=1)).tasks[0]
    for index in range(WAITING):
        yield Task(core.tasks.new_id(), f"account-{index % ACCOUNTS}", sample.generation, sample.submitted_ms)


def _finished(core: Core) -> Iterator[Task]:
    sample = core.tasks.search(None, Search([State.SUCCEEDED], limit=1)).tasks[0]
    for index, made in enumerate(repeat(sample)):
        task_id = core.tasks.new_id()
        video = Video(file_key(task_id, 1), 1_234_567, "animatic")
        yield replace(made, id=task_id, account=f"account-{index % ACCOUNTS}", video=video)
