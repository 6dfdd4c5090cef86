"""`wanserve watch`: shows the queue, the workers and what they run, again and again, or once."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from wanserve.cli.bars import left_text
from wanserve.cli.options import add_data_dir, add_json, open_data_dir
from wanserve.cli.table import WIDE
from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.ports import TaskStore
from wanserve.domain.search import Search
from wanserve.domain.task import State
from wanserve.outlook import Outlooks
from wanserve.workers import WorkerState, worker_states

Row = dict[str, object]

LATELY_SECONDS: Final = 3600
"""The speed is that of the videos that were made within this time."""


@dataclass(frozen=True, slots=True)
class View:
    """What is shown: a row for each model that has tasks or had some lately, and one for each worker."""

    queue: Sequence[Row] = field(default_factory=list)
    workers: Sequence[Row] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve watch`."""
    add_data_dir(parser)
    add_json(parser)
    parser.add_argument("--once", action="store_true", help="show it once, as is done where stdout is no terminal")
    parser.add_argument("--interval", type=_interval, default=1.0, metavar="SECONDS", help="how often to look (1)")
    parser.set_defaults(run=run_watch)


def _interval(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("must be 0.1 to 3600")
    return seconds


def run_watch(arguments: argparse.Namespace) -> None:
    """`wanserve watch`: until Ctrl-C, or once."""
    with closing(open_data_dir(arguments)) as core, suppress(KeyboardInterrupt):
        outlooks = Outlooks(core.tasks.store, core.times, time.monotonic)
        views = look(core.tasks.store, outlooks, arguments.interval)
        if arguments.json:
            for view in views:
                print(json.dumps({"queue": view.queue, "workers": view.workers}, ensure_ascii=False), flush=True)
                if arguments.once:
                    return
        elif arguments.once or not sys.stdout.isatty():
            Console(width=None if sys.stdout.isatty() else WIDE).print(drawn(next(views)))
        else:
            with Live(auto_refresh=False, console=Console()) as live:
                for view in views:
                    live.update(drawn(view), refresh=True)


def look(store: TaskStore, outlooks: Outlooks, interval_s: float) -> Iterator[View]:
    """A view now and after each interval. A look that the database did not answer is left out, after the first one."""
    yield view_of(store, outlooks)
    while True:
        time.sleep(interval_s)
        with suppress(StoreUnavailable):
            yield view_of(store, outlooks)


def view_of(store: TaskStore, outlooks: Outlooks) -> View:
    """How things are now. Raises StoreUnavailable."""
    now_ms = store.now_ms()
    rows: dict[str, Row] = {}

    def row(model: str) -> Row:
        empty: Row = {"model": model, "waiting": 0, "running": 0, "oldest_s": None, "made": 0, "typical_s": None}
        return rows.setdefault(model, empty)

    for count in store.state_counts():
        if count.state is State.PENDING:
            oldest_s = None if count.oldest_ms is None else max(0, (now_ms - count.oldest_ms) // 1000)
            row(count.model).update(waiting=count.count, oldest_s=oldest_s)
        elif count.state is State.RUNNING:
            row(count.model).update(running=count.count)
    took: dict[str, list[float]] = {}
    for task in store.search(None, Search((State.SUCCEEDED,), ended_since_ms=now_ms - LATELY_SECONDS * 1000)):
        if task.started_ms is not None and task.ended_ms is not None:
            took.setdefault(task.generation.model, []).append((task.ended_ms - task.started_ms) / 1000)
    for model, seconds in took.items():
        row(model).update(made=len(seconds), typical_s=round(median(seconds), 1))
    return View([rows[model] for model in sorted(rows)], [_worker(each, outlooks) for each in worker_states(store)])


def _worker(worker: WorkerState, outlooks: Outlooks) -> Row:
    task = worker.task
    outlook = None if task is None else outlooks.of(task)
    left_s = None if outlook is None else outlook.seconds_left
    return {
        "worker": worker.row.id,
        "host": worker.row.host,
        "device": worker.row.device,
        "engine": worker.row.engine,
        "state": worker.name,
        "task": task and task.id,
        "model": task and task.generation.model,
        "stage": outlook and outlook.stage.value,
        "step": outlook.step if outlook and outlook.steps else None,
        "steps": outlook.steps if outlook and outlook.steps else None,
        "progress": task and round(task.progress, 3),
        "seconds_left": None if left_s is None else round(left_s, 1),
    }


def drawn(view: View) -> RenderableType:
    """The view as two tables."""
    queue = Table("model", "waiting", "running", "oldest waits", "made last hour", "takes", box=None)
    for row in view.queue:
        oldest, typical = row["oldest_s"], row["typical_s"]
        queue.add_row(
            str(row["model"]),
            str(row["waiting"]),
            str(row["running"]),
            "" if oldest is None else f"{oldest} s",
            str(row["made"]),
            "" if typical is None else f"{typical} s",
        )
    workers = Table("host", "device", "engine", "state", "task", "stage", "done", "left", box=None)
    for row in view.workers:
        progress = row["progress"]
        workers.add_row(
            *(str(row[name] or "") for name in ("host", "device", "engine", "state", "task")),
            _stage(row),
            f"{progress:.0%}" if isinstance(progress, float) else "",
            left_text(row["seconds_left"] if isinstance(row["seconds_left"], float) else None),
        )
    nothing = Text("nothing waits, and nothing was made within the last hour")
    return Group(queue if view.queue else nothing, "", workers if view.workers else Text("there is no worker"))


def _stage(row: Row) -> str:
    stage = str(row["stage"] or "")
    return stage if row["steps"] is None else f"{stage} {row['step']}/{row['steps']}"
