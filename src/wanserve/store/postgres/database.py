"""A PostgreSQL database: a pool of connections, short transactions, and notifications."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import chain, repeat
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg_pool import ConnectionPool, PoolTimeout

from wanserve.domain.errors import SetupError, StoreUnavailable, StoreUncertain
from wanserve.store.postgres import statements as sql
from wanserve.store.postgres.listener import Connection, Listener
from wanserve.store.postgres.migrate import migrate
from wanserve.store.postgres.reasons import reason
from wanserve.store.rows import Fetched

T = TypeVar("T")
Values = Mapping[str, object] | Sequence[object]

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 5
"""How long a connection may take to be opened."""

POOL_SECONDS: Final = 5.0
"""How long a call waits for a connection of the pool."""

POOL_SIZE: Final = 12

LOST_SOON: Final = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
"""By these it is noticed within some ten seconds that the server's machine has gone; without them, after hours."""

PAUSES_SECONDS: Final = (0.05, 0.2, 0.5, 1.0)
"""The pauses between the tries of a transaction that failed by a deadlock or a lost connection."""

UNSTORABLE: Final = (UnicodeEncodeError, pg.DataError)
"""Raised for a text that PostgreSQL cannot store: with a NUL or half a surrogate pair."""

_CONNECTION_LOST: Final = (pg.OperationalError, PoolTimeout)
_CONFLICT: Final = (pg.SerializationFailure, pg.DeadlockDetected)


class PostgresDatabase:
    """One database, which several processes on several machines share. Its methods may be called from any thread."""

    def __init__(self, url: str, *, owner: bool = True, sweeps: bool = True) -> None:
        """Open the pool, and migrate the schema; see `migrate`. Raises SetupError, which never has the password.

        `sweeps`: this process takes part in the choice of the one that sweeps; see Listener.
        """
        self._closing = threading.Event()
        settings: dict[str, Any] = {"autocommit": True, "connect_timeout": CONNECT_SECONDS, **LOST_SOON}

        def connect() -> Connection:
            connection = psycopg.connect(url, **settings)
            _configure(connection)
            return connection

        try:
            with psycopg.connect(url, **settings) as first:
                migrate(first, owner=owner)
                self.listener = Listener(connect, first, sweeps=sweeps)
        except psycopg.Error as error:
            raise SetupError(f"database_url (WANSERVE_DATABASE_URL) cannot be opened: {reason(error)}") from error
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            kwargs=settings,
            min_size=1,
            max_size=POOL_SIZE,
            timeout=POOL_SECONDS,
            name="wanserve",
            configure=_configure,
            open=True,
        )

    def id(self) -> str:
        """The id that no other database has; see OpenedStores. Raises SetupError."""
        try:
            ((database_id,),) = self.read(sql.DATABASE_ID, ())
        except StoreUnavailable as error:
            raise SetupError(f"database_url (WANSERVE_DATABASE_URL): {error}") from error
        return str(database_id)

    def read(self, statement: str, values: Values) -> list[Fetched]:
        """The rows of one SELECT. Raises StoreUnavailable."""
        try:
            return self.run(lambda connection: connection.execute(statement, values).fetchall())
        except UNSTORABLE:
            # No stored text has half a surrogate pair or a NUL, so the read finds nothing.
            return []

    def change(self, statement: str, values: Values) -> int:
        """Run one statement, durably, and return the number of its rows. Raises StoreUnavailable, StoreUncertain."""
        return self.run(lambda connection: connection.execute(statement, values).rowcount)

    def run(self, work: Callable[[Connection], T], again: Callable[[Connection], T] | None = None) -> T:
        """Run the work on a connection of the pool, and again where a conflict or a lost connection ended it.

        Each statement commits by itself. So a lost connection leaves open whether the work was done: `again` is what
        runs then, and where it is left out the work must be such that it may run twice. Raises StoreUnavailable once
        it has failed for some seconds.
        """
        tries = chain((work,), repeat(again or work))

        def next_try(connection: Connection) -> T:
            return next(tries)(connection)

        return self._with_retries(next_try, self._once)

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run the work in one transaction, and again where a conflict or a lost connection ended it.

        Where the connection was lost during the commit, the server is asked whether it was committed. Raises
        StoreUnavailable where nothing was stored, and StoreUncertain where the server cannot tell.
        """
        return self._with_retries(work, self._transaction)

    def _once(self, work: Callable[[Connection], T]) -> T:
        with self._pool.connection() as connection:
            return work(connection)

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        with self._pool.connection() as connection:
            number = _begin(connection)
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
                lost = error
            else:
                return result
        if not self._was_committed(number, lost):
            raise lost
        return result

    def _was_committed(self, number: str, lost: psycopg.Error) -> bool:
        """Whether the transaction of this number was committed. Raises StoreUncertain where that cannot be found out."""
        for pause_s in PAUSES_SECONDS:
            # The server may not have noticed yet that the connection is lost.
            self._closing.wait(pause_s)
            try:
                with self._pool.connection() as connection:
                    status = connection.execute(sql.COMMIT_STATUS, (number,)).fetchone()
            except _CONNECTION_LOST:
                continue
            except psycopg.Error:
                # A server that took over without the last transactions does not know the number.
                break
            if status != ("in progress",):
                return status == ("committed",)
        raise StoreUncertain(f"a write to the task table may be lost: {reason(lost)}") from lost

    def _with_retries(self, work: Callable[[Connection], T], run: Callable[[Callable[[Connection], T]], T]) -> T:
        for pause_s in (*PAUSES_SECONDS, None):
            try:
                return run(work)
            except UNSTORABLE:
                raise
            except (*_CONFLICT, *_CONNECTION_LOST) as error:
                if pause_s is None or self._closing.wait(pause_s):
                    raise StoreUnavailable(f"the task table cannot be reached: {reason(error)}") from error
            except psycopg.Error as error:
                raise StoreUnavailable(f"the task table cannot be used: {reason(error)}") from error
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        """Close every connection. The database must not be used afterwards."""
        self._closing.set()
        self.listener.close(self._notify)
        self._pool.close()

    def _notify(self) -> None:
        with suppress(psycopg.Error, PoolTimeout), self._pool.connection() as connection:
            connection.execute(sql.NOTIFY)


def _configure(connection: Connection) -> None:
    connection.execute(sql.CONFIGURE)


def _begin(connection: Connection) -> str:
    """Begin a transaction, and return its number."""
    begun = connection.execute(sql.BEGIN)
    begun.nextset()
    row = begun.fetchone()
    assert row is not None, "a function has a value"
    return str(row[0])


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can store the text: without a NUL or half a surrogate pair."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
