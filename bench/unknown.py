"""A poll of another account's task, beside one of a task that nobody has: their times must not tell them apart."""

import time
from pathlib import Path
from random import Random
from statistics import median

from bench.result import Result, Target, ratio
from bench.samples import finished_task, opened, owner
from bench.table import FINISHED, fill
from wanserve.core import Core
from wanserve.domain.errors import TaskNotFound
from wanserve.domain.search import Search

ROUNDS = 60
POLLS = 500
SAMPLES = 2_000
"""Ids of each kind, so that neither kind is always the one that was read just before."""


def run(folder: Path) -> Result:
    """Measure in rounds, each with both kinds of ids."""
    with opened(folder / "data") as core:
        finished_task(core, owner(core, "bench")[1])
        fill(core)
        others = [task.id for task in core.tasks.search("account-1", Search(limit=SAMPLES)).tasks]
        nobodys = [core.tasks.new_id() for _ in others]
        choose = Random(7)
        times: dict[str, list[float]] = {"others": [], "nobodys": []}
        for _ in range(ROUNDS + 1):
            for name, ids in (("others", others), ("nobodys", nobodys)):
                times[name].append(median(refused_us(core, choose.choice(ids)) for _ in range(POLLS)))
    # The first round only warms both up.
    others_us, nobodys_us = times["others"][1:], times["nobodys"][1:]
    return Result(
        "unknown",
        {
            "ratio": ratio(others_us, nobodys_us),
            "another_accounts_us": round(median(others_us), 2),
            "nobodys_us": round(median(nobodys_us), 2),
            "tasks": FINISHED,
        },
        [Target("ratio", ">=", 0.9), Target("ratio", "<=", 1.1)],
    )


def refused_us(core: Core, task_id: str) -> float:
    """Microseconds until the use case refuses the id."""
    start = time.perf_counter()
    try:
        core.tasks.get("bench", task_id)
    except TaskNotFound:
        return (time.perf_counter() - start) * 1e6
    raise AssertionError(f"{task_id} is nobody else's")
