"""`wanserve watch`: shows the queue, the workers and what they run, again and again, or once."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
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
    # Also where whoever started this process had Ctrl-C ignored, as shells do for what runs in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with closing(open_data_dir(arguments)) as core, suppress(KeyboardInterrupt):
        outlooks = Outlooks(core.tasks.store, core.times, time.monotonic)
        views = look(core.tasks.store, outlooks, arguments.interval)
        if arguments.json:
            _print_json(islice(views, 1) if arguments.once else views)
        elif arguments.once or not sys.stdout.isatty():
            Console(width=None if sys.stdout.isatty() else WIDE).print(drawn(next(views)))
        else:
            _show(views)


def _print_json(views: Iterable[View]) -> None:
    for view in views:
        print(json.dumps({"queue": view.queue, "workers": view.workers}, ensure_ascii=False), flush=True)


def _show(views: Iterable[View]) -> None:
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
    rows: dict[str, Row] = {}

    def row(model: str) -> Row:
        empty: Row = {"model": model, "waiting": 0, "running": 0, "oldest_s": None, "made": 0, "typical_s": None}
        return rows.setdefault(model, empty)

    now_ms = store.now_ms()
    for count in store.state_counts():
        if count.state is State.PENDING:
            oldest_s = None if count.oldest_ms is None else max(0, (now_ms - count.oldest_ms) // 1000)
            row(count.model).update(waiting=count.count, oldest_s=oldest_s)
        elif count.state is State.RUNNING:
            row(count.model).update(running=count.count)
    for model, seconds in _made_lately(store, now_ms).items():
        row(model).update(made=len(seconds), typical_s=round(median(seconds), 1))
    return View([rows[model] for model in sorted(rows)], [_worker(each, outlooks) for each in worker_states(store)])


def _made_lately(store: TaskStore, now_ms: int) -> dict[str, list[float]]:
    """How many seconds each video took that was made within the last hour, by model."""
    took: dict[str, list[float]] = {}
    for task in store.search(None, Search((State.SUCCEEDED,), ended_since_ms=now_ms - LATELY_SECONDS * 1000)):
        if task.started_ms is not None and task.ended_ms is not None:
            took.setdefault(task.generation.model, []).append((task.ended_ms - task.started_ms) / 1000)
    return took


def _worker(worker: WorkerState, outlooks: Outlooks) -> Row:
    row: Row = {
        "worker": worker.row.id,
        "host": worker.row.host,
        "device": worker.row.device,
        "engine": worker.row.engine,
        "state": worker.name,
        **dict.fromkeys(("task", "model", "stage", "step", "steps", "progress", "seconds_left")),
    }
    task = worker.task
    if task is None:
        return row
    row |= {"task": task.id, "model": task.generation.model, "progress": round(task.progress, 3)}
    outlook = outlooks.of(task)
    if outlook is None:
        return row
    left_s = outlook.seconds_left
    row |= {"stage": outlook.stage.value, "seconds_left": None if left_s is None else round(left_s, 1)}
    return row | ({"step": outlook.step, "steps": outlook.steps} if outlook.steps else {})


def drawn(view: View) -> RenderableType:
    """The view as two tables."""
    nothing = Text("nothing waits, and nothing was made within the last hour")
    queue = _queue_table(view.queue) if view.queue else nothing
    return Group(queue, "", _worker_table(view.workers) if view.workers else Text("there is no worker"))


def _queue_table(rows: Iterable[Row]) -> Table:
    table = Table("model", "waiting", "running", "oldest waits", "made last hour", "takes", box=None)
    for row in rows:
        oldest, typical = row["oldest_s"], row["typical_s"]
        table.add_row(
            str(row["model"]),
            str(row["waiting"]),
            str(row["running"]),
            "" if oldest is None else f"{oldest} s",
            str(row["made"]),
            "" if typical is None else f"{typical} s",
        )
    return table


def _worker_table(rows: Iterable[Row]) -> Table:
    table = Table("host", "device", "engine", "state", "task", "stage", "done", "left", box=None)
    for row in rows:
        progress = row["progress"]
        table.add_row(
            *(str(row[name] or "") for name in ("host", "device", "engine", "state", "task")),
            _stage(row),
            f"{progress:.0%}" if isinstance(progress, float) else "",
            left_text(row["seconds_left"] if isinstance(row["seconds_left"], float) else None),
        )
    return table


def _stage(row: Row) -> str:
    stage = str(row["stage"] or "")
    return stage if row["steps"] is None else f"{stage} {row['step']}/{row['steps']}"
