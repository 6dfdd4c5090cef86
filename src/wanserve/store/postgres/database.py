"""A PostgreSQL database: a pool of connections, short transactions, and notifications."""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg_pool import ConnectionPool, PoolTimeout

from wanserve.domain.errors import SetupError, StoreUnavailable, StoreUncertain
from wanserve.store.postgres import statements as sql
from wanserve.store.postgres.migrate import migrate
from wanserve.store.rows import Fetched
from wanserve.store.wakeup import Wakeup

T = TypeVar("T")
Connection = psycopg.Connection[Fetched]
Values = Mapping[str, object] | Sequence[object]

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 5
"""How long a connection may take to be opened."""

POOL_SECONDS: Final = 5.0
"""How long a call waits for a connection of the pool."""

POOL_SIZE: Final = 12

PAUSES_SECONDS: Final = (0.05, 0.2, 0.5, 1.0)
"""The pauses between the tries of a transaction that failed by a deadlock or a lost connection."""

CLOCK_SECONDS: Final = 60.0
"""How long a reading of the server's clock is used."""

RECONNECT_SECONDS: Final = 1.0
"""The pause before the connection for notifications is opened again."""

LISTEN_SECONDS: Final = 1.0
"""How long the listener waits for notifications before it looks whether it is to end."""

_PASSWORD: Final = re.compile(r"(://[^:/@\s]*:|\bpassword=)[^@&\s\"]*")

_CONNECTION_LOST: Final = (pg.OperationalError, PoolTimeout)
_CONFLICT: Final = (pg.SerializationFailure, pg.DeadlockDetected)


class PostgresDatabase:
    """One database, which several processes on several machines share. Its methods may be called from any thread."""

    def __init__(self, url: str, *, owner: bool = True) -> None:
        """Open the pool, and migrate the schema; see `migrate`. Raises SetupError, which never has the password."""
        self.wakeup = Wakeup()
        self._closing = threading.Event()
        settings: dict[str, Any] = {"autocommit": True, "connect_timeout": CONNECT_SECONDS}
        try:
            with psycopg.connect(url, **settings) as first:
                migrate(first, owner=owner)
                self._read_clock(first)
        except psycopg.Error as error:
            raise SetupError(f"database_url (WANSERVE_DATABASE_URL) cannot be opened: {_reason(error)}") from error
        self._url, self._settings = url, settings
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url, kwargs=settings, min_size=1, max_size=POOL_SIZE, timeout=POOL_SECONDS, name="wanserve", open=True
        )
        self._listener = threading.Thread(target=self._listen, name="store-listener", daemon=True)
        self._listener.start()

    def now_ms(self) -> int:
        """The server's clock, in milliseconds since 1970: its last reading, carried on by the monotonic clock."""
        return _monotonic_ms() + self._ahead_ms

    def read(self, statement: str, values: Values) -> list[Fetched]:
        """The rows of one SELECT. Raises StoreUnavailable."""
        try:
            return self.run(lambda connection: connection.execute(statement, values).fetchall())
        except (UnicodeEncodeError, pg.DataError):
            # No stored text has half a surrogate pair or a NUL, so the read finds nothing.
            return []

    def change(self, statement: str, values: Values) -> int:
        """Run one statement, durably, and return the number of its rows. Raises StoreUnavailable, StoreUncertain."""
        return self.run(lambda connection: connection.execute(statement, values).rowcount)

    def run(self, work: Callable[[Connection], T]) -> T:
        """Run the work on a connection of the pool, and again where a conflict or a lost connection ended it.

        Only for work that may run twice: each statement commits by itself, and its own conditions tell whether it has
        run before. Raises StoreUnavailable once it has failed for some seconds.
        """
        return self._with_retries(work, self._once)

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run the work in one transaction, and again where a conflict or a lost connection ended it before the commit.

        Raises StoreUnavailable where nothing was stored, and StoreUncertain where the connection was lost while the
        transaction was committed.
        """
        return self._with_retries(work, self._transaction)

    def _once(self, work: Callable[[Connection], T]) -> T:
        with self._pool.connection() as connection:
            return work(connection)

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        with self._pool.connection() as connection:
            connection.execute("BEGIN")
            try:
                result = work(connection)
            except BaseException:
                if not connection.closed:
                    connection.rollback()
                raise
            try:
                connection.execute("COMMIT")
            except _CONFLICT:
                raise
            except psycopg.Error as error:
                raise StoreUncertain(f"a write to the task table may be lost: {_reason(error)}") from error
            return result

    def _with_retries(self, work: Callable[[Connection], T], run: Callable[[Callable[[Connection], T]], T]) -> T:
        for pause_s in (*PAUSES_SECONDS, None):
            try:
                return run(work)
            except (UnicodeEncodeError, pg.DataError):
                raise
            except (*_CONFLICT, *_CONNECTION_LOST) as error:
                if pause_s is None or self._closing.wait(pause_s):
                    raise StoreUnavailable(f"the task table cannot be reached: {_reason(error)}") from error
            except psycopg.Error as error:
                raise StoreUnavailable(f"the task table cannot be used: {_reason(error)}") from error
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        """Close every connection. The database must not be used afterwards."""
        self._closing.set()
        self.wakeup.wake()
        with suppress(psycopg.Error), self._pool.connection() as connection:
            # The listener hears it too, and ends.
            connection.execute(sql.NOTIFY)
        self._listener.join()
        self._pool.close()

    def _listen(self) -> None:
        """Wake the waiting threads at each notification; after a lost connection, connect again."""
        pause_s = 0.0
        while not self._closing.wait(pause_s):
            pause_s = RECONNECT_SECONDS
            try:
                with psycopg.connect(self._url, **self._settings) as connection:
                    self._hear(connection)
            except psycopg.Error as error:
                log.warning("the connection for notifications was lost, and is opened again: %s", _reason(error))

    def _hear(self, connection: Connection) -> None:
        connection.execute(sql.LISTEN)
        self._read_clock(connection)
        # A notification may have been sent while this process did not listen.
        self.wakeup.wake()
        while not self._closing.is_set():
            if any(True for _ in connection.notifies(timeout=LISTEN_SECONDS, stop_after=1)):
                self.wakeup.wake()
            if time.monotonic() - self._clock_read_s > CLOCK_SECONDS:
                self._read_clock(connection)

    def _read_clock(self, connection: Connection) -> None:
        before_ms = _monotonic_ms()
        row = connection.execute(sql.NOW, {"now_ms": None}).fetchone()
        assert row is not None, "a function has a value"
        self._ahead_ms: int = row[0] - (before_ms + _monotonic_ms()) // 2
        self._clock_read_s = time.monotonic()


def _reason(error: psycopg.Error) -> str:
    """The first line of the error's message, without a password: some of libpq's messages repeat the URL."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return _PASSWORD.sub(r"\1***", line)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
