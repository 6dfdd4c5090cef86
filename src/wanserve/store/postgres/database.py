"""A PostgreSQL database: a pool of connections, short transactions, and notifications."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
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

RETRIES: Final = 5
"""How often a transaction is tried that another one has made fail: a deadlock, or a connection that was lost."""

PAUSES_SECONDS: Final = (0.05, 0.2, 0.5, 1.0)

LISTEN_SECONDS: Final = 1.0
"""How long the listener waits for notifications before it looks whether it is to end."""

_CONNECTION_LOST: Final = (pg.OperationalError, PoolTimeout)
_CONFLICT: Final = (pg.SerializationFailure, pg.DeadlockDetected)


class PostgresDatabase:
    """One database, which several processes on several machines share. Its methods may be called from any thread."""

    def __init__(self, url: str) -> None:
        """Open the pool, and migrate the schema. Raises SetupError, which never contains the password."""
        self.wakeup = Wakeup()
        self._closing = threading.Event()
        settings: dict[str, Any] = {"autocommit": True, "connect_timeout": CONNECT_SECONDS}
        try:
            with psycopg.connect(url, **settings) as first:
                migrate(first)
        except psycopg.Error as error:
            raise SetupError(f"the database cannot be opened: {_reason(error)}") from error
        self._url, self._settings = url, settings
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url, kwargs=settings, min_size=1, max_size=POOL_SIZE, timeout=POOL_SECONDS, name="wanserve", open=True
        )
        self._listener = threading.Thread(target=self._listen, name="store-listener", daemon=True)
        self._listener.start()

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

        Only work that may run twice: each statement commits by itself, and finds by its own conditions that it has
        happened. Raises StoreUnavailable once it has failed for some seconds.
        """
        for number in range(RETRIES):
            try:
                with self._pool.connection() as connection:
                    return work(connection)
            except (*_CONFLICT, *_CONNECTION_LOST) as error:
                problem: psycopg.Error = error
            except psycopg.Error as error:
                raise StoreUnavailable(f"the task table cannot be used: {_reason(error)}") from error
            if self._closing.is_set() or number == RETRIES - 1 or self._closing.wait(PAUSES_SECONDS[number]):
                break
        raise StoreUnavailable(f"the task table cannot be reached: {_reason(problem)}") from problem

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run the work in one transaction, again after a conflict.

        Raises StoreUnavailable where nothing was stored, and StoreUncertain where the connection was lost while the
        transaction was committed.
        """
        for number in range(RETRIES):
            committing = False
            try:
                with self._pool.connection() as connection:
                    connection.execute("BEGIN")
                    try:
                        result = work(connection)
                    except BaseException:
                        if not connection.closed:
                            connection.rollback()
                        raise
                    committing = True
                    connection.execute("COMMIT")
                    return result
            except _CONFLICT as error:
                problem: psycopg.Error = error
            except psycopg.Error as error:
                if committing:
                    raise StoreUncertain(f"a write to the task table may be lost: {_reason(error)}") from error
                problem = error
                if not isinstance(error, _CONNECTION_LOST):
                    raise StoreUnavailable(f"the task table cannot be written: {_reason(error)}") from error
            if number == RETRIES - 1 or self._closing.wait(PAUSES_SECONDS[number]):
                break
        raise StoreUnavailable(f"the task table cannot be reached: {_reason(problem)}") from problem

    def close(self) -> None:
        """Close every connection. The database must not be used afterwards."""
        self._closing.set()
        self.wakeup.wake()
        self._listener.join()
        self._pool.close()

    def _listen(self) -> None:
        """Wake the waiting threads at each notification; after a lost connection, connect again."""
        pause_s = 0.0
        while not self._closing.wait(pause_s):
            try:
                with psycopg.connect(self._url, **self._settings) as connection:
                    connection.execute(sql.LISTEN)
                    # Something may have come while nobody listened.
                    self.wakeup.wake()
                    pause_s = 0.0
                    while not self._closing.is_set():
                        for _ in connection.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                            self.wakeup.wake()
            except psycopg.Error as error:
                log.warning("the connection for notifications was lost, and is opened again: %s", _reason(error))
                pause_s = 1.0


def _reason(error: psycopg.Error) -> str:
    """The first line of the error's message. libpq's messages have hosts and user names, and never a password."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def monotonic_ms() -> int:
    """A reading of the monotonic clock, in milliseconds."""
    return time.monotonic_ns() // 1_000_000
