"""How soon a canceled task's device works again: from just before the cancel until the next task's attempt starts."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from bench.processes import wanserve
from bench.result import Result, Target, ratio
from bench.samples import REQUEST, opened, owner
from wanserve.core import Core
from wanserve.domain.account import Key
from wanserve.domain.task import Task

TASKS = 12
WAIT_SECONDS = 60.0
LARGE = replace(REQUEST, size=(1920, 1080))


def run(folder: Path) -> Result:
    """Cancel a task in the middle while the next one waits; beside it, the start of a task on an idle device."""
    canceled: list[float] = []
    idle: list[float] = []
    with opened(folder / "data") as core:
        _, key = owner(core, "bench")
        with wanserve(folder / "data"):
            for _ in range(TASKS):
                # From another process, which the worker looks for once a second.
                start, task = time.time_ns() / 1e6, core.tasks.submit(key, LARGE).result()
                idle.append(_started_ms(core, key, task) - start)
                _until(partial(_has_begun, core, key, task))
                following = core.tasks.submit(key, LARGE).result()
                asked = time.time_ns() / 1e6
                core.tasks.cancel(key.account, task.id)
                canceled.append(_started_ms(core, key, following) - asked)
                core.tasks.cancel(key.account, following.id)
                _until(lambda: not core.tasks.unfinished())
                time.sleep(1.5)
    return Result(
        "cancel",
        {
            "median_ms": round(median(canceled), 1),
            "slowest_ms": round(max(canceled), 1),
            "start_on_an_idle_device_median_ms": round(median(idle), 1),
            "ratio_to_a_start": ratio(canceled, idle),
        },
        [Target("slowest_ms", "<=", 1000)],
    )


def _started_ms(core: Core, key: Key, task: Task) -> int:
    _until(lambda: core.tasks.get(key.account, task.id).started_ms is not None)
    started_ms = core.tasks.get(key.account, task.id).started_ms
    assert started_ms is not None, "it was there a moment ago"
    return started_ms


def _has_begun(core: Core, key: Key, task: Task) -> bool:
    return core.tasks.get(key.account, task.id).progress > 0


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {WAIT_SECONDS:g} s")
        time.sleep(0.005)
