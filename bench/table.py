"""What must not cost more in a long table: claims and polls beside an empty one, lists, totals, metrics and submits.

The account whose lists are asked for has 200,000 tasks of its own, 50,000 of which wait.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice, repeat
from pathlib import Path
from statistics import median

from bench.result import Result, Target, ratio
from bench.samples import MODEL, REQUEST, database_of, finished_task, opened, owner
from wanserve.core import Core
from wanserve.domain.account import Key
from wanserve.domain.files import file_key
from wanserve.domain.generation import Generation
from wanserve.domain.rules import check
from wanserve.domain.search import Search
from wanserve.domain.task import Failure, State, Task, Video
from wanserve.metrics import Metrics
from wanserve.store.listing import PERIOD_MS
from wanserve.store.rows import TASK_COLUMNS, life_row, new_row

FINISHED = 100_000
WAITING = 10_000
ACCOUNTS = 100

LONG_FINISHED = 150_000
LONG_WAITING = 50_000
RECOUNT = (
    "DELETE FROM lane_counts",
    "DELETE FROM period_counts",
    "INSERT INTO lane_counts SELECT account, model, state, count(*) FROM tasks GROUP BY 1, 2, 3",
    f"INSERT INTO period_counts SELECT account, submitted_ms / {PERIOD_MS}, model, state, count(*) FROM tasks GROUP BY 1, 2, 3, 4",
)
HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
ASKED = 7
"""How often each is asked; the median counts."""

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
    cpu_ms = long_table(folder / "long")
    return Result(
        "table",
        {
            **cpu_ms,
            "claim_ratio": ratio(full["claim"], empty["claim"]),
            "poll_ratio": ratio(full["poll"], empty["poll"]),
            "claim_us": round(median(full["claim"]), 1),
            "claim_of_an_empty_table_us": round(median(empty["claim"]), 1),
            "poll_us": round(median(full["poll"]), 1),
            "poll_of_an_empty_table_us": round(median(empty["poll"]), 1),
        },
        [
            Target("claim_ratio", "<=", 1.5),
            Target("poll_ratio", "<=", 1.5),
            *(Target(name, "<=", 5.0) for name in cpu_ms),
        ],
    )


def long_table(folder: Path) -> dict[str, float]:
    """Milliseconds of CPU of each thing that is asked of the long table: its own process's, all threads together."""
    with opened(folder) as core:
        _, key = owner(core, "bench")
        finished_task(core, key)
        now_ms = core.tasks.store.now_ms()
        insert(core, spread(core, LONG_FINISHED, now_ms))
        insert(core, (_queued(core, number, now_ms) for number in range(LONG_WAITING)))
        metrics = Metrics()
        metrics.add_task_table(core.tasks.store.state_counts)
        policy = replace(core.tasks, policy=replace(core.tasks.policy, max_queued=1_000_000))
        today = Search(since_ms=now_ms - DAY_MS, limit=10, counted=True)
        middle = core.tasks.search("bench", replace(today, skip=100_000)).tasks[0].id
        asked: dict[str, Callable[[], object]] = {
            "openai_list_cpu_ms": lambda: core.tasks.search("bench", Search(limit=20)),
            "openai_later_page_cpu_ms": lambda: core.tasks.search("bench", Search(limit=20, after=middle)),
            "dashscope_list_cpu_ms": lambda: core.tasks.search("bench", today),
            "dashscope_later_page_cpu_ms": lambda: core.tasks.search("bench", replace(today, skip=190_000)),
            "dashscope_rare_state_cpu_ms": lambda: core.tasks.search(
                "bench", replace(today, states=(State.FAILED, State.CANCELED))
            ),
            "dashscope_rare_model_cpu_ms": lambda: core.tasks.search("bench", replace(today, model="wanx2.1-t2v-plus")),
            "metrics_cpu_ms": lambda: metrics.page(ready=True, workers_ready=True),
            "submit_cpu_ms": lambda: policy.submit(key, REQUEST).result(),
            "health_cpu_ms": core.tasks.store.check_writable,
        }
        return {name: median(_cpu_ms(ask) for _ in range(ASKED)) for name, ask in asked.items()}


def _cpu_ms(ask: Callable[[], object]) -> float:
    start = time.process_time()
    ask()
    return round((time.process_time() - start) * 1000, 2)


def spread(core: Core, count: int, now_ms: int) -> Iterator[Task]:
    """Finished tasks of the last day, the oldest first; one in 10,000 has FAILED."""
    for index, made in enumerate(islice(_finished(core), count)):
        submitted_ms = now_ms - DAY_MS + index * DAY_MS // count
        task = replace(made, account="bench", submitted_ms=submitted_ms, ended_ms=submitted_ms + 5000)
        if index % 10_000 == 0:
            task = replace(task, state=State.FAILED, video=None, failure=Failure("engine_failed", "it cannot"))
        yield task


def _queued(core: Core, number: int, now_ms: int) -> Task:
    sample = new_generation(core)
    model = "wanx2.1-t2v-plus" if number % 10_000 == 0 else sample.model
    return Task(
        core.tasks.new_id(), "bench", replace(sample, model=model), now_ms - HOUR_MS + number * HOUR_MS // LONG_WAITING
    )


def new_generation(core: Core) -> Generation:
    """What every task of the bench asks for."""
    return check(REQUEST, core.tasks.catalogue(), lambda: 7)


def insert(core: Core, tasks: Iterator[Task]) -> None:
    """Add these tasks as they are, and count them all."""
    rows = [(*new_row(task), *life_row(task), task.changes) for task in tasks]

    def insert(connection: sqlite3.Connection) -> None:
        connection.executemany(INSERT, rows)
        for statement in RECOUNT:
            connection.execute(statement)

    database_of(core).write(insert)


def fill(core: Core) -> None:
    """Add the finished tasks, which came first, and the waiting ones."""
    insert(core, chain(islice(_finished(core), FINISHED), islice(_waiting(core), WAITING)))


def claim_us(core: Core) -> float:
    """Microseconds of one claim, which is then given back."""
    start = time.perf_counter()
    task = core.tasks.claim("worker", [MODEL])
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
