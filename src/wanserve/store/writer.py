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
    submit: bool
    wakes: bool


class Writer:
    """Runs every write of this process, as many as are waiting in one durable transaction.

    A write is a function of the connection that runs its statements without BEGIN or COMMIT. It may raise: then
    its own statements are undone and the rest of the group still commits. `on_wake` is called, in the writer's
    thread, once for each group that held a write which asked for it.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], on_wake: Callable[[], None]) -> None:
        self._on_wake = on_wake
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._closed = False
        self.epoch = 0
        """Grows with each group and with each write in it that is no submit."""
        self._thread = threading.Thread(target=self._run, args=(connect,), name="store-writer", daemon=True)
        self._thread.start()

    def write(
        self, statements: Callable[[sqlite3.Connection], T], *, submit: bool = False, wakes: bool = False
    ) -> Future[T]:
        """Queue a write; the future is done once it is on disk. It fails with StoreUnavailable or what it raised.

        `submit` promises that it only adds one row, in its last statement, which SQLite undoes by itself when it
        fails: no savepoint is taken. `wakes` says that a task may be waiting for a worker after it, as after a submit.
        """
        outcome: Future[T] = Future()
        if self._closed:
            outcome.set_exception(StoreUnavailable("the store is closed"))
        else:
            # Invariant in T, read as object.
            self._waiting.put(_Write(statements, outcome, submit, wakes or submit))  # type: ignore[arg-type]
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
        self.epoch += 1
        try:
            connection.execute("BEGIN IMMEDIATE")
            ended = [self._perform(connection, write) for write in group]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for write in group:
                write.outcome.set_exception(_unavailable(error))
            return
        # Only now, with the commit on disk, does anybody hear of success.
        for write, (result, refusal) in zip(group, ended, strict=True):
            if refusal is None:
                write.outcome.set_result(result)
            else:
                write.outcome.set_exception(refusal)
        if any(write.wakes for write in group):
            self._on_wake()

    def _perform(self, connection: sqlite3.Connection, write: _Write) -> tuple[object, Exception | None]:
        """Run one write; what it returned, or what it raised once its statements were undone.

        Raises sqlite3.Error where the whole transaction is lost.
        """
        try:
            if write.submit:
                return write.statements(connection), None
            self.epoch += 1
            connection.execute("SAVEPOINT one")
            result = write.statements(connection)
        except Exception as error:  # whatever one caller's statements raise is that caller's, never the group's
            if not connection.in_transaction:
                raise
            if not write.submit:
                connection.execute("ROLLBACK TO one")
                connection.execute("RELEASE one")
            return None, _unavailable(error) if isinstance(error, sqlite3.OperationalError) else error
        connection.execute("RELEASE one")
        return result, None


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the task table cannot be written: {error}")
