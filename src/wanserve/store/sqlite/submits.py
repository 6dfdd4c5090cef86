"""Adds many submits at once: each within its limit, and a repeated one not again."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple, assert_never

from wanserve.domain.errors import InvalidRequest, QueueFull, WanserveError
from wanserve.domain.task import Counted, Once, Task
from wanserve.store.rows import Row, new_row, read_task
from wanserve.store.sqlite import statements as sql


class Submit(NamedTuple):
    """One task to be added, or the error that is told where there was no earlier submit; see TaskStore.add, repeat."""

    account: str
    admission: Task | WanserveError
    max_queued: int
    once: Once | Counted | None


def add_all(connection: sqlite3.Connection, asked: Sequence[Submit]) -> list[Task | Exception]:
    """Add the tasks that are new and have a place; for each submit the task that stands, or what refuses it."""
    batch = _Batch(connection)
    answers = [batch.take(submit) for submit in asked]
    batch.write()
    return answers


@dataclass(slots=True)
class _Batch:
    connection: sqlite3.Connection
    places: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many more tasks each account's queue of a model takes."""

    tasks: list[Row] = field(default_factory=list)
    periods: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    """How many of them each account has in which period of ten minutes of each model."""

    keyed: dict[tuple[str, str], tuple[Once, Task]] = field(default_factory=dict)
    """The submits of this batch that have an idempotency key, by their account and key."""

    counted: list[tuple[Counted, Task]] = field(default_factory=list)
    """The submits of this batch whose client counts its tries."""

    def take(self, submit: Submit) -> Task | Exception:
        if submit.once is not None and (earlier := self._earlier(submit.account, submit.once)) is not None:
            return earlier
        task = submit.admission
        if isinstance(task, WanserveError):
            return task
        if not self._has_place(task, submit.max_queued):
            return QueueFull(f"the queue for {task.generation.model} is full: wait for a task to end")
        self.tasks.append(new_row(task))
        self.periods[task.account, task.submitted_ms // sql.PERIOD_MS, task.generation.model] += 1
        if isinstance(submit.once, Once):
            self.keyed[task.account, submit.once.key] = submit.once, task
        elif submit.once is not None:
            self.counted.append((submit.once, task))
        return task

    def write(self) -> None:
        whole = len(self.tasks) - len(self.tasks) % sql.ROWS_AT_ONCE
        for first in range(0, whole, sql.ROWS_AT_ONCE):
            rows = self.tasks[first : first + sql.ROWS_AT_ONCE]
            self.connection.execute(sql.ADD_TASKS, tuple(chain.from_iterable(rows)))
        self.connection.executemany(sql.ADD_TASK, self.tasks[whole:])
        lanes = [(account, model, count) for (account, _, model), count in self.periods.items()]
        self.connection.executemany(sql.COUNT_LANE, lanes)
        self.connection.executemany(sql.COUNT_PERIOD, [(*period, count) for period, count in self.periods.items()])
        keyed = [
            (task.account, once.key, once.fingerprint, task.id, task.submitted_ms) for once, task in self.keyed.values()
        ]
        self.connection.executemany(sql.KEEP_KEYED, keyed)
        counted = [
            (task.id, task.account, once.fingerprint, once.retries, task.submitted_ms) for once, task in self.counted
        ]
        self.connection.executemany(sql.KEEP_COUNTED, counted)

    def _earlier(self, account: str, once: Once | Counted) -> Task | InvalidRequest | None:
        match once:
            case Once():
                return self._by_key(account, once)
            case Counted():
                return None if once.follows is None else self._by_count(account, once)
            case _:
                assert_never(once)

    def _by_key(self, account: str, once: Once) -> Task | InvalidRequest | None:
        """What an earlier submit with this key brought; a refusal where the key cannot be answered."""
        if (account, once.key) in self.keyed:
            first, added = self.keyed[account, once.key]
            return added if first.fingerprint == once.fingerprint else used(once)
        row = self.connection.execute(sql.FIND_KEYED, (account, once.key, once.since_ms)).fetchone()
        if row is None:
            return None
        fingerprint, task_id = row
        if fingerprint != once.fingerprint:
            return used(once)
        task = self._task(task_id)
        return gone(once) if task is None or task.ended_before(once.kept_since_ms) else task

    def _by_count(self, account: str, once: Counted) -> Task | None:
        """The task of the try before this one, which is this one's from now on."""
        for number, (earlier, task) in enumerate(self.counted):
            if task.account == account and earlier.followed_by(once):
                self.counted[number] = once, task
                return task
        values = (once.retries, account, once.fingerprint, once.follows, once.since_ms)
        row = self.connection.execute(sql.TAKE_COUNTED, values).fetchone()
        return None if row is None else self._task(row[0])

    def _task(self, task_id: str) -> Task | None:
        row = self.connection.execute(sql.FIND_TASK, (task_id,)).fetchone()
        return None if row is None else read_task(row)

    def _has_place(self, task: Task, max_queued: int) -> bool:
        lane = account, model = task.account, task.generation.model
        if lane not in self.places:
            self.places[lane] = self.connection.execute(sql.COUNT_PLACES, (account, model, max_queued)).fetchone()[0]
        self.places[lane] -= 1
        return self.places[lane] >= 0


def used(once: Once) -> InvalidRequest:
    """The refusal of a key that was used for something else."""
    return InvalidRequest("Idempotency-Key", f"{once.key} was used for another request: take a new one for each")


def gone(once: Once) -> InvalidRequest:
    """The refusal of a key whose task is no longer known, and which must not make another one."""
    return InvalidRequest("Idempotency-Key", f"{once.key} was used for a task that is no longer kept: take a new one")
