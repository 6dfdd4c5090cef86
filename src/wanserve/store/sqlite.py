"""The task table and the keys in one SQLite file: one writer, many readers, every commit on disk."""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import astuple
from pathlib import Path
from typing import Final, TypeVar

from wanserve.domain.account import Account, Key, Limits
from wanserve.domain.errors import InvalidRequest, SetupError, StoreUnavailable, WanserveError
from wanserve.domain.ports import Census
from wanserve.domain.search import Search
from wanserve.domain.task import Counted, Once, State, Task, Usage
from wanserve.store import statements as sql
from wanserve.store.batch import Submit, add_all
from wanserve.store.listing import Listing, search_values
from wanserve.store.migrate import migrate, migrations, schema_version
from wanserve.store.rows import (
    Fetched,
    Value,
    life_row,
    models_text,
    read_account,
    read_key,
    read_task,
    read_usage,
    usage_row,
)
from wanserve.store.wakeup import Wakeup
from wanserve.store.writer import Writer

T = TypeVar("T")

FREELY: Final = nullcontext()

BUSY_SECONDS = 10
"""How long a write waits for another process (a command line) that is writing."""

WAL_BYTES: Final = 64 * 1024 * 1024
"""The write-ahead log is cut to this size once its pages are in the database itself."""


class _Own(threading.local):
    """What each thread has for itself."""

    reader: sqlite3.Connection | None = None


class Database:
    """One SQLite file: a reading connection for each thread that asks, and the Writer."""

    def __init__(
        self, path: Path, migrating: AbstractContextManager[None] = FREELY, watched: Sequence[Path] = ()
    ) -> None:
        """Open the file, creating or migrating it. Raises SetupError where it cannot be, or is newer than we are.

        `migrating` is entered while the schema changes, and may refuse that. Where one of the files `watched` goes,
        nothing is written any more, as where one of the database's own does.
        """
        self._path = path
        self._local = _Own()
        self._readers: list[sqlite3.Connection] = []
        self._closed = False
        self._beside = tuple(path.with_name(f"{path.name}-{name}") for name in ("wal", "shm"))
        self._watched = (path, *watched, *self._beside)
        self._files: dict[Path, tuple[int, int]] = {}
        steps = migrations()
        try:
            if not path.exists():
                # By itself SQLite makes it readable for all; the files beside it take its mode.
                path.touch(mode=0o600)
            first = self._connect()
            try:
                with migrating if schema_version(first) < max(steps) else FREELY:
                    migrate(first, steps)
            finally:
                first.close()
        except (sqlite3.Error, OSError) as error:
            raise SetupError(f"the database {path} cannot be opened: {error}") from error
        self.wakeup = Wakeup()
        self.writer = Writer(self._connect_writer, self.wakeup.wake, self._check_files)

    def read(self, statement: str, values: tuple[Value, ...] | dict[str, Value]) -> list[Fetched]:
        """The rows of one SELECT as of the last commit. Raises StoreUnavailable."""
        try:
            return self._reader().execute(statement, values).fetchall()
        except UnicodeEncodeError:
            # Half a surrogate pair is in no text that was ever stored, so it finds nothing.
            return []
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the task table cannot be read: {error}") from error

    def write(self, statements: Callable[[sqlite3.Connection], T], *, wakes: bool = False) -> T:
        """Run the statements in a durable transaction and return what they return. See Writer."""
        return self.writer.write(statements, wakes=wakes).result()

    def close(self) -> None:
        """Finish the waiting writes and close every connection; nothing may be asked afterwards."""
        self._closed = True
        self.writer.close()
        for reader in self._readers:
            reader.close()

    def _connect_writer(self) -> sqlite3.Connection:
        # The files beside the database come with its first connection and go with its last.
        self._files = {path: known for path, known in self._files.items() if path not in self._beside}
        return self._connect()

    def _check_files(self) -> None:
        """See that the files are still those that were opened: SQLite goes on writing to one that was deleted.

        Raises StoreUnavailable: what is written now would be gone at the next start.
        """
        for path in self._watched:
            try:
                found = os.stat(path)  # noqa: PTH116 - before each commit, and half as long as through Path
            except OSError:
                identity = None
            else:
                identity = found.st_dev, found.st_ino
            known = self._files.setdefault(path, identity) if identity else self._files.get(path)
            if known != identity:
                raise StoreUnavailable(
                    f"the task table cannot be written: {path} was removed or replaced while the server ran;"
                    " put it back and start the server again"
                )

    def _reader(self) -> sqlite3.Connection:
        reader = self._local.reader
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if reader is None:
            reader = self._connect()
            reader.execute("PRAGMA query_only = ON")
            self._local.reader = reader
            self._readers.append(reader)
        return reader

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        return connection


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


class SqliteKeys:
    """The KeyStore on a Database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_key(self, sha256: str) -> Key | None:
        """See KeyStore."""
        rows = self._database.read(sql.FIND_KEY, (sha256,))
        return read_key(rows[0]) if rows else None

    def add_key(self, key: Key) -> None:
        """See KeyStore."""

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(sql.ADD_ACCOUNT, (key.account, key.created_ms))
            try:
                connection.execute(
                    sql.ADD_KEY,
                    (key.sha256, key.name, key.account, key.created_ms, models_text(key), key.revoked_ms),
                )
            except sqlite3.IntegrityError as error:
                raise InvalidRequest("name", f"there is a key named {key.name} already") from error

        self._database.write(insert)

    def update_key(self, key: Key) -> None:
        """See KeyStore."""
        values = (models_text(key), key.revoked_ms, key.sha256)
        self._database.write(lambda connection: connection.execute(sql.UPDATE_KEY, values))

    def all_keys(self) -> list[Key]:
        """See KeyStore."""
        return [read_key(row) for row in self._database.read(sql.ALL_KEYS, ())]

    def accounts(self) -> list[Account]:
        """See KeyStore."""
        return [read_account(row) for row in self._database.read(sql.ALL_ACCOUNTS, ())]

    def limit(self, account: str, limits: Limits) -> bool:
        """See KeyStore."""
        values = (*astuple(limits), account)
        return self._database.write(lambda connection: connection.execute(sql.LIMIT_ACCOUNT, values).rowcount == 1)
