"""The task table on a PostgreSQL database."""

import random
import secrets
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import asdict
from threading import Event
from typing import Final

from psycopg.types.json import Jsonb

from wanserve.domain.errors import WanserveError
from wanserve.domain.idempotency import SubmitIdentity
from wanserve.domain.marks import MadeFile
from wanserve.domain.ports import Clock, StateCount, TaskVersion
from wanserve.domain.progress import Heartbeat
from wanserve.domain.search import Search
from wanserve.domain.task import NewTask, Settlement, State, Succeeded, Task, Usage
from wanserve.domain.worker import WorkerRow
from wanserve.store.listing import Listing
from wanserve.store.postgres import search_statements
from wanserve.store.postgres import statements as sql
from wanserve.store.postgres.database import UNSTORABLE, PostgresDatabase, is_storable
from wanserve.store.postgres.listener import Connection
from wanserve.store.postgres.submits import Submitter
from wanserve.store.rows import (
    LIFE_COLUMNS,
    life_row,
    read_made,
    read_task,
    read_usage,
    read_worker,
    renewal_values,
    worker_row,
)
from wanserve.store.submits import PendingSubmit

CLAIM_PAUSES_SECONDS: Final = (0.0, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08)
"""The longest pauses before a claim is tried again while other transactions hold the accounts whose turn it may be.

Most often another worker claims a task of the same account. Half of each pause at least, so that workers do not try in step.
"""

PROBE_BYTES: Final = 16_384


class PostgresTasks:
    """The TaskStore on a PostgresDatabase. `clock` replaces the server's clock in tests."""

    heartbeat_seconds = 5.0
    """Cancels are told by a notification. The heartbeat notices one whose notification was lost."""

    claim_pauses_s: Sequence[float] = CLAIM_PAUSES_SECONDS

    def __init__(self, database: PostgresDatabase, clock: Clock | None = None) -> None:
        self._database = database
        self._listener = database.listener
        self._clock = clock
        self._submitter = Submitter(database, clock)

    def close(self) -> None:
        """Finish the queued submits. The store must not be used afterwards."""
        self._submitter.close()

    def now_ms(self) -> int:
        """See TaskStore."""
        return self._listener.now_ms() if self._clock is None else self._clock()

    def add(self, new: NewTask, max_queued: int, identity: SubmitIdentity | None = None) -> Future[Task]:
        """See TaskStore."""
        return self._submitter.submit(PendingSubmit(new.account, new, max_queued, identity))

    def find_earlier(self, account: str, identity: SubmitIdentity, refusal: WanserveError) -> Future[Task]:
        """See TaskStore."""
        return self._submitter.submit(PendingSubmit(account, refusal, 0, identity))

    def get(self, account: str, task_id: str) -> Task | None:
        """See TaskStore."""
        rows = self._database.read(sql.GET_TASK, {"task_id": task_id, "account": account})
        return read_task(rows[0]) if rows else None

    def get_many(self, asked: Sequence[tuple[str, str]]) -> list[Task | None]:
        """See TaskStore."""
        # A text that PostgreSQL cannot store would fail the look-up of all.
        names = [(account, task_id) for account, task_id in asked if is_storable(task_id)]
        values = {"accounts": [account for account, _ in names], "ids": [task_id for _, task_id in names]}
        found = {task.id: task for task in map(read_task, self._database.read(sql.GET_TASKS, values))}
        tasks = [(account, found.get(task_id)) for account, task_id in asked]
        return [task if task is not None and task.account == account else None for account, task in tasks]

    def find(self, task_id: str) -> Task | None:
        """See TaskStore."""
        rows = self._database.read(sql.FIND_TASKS, {"ids": [task_id]})
        return read_task(rows[0]) if rows else None

    def changes(self, ids: Collection[str], accounts: Collection[str], ended_since_ms: int) -> list[TaskVersion]:
        """See TaskStore."""
        values = {"ids": list(ids), "accounts": list(accounts), "ended_since_ms": ended_since_ms}
        rows = self._database.read(sql.ALL_CHANGES if accounts else sql.NAMED_CHANGES, values)
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
        values = {"models": list(models), "max_running": max_running}
        return [model for (model,) in self._database.read(sql.WAITING_MODELS, values)]

    def places(self, task_ids: Collection[str]) -> dict[str, int]:
        """See TaskStore."""
        return dict(self._database.read(sql.PLACES, {"ids": list(task_ids)}))

    def next_place(self, account: str, model: str) -> int:
        """See TaskStore."""
        rows = self._database.read(sql.NEXT_PLACE, {"account": account, "model": model})
        # None where no model can have the name: then nobody waits for it.
        return rows[0][0] if rows else 1

    def claim(
        self, worker_id: str, models: Collection[str], lease_seconds: float, max_running: int | None
    ) -> Task | None:
        """See TaskStore."""
        values = self._now() | {
            "worker_id": worker_id,
            "models": list(models),
            "lease_ms": round(lease_seconds * 1000),
            "max_running": max_running,
        }

        def take(connection: Connection) -> tuple[bool, Task | None]:
            row = connection.execute(sql.CLAIM_TASK, values).fetchone()
            assert row is not None, "a function has a value"
            busy, *task = row
            return busy, None if task[0] is None else read_task(tuple(task))

        def take_again(connection: Connection) -> tuple[bool, Task | None]:
            claimed = connection.execute(sql.CLAIMED_BY, values).fetchone()
            return take(connection) if claimed is None else (False, read_task(claimed))

        for pause_s in (*self.claim_pauses_s, None):
            busy, task = self._database.run(take, take_again)
            if task is not None or not busy or pause_s is None:
                return task
            time.sleep(random.uniform(pause_s / 2, pause_s))
        raise AssertionError("the last try returns")

    def renew(self, task: Task, lease_seconds: float, heartbeat: Heartbeat) -> bool:
        """See TaskStore."""
        values = self._now() | renewal_values(task, lease_seconds, heartbeat)
        return self._database.change(sql.RENEW_TASK, values) == 1

    def settle(self, task: Task, settlement: Settlement, *, expired_only: bool = False) -> bool:
        """See TaskStore."""
        # The time of the end is the table's to write: this one only says whether there is an end.
        moved = task.settled(settlement, 0)
        life = dict(zip(map(str.strip, LIFE_COLUMNS.split(",")), life_row(moved), strict=True))
        values = (
            self._now()
            | life
            | {
                "ended": moved.ended_ms is not None,
                "task_id": task.id,
                "attempt": task.attempt,
                "expired_only": expired_only,
                "hashes": Jsonb(dict(settlement.hashes) if isinstance(settlement, Succeeded) else {}),
            }
        )

        def end(connection: Connection) -> bool:
            return connection.execute(sql.SETTLE_TASK, values).fetchone() == (1,)

        def end_again(connection: Connection) -> bool:
            return end(connection) or connection.execute(sql.IS_SETTLED, values).fetchone() == (1,)

        settled = self._database.run(end, end_again)
        if settled:
            self._listener.wakeup.wake()
        return settled

    def cancel(self, account: str, task_id: str, states: Collection[State]) -> Task | None:
        """See TaskStore."""
        values = self._now() | {"task_id": task_id, "account": account, "states": list(states)}

        def cancel(connection: Connection) -> Task | None:
            row = connection.execute(sql.CANCEL_TASK, values).fetchone()
            return None if row is None else read_task(row)

        def cancel_again(connection: Connection) -> Task | None:
            canceled = cancel(connection)
            row = None if canceled else connection.execute(sql.GET_TASK, values).fetchone()
            task = canceled if row is None else read_task(row)
            return task if task is not None and task.state is State.CANCELED else None

        try:
            canceled = self._database.run(cancel, cancel_again)
        except UNSTORABLE:
            return None
        self._listener.watches.tell(task_id)
        self._listener.wakeup.wake()
        return canceled

    def note_freed(self, task: Task) -> bool:
        """See TaskStore."""
        return self._database.change(sql.FREE_TASK, {"task_id": task.id, "attempt": task.attempt}) == 1

    def remove(self, account: str, task_id: str) -> bool:
        """See TaskStore."""
        removed = self._database.read(sql.REMOVE_TASK, {"task_id": task_id, "account": account}) == [(1,)]
        self._listener.watches.tell(task_id)
        return removed

    def expired(self) -> list[Task]:
        """See TaskStore."""
        return [read_task(row) for row in self._database.read(sql.EXPIRED_TASKS, self._now())]

    def abandoned(self, installation: str) -> list[Task]:
        """See TaskStore."""
        rows = self._database.read(sql.ABANDONED_TASKS, {"installation": installation})
        return [read_task(row) for row in rows]

    def made(self, sha256: str) -> list[MadeFile]:
        """See TaskStore."""
        return [read_made(row) for row in self._database.read(sql.FIND_FILES, {"sha256": sha256})]

    def usage(self, account: str | None) -> list[Usage]:
        """See TaskStore."""
        return [read_usage(row) for row in self._database.read(sql.LEDGER, {"account": account})]

    def forget(self, ended_before_ms: int, limit: int) -> list[Task]:
        """See TaskStore."""
        values: dict[str, object] = {"before_ms": ended_before_ms, "limit": limit}

        def forget(connection: Connection) -> list[Task]:
            accounts = [account for (account,) in connection.execute(sql.LOCK_FORGOTTEN, values).fetchall()]
            rows = connection.execute(sql.FORGET_TASKS, values | {"accounts": accounts}).fetchall()
            return [read_task(row) for row in rows]

        return self._database.transact(forget)

    def forget_keys(self, ttl_ms: int, limit: int) -> int:
        """See TaskStore."""
        return self._database.change(sql.FORGET_KEYS, self._now() | {"ttl_ms": ttl_ms, "limit": limit})

    def save_worker(self, worker: WorkerRow) -> None:
        """See TaskStore."""
        *row, _ = worker_row(worker, 0)
        self._database.change(sql.SAVE_WORKER, [*row, self._now()["now_ms"]])

    def remove_workers(self, installation: str) -> None:
        """See TaskStore."""
        self._database.change(sql.REMOVE_WORKERS, {"installation": installation})

    def forget_workers(self, unseen_seconds: float) -> None:
        """See TaskStore."""
        self._database.change(sql.FORGET_WORKERS, self._now() | {"within_ms": round(unseen_seconds * 1000)})

    def workers(self, seen_within_seconds: float) -> list[WorkerRow]:
        """See TaskStore."""
        values = self._now() | {"within_ms": round(seen_within_seconds * 1000)}
        return [read_worker(row) for row in self._database.read(sql.SEEN_WORKERS, values)]

    def wait(self, seen: int, timeout_s: float) -> int:
        """See TaskStore."""
        return self._listener.wakeup.wait(seen, timeout_s)

    def wake(self) -> None:
        """See TaskStore."""
        self._listener.wakeup.wake()

    def watch(self, task_id: str) -> AbstractContextManager[Event]:
        """See TaskStore."""
        return self._listener.watches.watch(task_id)

    def leads(self) -> bool:
        """See TaskStore."""
        return self._listener.leads()

    def state_counts(self) -> list[StateCount]:
        """See TaskStore."""
        rows = self._database.read(sql.STATE_COUNTS, ())
        return [StateCount(model, State(state), count, oldest_ms) for model, state, count, oldest_ms in rows]

    def check_writable(self) -> None:
        """See TaskStore."""
        self._database.change(sql.PROBE, {"content": secrets.token_bytes(PROBE_BYTES)})

    def _now(self) -> dict[str, object]:
        return {"now_ms": None if self._clock is None else self._clock()}

    def _listing(self, account: str, search: Search) -> Listing:
        return Listing(self._database.read, search_statements, search_values, account, search)


def search_values(search: Search, account: str | None) -> dict[str, object]:
    """The values for the statements of a search."""
    return asdict(search) | {"account": account, "states": list(search.states)}
