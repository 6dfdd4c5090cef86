"""Adds the tasks of many submits at once, within the limits of their accounts; a repeated submit gets its first task."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import assert_never

from wanserve.domain.errors import InvalidRequest, QueueFull, WanserveError
from wanserve.domain.idempotency import CountedSubmit, KeyedSubmit, SubmitIdentity
from wanserve.domain.task import Task
from wanserve.store.listing import PERIOD_MS
from wanserve.store.refusals import key_of_a_forgotten_task, key_of_another_request
from wanserve.store.rows import Row, new_row, read_task
from wanserve.store.sqlite import statements as sql
from wanserve.store.submits import PendingSubmit


def add_all(connection: sqlite3.Connection, submits: Sequence[PendingSubmit], now_ms: int) -> list[Task | Exception]:
    """Add the tasks that are new and fit into their queues. Returns for each submit its task, or the error."""
    batch = _Batch(connection, now_ms)
    answers = [batch.take(submit) for submit in submits]
    batch.write()
    return answers


@dataclass(slots=True)
class _Batch:
    connection: sqlite3.Connection
    now_ms: int
    places: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many more tasks may wait, by account and model."""

    tasks: list[Row] = field(default_factory=list)
    periods: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    """How many of them there are, by account, period of ten minutes, and model."""

    keyed: dict[tuple[str, str], tuple[KeyedSubmit, Task]] = field(default_factory=dict)
    """The submits of this batch that have an idempotency key, by account and key."""

    counted: list[tuple[CountedSubmit, Task]] = field(default_factory=list)
    """The submits of this batch whose clients count their retries."""

    def take(self, submit: PendingSubmit) -> Task | Exception:
        identity = submit.identity
        if identity is not None and (earlier := self._earlier(submit.account, identity)) is not None:
            return earlier
        if isinstance(submit.new, WanserveError):
            return submit.new
        task = submit.new.accepted(self.now_ms)
        if not self._has_place(task, submit.max_queued):
            return QueueFull(f"the queue for {task.generation.model} is full: wait for a task to end")
        self.tasks.append(new_row(task))
        self.periods[task.account, task.submitted_ms // PERIOD_MS, task.generation.model] += 1
        if isinstance(identity, KeyedSubmit):
            self.keyed[task.account, identity.key] = identity, task
        elif identity is not None:
            self.counted.append((identity, task))
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
            (task.account, submit.key, submit.fingerprint, task.id, task.submitted_ms)
            for submit, task in self.keyed.values()
        ]
        self.connection.executemany(sql.KEEP_KEYED, keyed)
        counted = [
            (task.id, task.account, submit.fingerprint, submit.retries, task.submitted_ms)
            for submit, task in self.counted
        ]
        self.connection.executemany(sql.KEEP_COUNTED, counted)

    def _earlier(self, account: str, identity: SubmitIdentity) -> Task | InvalidRequest | None:
        match identity:
            case KeyedSubmit():
                return self._by_key(account, identity)
            case CountedSubmit():
                return None if identity.follows is None else self._by_count(account, identity)
            case _:
                assert_never(identity)

    def _by_key(self, account: str, submit: KeyedSubmit) -> Task | InvalidRequest | None:
        """The task of an earlier submit with this key, or the error where the key was used for another request."""
        if (account, submit.key) in self.keyed:
            first, added = self.keyed[account, submit.key]
            return added if first.fingerprint == submit.fingerprint else key_of_another_request(submit)
        row = self.connection.execute(sql.FIND_KEYED, (account, submit.key, self.now_ms - submit.ttl_ms)).fetchone()
        if row is None:
            return None
        fingerprint, task_id = row
        if fingerprint != submit.fingerprint:
            return key_of_another_request(submit)
        task = self._task(task_id)
        return key_of_a_forgotten_task(submit) if task is None or task.ended_before(submit.kept_since_ms) else task

    def _by_count(self, account: str, submit: CountedSubmit) -> Task | None:
        """The task of the try before this one. This try has it from now on."""
        for number, (earlier, task) in enumerate(self.counted):
            if task.account == account and earlier.followed_by(submit):
                self.counted[number] = submit, task
                return task
        since_ms = self.now_ms - submit.window_ms
        values = (submit.retries, account, submit.fingerprint, submit.follows, since_ms)
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
