"""The task table on a SQLite database."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import asdict
from threading import Event

from wanserve.domain.errors import WanserveError
from wanserve.domain.idempotency import SubmitIdentity
from wanserve.domain.marks import MadeFile
from wanserve.domain.ports import Clock, StateCount, TaskVersion
from wanserve.domain.progress import Heartbeat
from wanserve.domain.search import Search
from wanserve.domain.task import NewTask, Settlement, State, Succeeded, Task, Usage
from wanserve.domain.worker import WorkerRow
from wanserve.store.listing import Listing
from wanserve.store.rows import (
    Value,
    life_row,
    read_made,
    read_task,
    read_usage,
    read_worker,
    renewal_values,
    usage_row,
    worker_row,
)
from wanserve.store.sqlite import search_statements
from wanserve.store.sqlite import statements as sql
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.submits import add_all
from wanserve.store.submits import PendingSubmit
from wanserve.store.watches import Watches


class SqliteTasks:
    """The TaskStore on a Database. `clock` is the wall clock of this machine, which all processes on the file share."""

    heartbeat_seconds = 0.5
    """A cancel by another process, such as a command, is noticed by the heartbeat only, and must take less than a second."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._watches = Watches()

    def now_ms(self) -> int:
        """See TaskStore."""
        return self._clock()

    def add(self, new: NewTask, max_queued: int, identity: SubmitIdentity | None = None) -> Future[Task]:
        """See TaskStore."""
        submit = PendingSubmit(new.account, new, max_queued, identity)
        return self._database.writer.write_together(self._add_all, submit)

    def find_earlier(self, account: str, identity: SubmitIdentity, refusal: WanserveError) -> Future[Task]:
        """See TaskStore."""
        return self._database.writer.write_together(self._add_all, PendingSubmit(account, refusal, 0, identity))

    def get(self, account: str, task_id: str) -> Task | None:
        """See TaskStore."""
        rows = self._database.read(sql.GET_TASK, (task_id, account))
        return read_task(rows[0]) if rows else None

    def get_many(self, asked: Sequence[tuple[str, str]]) -> list[Task | None]:
        """See TaskStore."""
        return [self.get(*each) for each in asked]

    def find(self, task_id: str) -> Task | None:
        """See TaskStore."""
        rows = self._database.read(sql.FIND_TASK, (task_id,))
        return read_task(rows[0]) if rows else None

    def changes(self, ids: Collection[str], accounts: Collection[str], ended_since_ms: int) -> list[TaskVersion]:
        """See TaskStore."""
        named: dict[str, Value] = {"ids": json.dumps(list(ids))}
        values = named | {"accounts": json.dumps(list(accounts)), "ended_since_ms": ended_since_ms}
        read = self._database.read
        rows = read(sql.ALL_CHANGES, values) if accounts else read(sql.NAMED_CHANGES, named)
        return [TaskVersion(*row) for row in rows]

    def search(self, account: str | None, search: Search) -> list[Task]:
        """See TaskStore."""
        if account is not None:
            rows = self._listing(account, search).page()
        else:
            rows = self._database.read(search_statements.search_tasks(search, None), search_values(search, None))
        return [read_task(row) for row in rows]

    def count(self, account: str, search: Search) -> int:
        """See TaskStore."""
        return self._listing(account, search).total()

    def waiting(self, models: Collection[str], max_running: int | None) -> list[str]:
        """See TaskStore."""
        values: dict[str, Value] = {"models": json.dumps(list(models)), "max_running": max_running}
        return [model for (model,) in self._database.read(sql.WAITING_MODELS, values)]

    def places(self, task_ids: Collection[str]) -> dict[str, int]:
        """See TaskStore."""
        return dict(self._database.read(sql.PLACES, (json.dumps(list(task_ids)),)))

    def next_place(self, account: str, model: str) -> int:
        """See TaskStore."""
        rows = self._database.read(sql.NEXT_PLACE, {"account": account, "model": model})
        # None where no model can have the name: then nobody waits for it.
        return rows[0][0] if rows else 1

    def claim(
        self, worker_id: str, models: Collection[str], lease_seconds: float, max_running: int | None
    ) -> Task | None:
        """See TaskStore."""
        now_ms = self._clock()
        values: dict[str, Value] = {
            "worker_id": worker_id,
            "models": json.dumps(list(models)),
            "now_ms": now_ms,
            "lease_until_ms": now_ms + round(lease_seconds * 1000),
            "max_running": max_running,
        }

        def take(connection: sqlite3.Connection) -> Task | None:
            row = connection.execute(sql.CLAIM_TASK, values).fetchone()
            if row is None:
                return None
            task = read_task(row)
            connection.execute(sql.SERVE_ACCOUNT, (task.account,))
            return task

        return self._database.write(take)

    def renew(self, task: Task, lease_seconds: float, heartbeat: Heartbeat) -> bool:
        """See TaskStore."""
        values = {"now_ms": self._clock(), **renewal_values(task, lease_seconds, heartbeat)}
        return self._changed(sql.RENEW_TASK, values)

    def settle(self, task: Task, settlement: Settlement, *, expired_only: bool = False) -> bool:
        """See TaskStore."""
        now_ms = self._clock()
        moved = task.settled(settlement, now_ms)
        values = (*life_row(moved), task.id, task.attempt, now_ms if expired_only else None)

        def end(connection: sqlite3.Connection) -> bool:
            if connection.execute(sql.SETTLE_TASK, values).rowcount == 0:
                return False
            if moved.state is State.SUCCEEDED:
                connection.execute(sql.ADD_USAGE, usage_row(moved.usage()))
            if isinstance(settlement, Succeeded):
                files = [(sha256, task.id, file) for file, sha256 in settlement.hashes.items()]
                connection.executemany(sql.ADD_FILE, files)
            return True

        # The account may run another task, or this one waits again.
        return self._database.write(end, wakes=True)

    def cancel(self, account: str, task_id: str, states: Collection[State]) -> Task | None:
        """See TaskStore."""
        values = (self._clock(), task_id, account, json.dumps(list(states)))
        # What sends webhooks waits for ends too.
        row = self._database.write(
            lambda connection: connection.execute(sql.CANCEL_TASK, values).fetchone(), wakes=True
        )
        self._watches.tell(task_id)
        return None if row is None else read_task(row)

    def note_freed(self, task: Task) -> bool:
        """See TaskStore."""
        return self._changed(sql.FREE_TASK, (task.id, task.attempt))

    def remove(self, account: str, task_id: str) -> bool:
        """See TaskStore."""
        removed = self._changed(sql.REMOVE_TASK, (task_id, account))
        self._watches.tell(task_id)
        return removed

    def expired(self) -> list[Task]:
        """See TaskStore."""
        return [read_task(row) for row in self._database.read(sql.EXPIRED_TASKS, (self._clock(),))]

    def abandoned(self, installation: str) -> list[Task]:
        """See TaskStore."""
        return [read_task(row) for row in self._database.read(sql.ABANDONED_TASKS, (installation,))]

    def made(self, sha256: str) -> list[MadeFile]:
        """See TaskStore."""
        return [read_made(row) for row in self._database.read(sql.FIND_FILES, (sha256,))]

    def usage(self, account: str | None) -> list[Usage]:
        """See TaskStore."""
        return [read_usage(row) for row in self._database.read(sql.LEDGER, {"account": account})]

    def forget(self, ended_before_ms: int, limit: int) -> list[Task]:
        """See TaskStore."""
        rows = self._database.write(
            lambda connection: connection.execute(sql.FORGET_TASKS, (ended_before_ms, limit)).fetchall()
        )
        return [read_task(row) for row in rows]

    def forget_keys(self, ttl_ms: int, limit: int) -> int:
        """See TaskStore."""
        values = (self._clock() - ttl_ms, limit)
        return self._database.write(lambda connection: connection.execute(sql.FORGET_KEYS, values).rowcount)

    def save_worker(self, worker: WorkerRow) -> None:
        """See TaskStore."""
        values = worker_row(worker, self._clock())
        self._database.write(lambda connection: connection.execute(sql.SAVE_WORKER, values))

    def remove_workers(self, installation: str) -> None:
        """See TaskStore."""
        self._database.write(lambda connection: connection.execute(sql.REMOVE_WORKERS, (installation,)))

    def forget_workers(self, unseen_seconds: float) -> None:
        """See TaskStore."""
        values = (self._clock() - round(unseen_seconds * 1000),)
        self._database.write(lambda connection: connection.execute(sql.FORGET_WORKERS, values))

    def workers(self, seen_within_seconds: float) -> list[WorkerRow]:
        """See TaskStore."""
        since_ms = self._clock() - round(seen_within_seconds * 1000)
        return [read_worker(row) for row in self._database.read(sql.SEEN_WORKERS, (since_ms,))]

    def wait(self, seen: int, timeout_s: float) -> int:
        """See TaskStore."""
        return self._database.wakeup.wait(seen, timeout_s)

    def wake(self) -> None:
        """See TaskStore."""
        self._database.wakeup.wake()

    def watch(self, task_id: str) -> AbstractContextManager[Event]:
        """See TaskStore."""
        return self._watches.watch(task_id)

    def leads(self) -> bool:
        """See TaskStore. The server that has locked the data directory sweeps."""
        return True

    def state_counts(self) -> list[StateCount]:
        """See TaskStore."""
        rows = self._database.read(sql.STATE_COUNTS, ())
        return [StateCount(model, State(state), count, oldest_ms) for model, state, count, oldest_ms in rows]

    def check_writable(self) -> None:
        """See TaskStore."""
        self._database.write(lambda connection: connection.execute(sql.PROBE))

    def _changed(self, statement: str, values: tuple[Value, ...] | dict[str, Value]) -> bool:
        return self._database.write(lambda connection: connection.execute(statement, values).rowcount == 1)

    def _add_all(self, connection: sqlite3.Connection, submits: Sequence[PendingSubmit]) -> list[Task | Exception]:
        return add_all(connection, submits, self._clock())

    def _listing(self, account: str, search: Search) -> Listing:
        return Listing(self._database.read, search_statements, search_values, account, search)


def search_values(search: Search, account: str | None) -> dict[str, Value]:
    """The values for the statements of a search."""
    return asdict(search) | {"account": account, "states": json.dumps(list(search.states))}
