"""Knows how many submits are written at once: each within its limit, and a repeated one not again."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from wanserve.domain.errors import InvalidRequest, QueueFull
from wanserve.domain.task import Once, Task
from wanserve.store import statements as sql
from wanserve.store.rows import Row, new_row, read_task


class Submit(NamedTuple):
    """One task to be added; see TaskStore.add."""

    task: Task
    max_queued: int
    once: Once | None


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
    firsts: dict[tuple[str, str], tuple[Once, Task]] = field(default_factory=dict)
    """The submits of this batch that can be repeated, by their account and key."""

    def take(self, submit: Submit) -> Task | Exception:
        if submit.once is not None and not submit.once.first:
            earlier = self._earlier(submit.task.account, submit.once)
            if earlier is not None:
                return earlier
        if not self._has_place(submit):
            return QueueFull(f"the queue for {submit.task.generation.model} is full: wait for a task to end")
        self.tasks.append(new_row(submit.task))
        if submit.once is not None:
            self.firsts[submit.task.account, submit.once.key] = submit.once, submit.task
        return submit.task

    def write(self) -> None:
        whole = len(self.tasks) - len(self.tasks) % sql.ROWS_AT_ONCE
        for first in range(0, whole, sql.ROWS_AT_ONCE):
            rows = self.tasks[first : first + sql.ROWS_AT_ONCE]
            self.connection.execute(sql.ADD_TASKS, tuple(chain.from_iterable(rows)))
        self.connection.executemany(sql.ADD_TASK, self.tasks[whole:])
        kept = [
            (task.account, once.key, once.fingerprint, task.id, task.submitted_ms)
            for once, task in self.firsts.values()
        ]
        self.connection.executemany(sql.KEEP_SUBMIT, kept)

    def _earlier(self, account: str, once: Once) -> Task | InvalidRequest | None:
        """What an earlier submit with this key brought; a refusal where it asked for something else."""
        if (account, once.key) in self.firsts:
            first, task = self.firsts[account, once.key]
            return task if first.fingerprint == once.fingerprint else _used(once)
        row = self.connection.execute(sql.FIND_SUBMIT, (account, once.key, once.since_ms)).fetchone()
        if row is None:
            return None
        fingerprint, task_id = row
        if fingerprint != once.fingerprint:
            return _used(once)
        return read_task(self.connection.execute(sql.FIND_TASK, (task_id,)).fetchone())

    def _has_place(self, submit: Submit) -> bool:
        lane = account, model = submit.task.account, submit.task.generation.model
        if lane not in self.places:
            # Counting a queue takes as long as adding to it, so each lane is counted once.
            asked = (account, submit.max_queued, account, model)
            self.places[lane] = self.connection.execute(sql.COUNT_PLACES, asked).fetchone()[0]
        self.places[lane] -= 1
        return self.places[lane] >= 0


def _used(once: Once) -> InvalidRequest:
    return InvalidRequest("Idempotency-Key", f"{once.key} was used for another request: take a new one for each")
