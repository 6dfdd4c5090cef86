"""The task table on a SQLite database."""

import json
import sqlite3
from collections.abc import Collection
from concurrent.futures import Future

from wanserve.domain.errors import WanserveError
from wanserve.domain.ports import Census
from wanserve.domain.search import Search
from wanserve.domain.task import Counted, Once, State, Task, Usage
from wanserve.store.rows import (
    Value,
    life_row,
    read_task,
    read_usage,
    usage_row,
)
from wanserve.store.sqlite import statements as sql
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.listing import Listing, search_values
from wanserve.store.sqlite.submits import Submit, add_all


class SqliteTasks:
    """The TaskStore on a Database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, task: Task, max_queued: int, once: Once | Counted | None = None) -> Future[Task]:
        """See TaskStore."""
        return self._database.writer.write_together(add_all, Submit(task.account, task, max_queued, once))

    def repeat(self, account: str, once: Once | Counted, refusal: WanserveError) -> Future[Task]:
        """See TaskStore."""
        return self._database.writer.write_together(add_all, Submit(account, refusal, 0, once))

    def get(self, account: str, task_id: str) -> Task | None:
        """See TaskStore."""
        rows = self._database.read(sql.GET_TASK, (task_id, account))
        return read_task(rows[0]) if rows else None

    def find(self, task_id: str) -> Task | None:
        """See TaskStore."""
        rows = self._database.read(sql.FIND_TASK, (task_id,))
        return read_task(rows[0]) if rows else None

    def search(self, account: str | None, search: Search) -> list[Task]:
        """See TaskStore."""
        if account is not None:
            rows = Listing(self._database.read, account, search).page()
        else:
            rows = self._database.read(sql.search_tasks(search, None), search_values(search, None))
        return [read_task(row) for row in rows]

    def count(self, account: str, search: Search) -> int:
        """See TaskStore."""
        return Listing(self._database.read, account, search).total()

    def waiting(self, models: Collection[str], max_running: int | None) -> list[str]:
        """See TaskStore."""
        values: dict[str, Value] = {"models": json.dumps(list(models)), "max_running": max_running}
        return [model for (model,) in self._database.read(sql.WAITING_MODELS, values)]

    def claim(self, models: Collection[str], now_ms: int, lease_ms: int, max_running: int | None) -> Task | None:
        """See TaskStore."""
        values = {
            "models": json.dumps(list(models)),
            "now_ms": now_ms,
            "lease_ms": lease_ms,
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

    def renew(self, task: Task, lease_ms: int, progress: float) -> bool:
        """See TaskStore."""
        return self._changed(sql.RENEW_TASK, (lease_ms, progress, task.id, task.attempt))

    def settle(self, task: Task, lease_before_ms: int | None = None) -> bool:
        """See TaskStore."""
        values = (*life_row(task), task.id, task.attempt, lease_before_ms)

        def end(connection: sqlite3.Connection) -> bool:
            if connection.execute(sql.SETTLE_TASK, values).rowcount == 0:
                return False
            if task.state is State.SUCCEEDED:
                connection.execute(sql.ADD_USAGE, usage_row(task.usage()))
            return True

        # A place has come free, or the task waits again.
        return self._database.write(end, wakes=True)

    def cancel(self, task: Task, states: Collection[State]) -> bool:
        """See TaskStore."""
        return self._changed(sql.CANCEL_TASK, (task.ended_ms, task.id, task.account, json.dumps(list(states))))

    def remove(self, account: str, task_id: str) -> bool:
        """See TaskStore."""
        return self._changed(sql.REMOVE_TASK, (task_id, account))

    def expired(self, now_ms: int) -> list[Task]:
        """See TaskStore."""
        return [read_task(row) for row in self._database.read(sql.EXPIRED_TASKS, (now_ms,))]

    def usage(self, account: str | None) -> list[Usage]:
        """See TaskStore."""
        return [read_usage(row) for row in self._database.read(sql.LEDGER, {"account": account})]

    def forget(self, ended_before_ms: int, limit: int) -> list[Task]:
        """See TaskStore."""
        rows = self._database.write(
            lambda connection: connection.execute(sql.FORGET_TASKS, (ended_before_ms, limit)).fetchall()
        )
        return [read_task(row) for row in rows]

    def forget_keys(self, used_before_ms: int, limit: int) -> int:
        """See TaskStore."""
        return self._database.write(
            lambda connection: connection.execute(sql.FORGET_KEYS, (used_before_ms, limit)).rowcount
        )

    def wait(self, seen: int, timeout_s: float) -> int:
        """See TaskStore."""
        return self._database.wakeup.wait(seen, timeout_s)

    def wake(self) -> None:
        """See TaskStore."""
        self._database.wakeup.wake()

    def census(self) -> list[Census]:
        """See TaskStore."""
        rows = self._database.read(sql.CENSUS, ())
        return [Census(model, State(state), count, oldest_ms) for model, state, count, oldest_ms in rows]

    def check_writable(self) -> None:
        """See TaskStore."""
        self._database.write(lambda connection: connection.execute(sql.PROBE))

    def _changed(self, statement: str, values: tuple[Value, ...]) -> bool:
        return self._database.write(lambda connection: connection.execute(statement, values).rowcount == 1)
