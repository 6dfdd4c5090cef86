"""Knows how many callers share one commit: a thread that owns the only writing connection to a SQLite file."""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, TypeVar

from wanserve.domain.errors import StoreUnavailable

T = TypeVar("T")

MAX_GROUP: Final = 256
"""Writes in one commit at most, so that the first of a burst is not kept waiting by the last."""


@dataclass(frozen=True, slots=True)
class _Write:
    """One caller's statements, and the future that it waits on."""

    statements: Callable[[sqlite3.Connection], object]
    outcome: Future[object]


class Writer:
    """Runs every write of this process, as many as are waiting in one durable transaction.

    A write is a function of the connection that runs its statements without BEGIN or COMMIT. It may raise: then
    its own statements are undone and the rest of the group still commits.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, args=(connect,), name="store-writer", daemon=True)
        self._thread.start()

    def write(self, statements: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Queue a write; the future is done once it is on disk. It fails with StoreUnavailable or what it raised."""
        outcome: Future[T] = Future()
        if self._closed:
            outcome.set_exception(StoreUnavailable("the store is closed"))
        else:
            self._waiting.put(_Write(statements, outcome))  # type: ignore[arg-type]  # invariant in T, read as object
        return outcome

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._closed = True
        self._waiting.put(None)
        self._thread.join()

    def _run(self, connect: Callable[[], sqlite3.Connection]) -> None:
        connection = connect()
        try:
            while (first := self._waiting.get()) is not None:
                group, closing = self._take_group(first)
                self._commit(connection, group)
                if closing:
                    break
        finally:
            connection.close()

    def _take_group(self, first: _Write) -> tuple[list[_Write], bool]:
        group = [first]
        while len(group) < MAX_GROUP:
            try:
                following = self._waiting.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return group, True
            group.append(following)
        return group, False

    def _commit(self, connection: sqlite3.Connection, taken: list[_Write]) -> None:
        # From here on nobody can cancel; what was canceled while it waited (its client went away) is not written.
        group = [write for write in taken if write.outcome.set_running_or_notify_cancel()]
        try:
            connection.execute("BEGIN IMMEDIATE")
            settled = [_perform(connection, write) for write in group]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for write in group:
                write.outcome.set_exception(_unavailable(error))
        else:
            # Only now, with the commit on disk, does anybody hear of success.
            for tell in settled:
                tell()


def _perform(connection: sqlite3.Connection, write: _Write) -> Callable[[], None]:
    """Run one write inside its own savepoint; the result is what tells its caller once the group has committed.

    Raises sqlite3.Error where the whole transaction is lost.
    """
    connection.execute("SAVEPOINT one")
    try:
        result = write.statements(connection)
    except Exception as error:  # whatever one caller's statements raise is that caller's, never the group's
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        told = _unavailable(error) if isinstance(error, sqlite3.OperationalError) else error
        return lambda: write.outcome.set_exception(told)
    connection.execute("RELEASE one")
    return lambda: write.outcome.set_result(result)


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the task table cannot be written: {error}")
