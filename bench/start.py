"""The time from just before a submit over HTTP until its attempt starts, beside one durable INSERT that is read back."""

import json
import sqlite3
import time
from pathlib import Path
from statistics import median

from bench.processes import Listening, wanserve
from bench.result import Result, Target, ratio
from bench.samples import KEY_HEADER, SUBMIT_BODY, SUBMIT_PATH, opened, owner
from wanserve.core import Core

TASKS = 20
IDLE_SECONDS = 1.5
"""After a cancel: the worker hears of it within half a second, and its child stops within a frame."""

START_SECONDS = 30.0


def run(folder: Path) -> Result:
    """Submit one task at a time to an idle server, and cancel each once it runs."""
    data_dir = folder / "data"
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE tasks (id TEXT PRIMARY KEY, made_ms REAL) STRICT")
    ours: list[float] = []
    bare: list[float] = []
    with opened(data_dir) as core:
        text, key = owner(core, "bench")
        with wanserve(data_dir) as server:
            for index in range(TASKS):
                time.sleep(IDLE_SECONDS)
                ours.append(_submit_to_start(server, core, key.account, text))
                bare.append(_insert_and_read(connection, str(index)))
    connection.close()
    middle = median(ours)
    return Result(
        "start",
        {
            "median_ms": round(middle, 1),
            "slowest_ms": round(max(ours), 1),
            "bare_insert_median_ms": round(median(bare), 2),
            "ratio_to_bare_insert": ratio(ours, bare),
        },
        [Target("median_ms", "<", 50)],
    )


def _submit_to_start(server: Listening, core: Core, account: str, text: str) -> float:
    """Milliseconds, up to one too few: the start is noted in whole ones."""
    headers = {KEY_HEADER: text, "Content-Type": "application/json"}
    sent_ms = time.time_ns() / 1e6
    answer = server.request("POST", SUBMIT_PATH, headers, SUBMIT_BODY)
    task_id = json.loads(answer)["output"]["task_id"]
    deadline = time.monotonic() + START_SECONDS
    while (started_ms := core.tasks.get(account, task_id).started_ms) is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the task did not start within {START_SECONDS:g} s")
        time.sleep(0.01)
    core.tasks.cancel(account, task_id)
    return started_ms - sent_ms


def _insert_and_read(connection: sqlite3.Connection, name: str) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    connection.execute("INSERT INTO tasks VALUES (?, ?)", (name, time.time()))
    connection.execute("SELECT made_ms FROM tasks WHERE id = ?", (name,)).fetchone()
    return (time.perf_counter() - start) * 1000
