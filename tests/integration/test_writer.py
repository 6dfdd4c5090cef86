"""The one writing thread: whatever is raised in it, no future stays undone and the next write is served."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.samples import unaccepted
from wanserve.domain.errors import StoreUnavailable, StoreUncertain
from wanserve.machine.clocks import now_ms
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.tasks import SqliteTasks
from wanserve.store.sqlite.writer import Writer

ERRORS = (MemoryError, SystemExit, KeyboardInterrupt, ValueError, sqlite3.OperationalError)


class Flaky(sqlite3.Connection):
    """A connection of which the statements that begin with `word` raise `error`, as often as `left` says."""

    word = ""
    error: BaseException = MemoryError()
    left = 0
    after = False

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        fails = sql.startswith(Flaky.word) and Flaky.left > 0
        if fails:
            Flaky.left -= 1
        if fails and not Flaky.after:
            raise Flaky.error
        cursor = super().execute(sql, *values)
        if fails:
            raise Flaky.error
        return cursor


@pytest.fixture
def flaky(tmp_path: Path) -> Iterator[Writer]:
    """A writer on such a connection."""
    path = tmp_path / "some.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE rows (number INTEGER)")
    made.close()
    writer = Writer(
        lambda: sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Flaky), nothing
    )
    Flaky.left, Flaky.after = 0, False
    yield writer
    Flaky.left = 0
    writer.close()


def nothing() -> None:
    """Wakes nobody."""


def insert(connection: sqlite3.Connection) -> int:
    return connection.execute("INSERT INTO rows VALUES (1)").rowcount


def rows(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM rows").fetchone()[0])


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("word", ["BEGIN", "SAVEPOINT", "COMMIT", "RELEASE"])
def test_whatever_a_statement_raises_is_told_and_the_next_write_is_served(
    flaky: Writer, word: str, error: type[BaseException]
) -> None:
    Flaky.word, Flaky.error, Flaky.left = word, error("unforeseen"), 1
    assert isinstance(flaky.write(insert).exception(10), StoreUnavailable | ValueError)
    assert flaky.write(rows).result(10) == 0, "nothing of it was written"
    assert flaky.write(insert).result(10) == 1


def test_a_rollback_that_fails_costs_the_connection_and_nothing_else(flaky: Writer) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        insert(connection)
        Flaky.word, Flaky.error, Flaky.left = "ROLLBACK", sqlite3.OperationalError("no rollback"), 2
        raise ZeroDivisionError

    assert flaky.write(fail).exception(10) is not None
    assert flaky.write(rows).result(10) == 0
    assert flaky.write(insert).result(10) == 1


def test_a_commit_that_may_have_happened_is_not_to_be_sent_again(flaky: Writer) -> None:
    Flaky.word, Flaky.error, Flaky.left, Flaky.after = "COMMIT", MemoryError(), 1, True
    lost = flaky.write(insert).exception(10)
    assert isinstance(lost, StoreUncertain)
    assert not lost.retryable
    assert flaky.write(rows).result(10) == 1


@pytest.mark.parametrize("error", ERRORS)
def test_a_connection_that_cannot_be_opened_is_told_and_tried_again(tmp_path: Path, error: type[BaseException]) -> None:
    errors: list[BaseException] = [error("not now"), error("not yet")]

    def connect() -> sqlite3.Connection:
        if errors:
            raise errors.pop()
        return sqlite3.connect(tmp_path / "some.db", isolation_level=None, check_same_thread=False)

    writer = Writer(connect, nothing)
    for _ in range(2):
        assert isinstance(writer.write(lambda _: 1).exception(10), StoreUnavailable)
    assert writer.write(lambda _: 1).result(10) == 1
    writer.close()


def test_a_wake_up_that_fails_undoes_nothing(tmp_path: Path) -> None:
    def wake() -> None:
        raise RuntimeError("nobody there")

    writer = Writer(lambda: sqlite3.connect(tmp_path / "some.db", isolation_level=None, check_same_thread=False), wake)
    for _ in range(2):
        assert writer.write(lambda _: 7, wakes=True).result(10) == 7
    writer.close()


def test_no_write_slips_in_behind_the_close(tmp_path: Path) -> None:
    """Many threads write while another closes: each hears of its write or of the end."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(tmp_path / "some.db", isolation_level=None, check_same_thread=False)

    for _ in range(20):
        writer = Writer(connect, nothing)
        ready = threading.Barrier(5)

        def write(_: int, writer: Writer = writer, ready: threading.Barrier = ready) -> list[Future[int]]:
            ready.wait(10)
            return [writer.write(lambda _: 1) for _ in range(50)]

        with ThreadPoolExecutor(4) as threads:
            written = [threads.submit(write, number) for number in range(4)]
            ready.wait(10)
            writer.close()
            for one in written:
                for future in one.result(10):
                    assert isinstance(future.exception(10), StoreUnavailable | None)


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


@pytest.mark.parametrize("name", ["tasks.db", "tasks.db-wal", "tasks.db-shm"])
@pytest.mark.parametrize("remove", [Path.unlink, replaced])
def test_a_file_that_is_taken_away_is_told_and_nothing_is_accepted_into_the_void(
    tmp_path: Path, name: str, remove: Callable[[Path], None]
) -> None:
    database = Database(tmp_path / "tasks.db")
    store = SqliteTasks(database, now_ms)
    store.add(unaccepted(), 10).result(10)
    store.check_writable()
    kept = tmp_path / "kept"
    os.link(tmp_path / name, kept)
    remove(tmp_path / name)
    refused = store.add(unaccepted(), 10).exception(10)
    assert isinstance(refused, StoreUnavailable)
    assert f"{name} was removed or replaced" in str(refused)
    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        store.check_writable()
    kept.replace(tmp_path / name)
    store.add(unaccepted(), 10).result(10)
    database.close()
