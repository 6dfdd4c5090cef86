"""Runs the writes of many callers in shared commits: one thread owns the only writing connection to a SQLite file.

Every future that is handed out is done in the end, whatever happens in the thread: with the result of its write, or
with a StoreUnavailable that says why there is none.
"""

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeVar

from wanserve.domain.errors import StoreUnavailable, StoreUncertain

T = TypeVar("T")
Item = TypeVar("Item")

log = logging.getLogger(__name__)

MAX_GROUP: Final = 256
"""Writes in one commit at most, so that the first of a burst is not kept waiting by the last."""

Together = Callable[[sqlite3.Connection, Sequence[Any]], Sequence[object]]
"""Performs several writes of one kind; for each its result, or the exception that refuses it alone."""


class _Write(NamedTuple):
    """What one caller wants written, and the future that it waits on."""

    perform: Together
    item: object
    wakes: bool
    outcome: Future[Any]


class Writer:
    """Runs every write of this process, as many as are waiting in one durable transaction.

    A write is a function of the connection that runs its statements without BEGIN or COMMIT. It may raise: then
    its own statements are undone and the rest of the group still commits. `on_wake` is called, in the writer's
    thread, once for each group that held a write which asked for it. `check` is called before each group and raises
    StoreUnavailable where nothing may be written.

    A connection that has failed in a way that nobody foresaw is replaced before the next group; the thread goes on.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        on_wake: Callable[[], None],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._connect = connect
        self._on_wake = on_wake
        self._check = check
        self._connection: sqlite3.Connection | None = None
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._closed = False
        # Held while a write is queued: none comes into the queue after the mark that ends it.
        self._queueing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def write(self, statements: Callable[[sqlite3.Connection], T], *, wakes: bool = False) -> Future[T]:
        """Queue a write; the future is done once it is on disk. It fails with StoreUnavailable or what it raised.

        `wakes` says that a task may be waiting for a worker after it.
        """
        outcome: Future[T] = Future()
        self._put(_Write(lambda connection, _: [statements(connection)], None, wakes, outcome))
        return outcome

    def write_together(
        self, perform: Callable[[sqlite3.Connection, Sequence[Item]], Sequence[object]], item: Item
    ) -> Future[Any]:
        """Queue one of many writes of a kind: `perform` is given those that follow each other in a group at once.

        It answers for each item what its future gives, or the exception that refuses it alone. What it raises
        refuses them all. A task may be waiting for a worker after it.
        """
        outcome: Future[Any] = Future()
        self._put(_Write(perform, item, True, outcome))
        return outcome

    def close(self) -> None:
        """Finish what is queued and end the thread; a write that comes later is refused."""
        with self._queueing:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()

    def _put(self, write: _Write) -> None:
        with self._queueing:
            if not self._closed:
                self._waiting.put(write)
                return
        write.outcome.set_exception(StoreUnavailable("the store is closed"))

    def _run(self) -> None:
        try:
            while (first := self._waiting.get()) is not None:
                group, closing = self._take_group(first)
                self._serve(group)
                if closing:
                    break
        finally:
            self._end()

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

    def _serve(self, taken: list[_Write]) -> None:
        """Write the group: the outermost frame of its commit, which leaves no future undone."""
        try:
            self._commit(taken)
        except BaseException as error:
            log.exception("a group of %d writes failed in a way that nobody foresaw", len(taken))
            lost = self._abandon(error)
            for write in taken:
                with suppress(InvalidStateError):  # it has its answer already, or its client is gone
                    write.outcome.set_exception(lost)
        try:
            if any(write.wakes for write in taken):
                self._on_wake()
        except Exception:
            # The writes stand; a worker that slept on finds their tasks at its next look.
            log.exception("the workers were not woken")

    def _commit(self, taken: list[_Write]) -> None:
        # From here on nobody can cancel; what was canceled while it waited (its client went away) is not written.
        group = [write for write in taken if write.outcome.set_running_or_notify_cancel()]
        try:
            connection = self._connected()
            self._check()
        except (StoreUnavailable, sqlite3.Error, OSError) as error:
            refusal = error if isinstance(error, StoreUnavailable) else _unavailable(error)
            answers: Sequence[object] = [refusal] * len(group)
        else:
            answers = self._transacted(connection, group)
        # Only now, with the commit on disk, does anybody hear of success.
        for write, answer in zip(group, answers, strict=True):
            if isinstance(answer, Exception):
                write.outcome.set_exception(answer)
            else:
                write.outcome.set_result(answer)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _abandon(self, error: BaseException) -> StoreUnavailable:
        """Give up the connection and its transaction after an error that nobody foresaw; what the callers are told."""
        undone = self._connection is None or self._connection.in_transaction
        self._replace_connection()
        name = type(error).__name__
        if undone:
            return StoreUnavailable(f"the task table cannot be written: {name}")
        # How far the commit came is not known, so nobody may be told to send it again.
        return StoreUncertain(f"a write to the task table may be lost: {name}")

    def _replace_connection(self) -> None:
        """Close the connection, which undoes what it has not committed; the next group opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()

    def _transacted(self, connection: sqlite3.Connection, group: list[_Write]) -> Sequence[object]:
        """Perform the writes in one transaction: for each what it answers, or why none of them happened."""
        answers: list[object] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for perform, writes in groupby(group, key=lambda write: write.perform):
                answers += _perform(connection, perform, [write.item for write in writes])
            failure = _try_commit(connection)
        except sqlite3.Error as error:
            failure = _unavailable(error)
        if failure is None:
            return answers
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            log.exception("a transaction could not be rolled back, so its connection is closed")
            self._replace_connection()
        return [failure] * len(group)

    def _end(self) -> None:
        """Refuse what nobody will write any more, and close the connection."""
        with self._queueing:
            self._closed = True
        with suppress(queue.Empty):
            while True:
                write = self._waiting.get_nowait()
                if write is not None and write.outcome.set_running_or_notify_cancel():
                    write.outcome.set_exception(StoreUnavailable("the store is closed"))
        self._replace_connection()


def _try_commit(connection: sqlite3.Connection) -> StoreUnavailable | None:
    """Commit; else what happened instead."""
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if error.sqlite_errorname.startswith("SQLITE_IOERR"):
            # The disk may have all of it, and a power cut now would bring it back.
            return StoreUncertain(f"a write to the task table may be lost: {error}")
        return _unavailable(error)
    return None


def _perform(connection: sqlite3.Connection, perform: Together, items: list[object]) -> Sequence[object]:
    """Perform writes of one kind in a savepoint of their own: for each what it answers.

    Raises sqlite3.Error where the whole transaction is lost.
    """
    connection.execute("SAVEPOINT one")
    try:
        answers = perform(connection, items)
    except Exception as error:  # whatever one caller's statements raise is that caller's, never the group's
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO one")
        told = _unavailable(error) if isinstance(error, sqlite3.OperationalError) else error
        answers = [told] * len(items)
    connection.execute("RELEASE one")
    return answers


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the task table cannot be written: {error}")
