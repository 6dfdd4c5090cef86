"""Durable submits a second of the use case, against a bare loop of INSERTs in groups of the same size.

Beside it, and with no target, durable submits a second over HTTP.
"""

import gc
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from bench.load import Load, drive, post
from bench.processes import wanserve
from bench.result import Result, Target, ratio
from bench.samples import KEY_HEADER, REQUEST, SUBMIT_BODY, SUBMIT_PATH, UNLIMITED, database_of, opened, owner
from wanserve.core import Core
from wanserve.domain.account import Key
from wanserve.domain.task import Task
from wanserve.store.rows import LIFE_COLUMNS, NEW_COLUMNS, Row, life_row, new_row
from wanserve.store.sqlite.writer import Writer

ROUNDS = 5
TASKS = 4000
IN_FLIGHT = 256
ACCOUNTS = 16
"""With TASKS they leave 250 waiting in each account's queue, half of what the default lets in."""

HTTP_CONNECTIONS = 64
HTTP_SECONDS = 5.0
COLUMNS = f"{NEW_COLUMNS}, {LIFE_COLUMNS}"
INSERT = f"INSERT INTO tasks ({COLUMNS}) VALUES ({', '.join('?' * len(COLUMNS.split(',')))})"


def run(folder: Path) -> Result:
    """Measure in rounds, each with two fresh databases."""
    ours: list[float] = []
    bare: list[float] = []
    groups: list[float] = []
    # As the server does once it is built; both sides run in this process.
    gc.collect()
    gc.freeze()
    for turn in range(ROUNDS):
        with opened(folder / f"ours-{turn}") as core:
            rate, group, rows = _use_case(core)
        ours.append(round(rate, 1))
        groups.append(round(group, 1))
        with opened(folder / f"bare-{turn}") as core:
            bare.append(round(_inserts(core, rows, round(group)), 1))
    return Result(
        "submits",
        {
            "ratio": ratio(ours, bare),
            "ours_per_s": ours,
            "bare_per_s": bare,
            "tasks_in_a_commit": groups,
            "http_per_s": _over_http(folder / "http"),
        },
        [Target("ratio", ">=", 0.5)],
    )


def _use_case(core: Core) -> tuple[float, float, list[Row]]:
    """Submits a second, submits in a commit on average, and the rows that were written."""
    keys = [owner(core, f"account-{index}")[1] for index in range(ACCOUNTS)]
    commits = _counted_commits(database_of(core).writer)
    start = time.perf_counter()
    rows = _submit_all(core, keys)
    seconds = time.perf_counter() - start
    return TASKS / seconds, TASKS / len(commits), rows


def _counted_commits(writer: Writer) -> list[None]:
    """A list that grows by one with each commit from now on."""
    commits: list[None] = []
    commit = writer._commit  # noqa: SLF001  # only the writer knows what it put together

    def counted(taken: list[Any]) -> None:
        commits.append(None)
        commit(taken)

    writer._commit = counted  # type: ignore[method-assign]  # noqa: SLF001
    return commits


def _submit_all(core: Core, keys: list[Key]) -> list[Row]:
    waiting: deque[Future[Task]] = deque()
    tasks: list[Task] = []
    for index in range(TASKS):
        if len(waiting) == IN_FLIGHT:
            tasks.append(waiting.popleft().result())
        waiting.append(core.tasks.submit(keys[index % ACCOUNTS], REQUEST))
    tasks += [written.result() for written in waiting]
    return [(*new_row(task), *life_row(task)) for task in tasks]


def _inserts(core: Core, rows: list[Row], group: int) -> float:
    """Rows a second of the bare loop on a connection that is set up as the store sets its own up."""
    connection = _connect(core)()
    start = time.perf_counter()
    for first in range(0, len(rows), group):
        connection.execute("BEGIN IMMEDIATE")
        for row in rows[first : first + group]:
            connection.execute(INSERT, row)
        connection.execute("COMMIT")
    seconds = time.perf_counter() - start
    connection.close()
    return len(rows) / seconds


def _connect(core: Core) -> Callable[[], sqlite3.Connection]:
    return database_of(core)._connect  # noqa: SLF001  # the same pragmas, whatever they come to be


def _over_http(data_dir: Path) -> float:
    with opened(data_dir) as core:
        headers = [{KEY_HEADER: owner(core, f"account-{index}")[0]} for index in range(HTTP_CONNECTIONS)]
    requests = [post(SUBMIT_PATH, SUBMIT_BODY, header) for header in headers]
    with wanserve(data_dir, "--no-worker", submit_rps=UNLIMITED, max_queued=UNLIMITED) as server:
        return drive(Load(server.port, requests, HTTP_CONNECTIONS, HTTP_SECONDS)).per_second
