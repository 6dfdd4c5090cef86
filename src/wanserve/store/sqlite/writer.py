"""Runs the writes of many callers in shared commits: one thread owns the only writing connection to a SQLite file.

Every future gets a result in the end, whatever happens in the thread: that of its write, or a StoreUnavailable that
says why the write failed.
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
"""The most writes in one commit: the first write of a burst does not wait for the last."""

Together = Callable[[sqlite3.Connection, Sequence[Any]], Sequence[object]]
"""Performs several writes of one kind. Returns for each its result, or the exception that refuses only this write."""


class _Write(NamedTuple):
    """One queued write, with the future of its caller."""

    perform: Together
    item: object
    wakes: bool
    outcome: Future[Any]


class Writer:
    """Runs every write of this process: all that wait, in one durable transaction.

    A write is a function of the connection that runs its statements without BEGIN or COMMIT. Where it raises,
    its own statements are undone, and the other writes of the group are committed. `on_wake` is called in the writer's
    thread, once for each group with a write that asks for it. `check` is called before each group and raises
    StoreUnavailable where nothing may be written.

    After an unexpected error the connection is replaced before the next group, and the thread goes on.
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
        # Held while a write is queued, so that none is queued after the None that ends the queue.
        self._queueing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def write(self, statements: Callable[[sqlite3.Connection], T], *, wakes: bool = False) -> Future[T]:
        """Queue a write. Its future has the result once the write is on disk, or the error: StoreUnavailable, or its own.

        `wakes` says that a task may wait for a worker after it.
        """
        outcome: Future[T] = Future()
        self._put(_Write(lambda connection, _: [statements(connection)], None, wakes, outcome))
        return outcome

    def write_together(
        self, perform: Callable[[sqlite3.Connection, Sequence[Item]], Sequence[object]], item: Item
    ) -> Future[Any]:
        """Queue one of many writes of a kind. `perform` gets the neighbours of its kind in a group together.

        It returns the result for each item, or the exception that refuses only this one. What it raises refuses them
        all. A task may wait for a worker after it.
        """
        outcome: Future[Any] = Future()
        self._put(_Write(perform, item, True, outcome))
        return outcome

    def close(self) -> None:
        """Finish the queued writes and end the thread. Later writes are refused."""
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
        """Write the group. No error leaves this function, and every future has a result afterwards."""
        try:
            self._commit(taken)
        except BaseException as error:
            log.exception("an unexpected error in a group of %d writes", len(taken))
            lost = self._abandon(error)
            for write in taken:
                with suppress(InvalidStateError):  # it has its result already, or its client is gone
                    write.outcome.set_exception(lost)
        try:
            if any(write.wakes for write in taken):
                self._on_wake()
        except Exception:
            # The writes are stored. The workers find their tasks when they poll the next time.
            log.exception("the workers were not woken, and find new tasks when they poll")

    def _commit(self, taken: list[_Write]) -> None:
        # A write whose client went away while it was queued is dropped. The others cannot be canceled from here on.
        group = [write for write in taken if write.outcome.set_running_or_notify_cancel()]
        try:
            connection = self._connected()
            self._check()
        except (StoreUnavailable, sqlite3.Error, OSError) as error:
            refusal = error if isinstance(error, StoreUnavailable) else _unavailable(error)
            answers: Sequence[object] = [refusal] * len(group)
        else:
            answers = self._transacted(connection, group)
        # The commit is on disk now, so the callers may learn of it.
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
        """Give up the connection and its transaction after an unexpected error. Returns the error for the callers."""
        undone = self._connection is None or self._connection.in_transaction
        self._replace_connection()
        name = type(error).__name__
        if undone:
            return StoreUnavailable(f"the task table cannot be written: {name}")
        # It is not known how far the commit came, so no caller may be told to retry.
        return StoreUncertain(f"a write to the task table may be lost: {name}")

    def _replace_connection(self) -> None:
        """Close the connection, which undoes what it has not committed; the next group opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()

    def _transacted(self, connection: sqlite3.Connection, group: list[_Write]) -> Sequence[object]:
        """Perform the writes in one transaction. Returns the result of each, or for each the error that undid them all."""
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
        """Refuse the writes that are still queued, and close the connection."""
        with self._queueing:
            self._closed = True
        with suppress(queue.Empty):
            while True:
                write = self._waiting.get_nowait()
                if write is not None and write.outcome.set_running_or_notify_cancel():
                    write.outcome.set_exception(StoreUnavailable("the store is closed"))
        self._replace_connection()


def _try_commit(connection: sqlite3.Connection) -> StoreUnavailable | None:
    """Commit. Returns the error where that failed."""
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if error.sqlite_errorname.startswith("SQLITE_IOERR"):
            # All of it may be on the disk, and then the next start after a power cut finds it.
            return StoreUncertain(f"a write to the task table may be lost: {error}")
        return _unavailable(error)
    return None


def _perform(connection: sqlite3.Connection, perform: Together, items: list[object]) -> Sequence[object]:
    """Perform writes of one kind in a savepoint. Returns the result of each.

    Raises sqlite3.Error where the whole transaction is lost.
    """
    connection.execute("SAVEPOINT one")
    try:
        answers = perform(connection, items)
    except Exception as error:  # what one caller's statements raise must not fail the group
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO one")
        refusal = _unavailable(error) if isinstance(error, sqlite3.OperationalError) else error
        answers = [refusal] * len(items)
    connection.execute("RELEASE one")
    return answers


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the task table cannot be written: {error}")
