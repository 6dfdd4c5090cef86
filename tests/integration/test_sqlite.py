"""The SQLite store on a real file: what is durable, what shares a commit, and how a schema comes to be."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.samples import VIDEO, unaccepted
from wanserve.domain.account import Key
from wanserve.domain.errors import InvalidRequest, QueueFull, SetupError, StoreUnavailable, StoreUncertain
from wanserve.domain.idempotency import KeyedSubmit
from wanserve.domain.search import Search
from wanserve.domain.task import State, Succeeded, Task
from wanserve.machine.clocks import now_ms
from wanserve.store import overview_statements
from wanserve.store.rows import Value
from wanserve.store.sqlite import database as database_module
from wanserve.store.sqlite import statements
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.keys import SqliteKeys
from wanserve.store.sqlite.migrate import migrate, migrations
from wanserve.store.sqlite.tasks import SqliteTasks


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "tasks.db")
    yield opened
    opened.close()


def insert_account(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO accounts (id, created_ms) VALUES ('x', 0)")


def test_every_connection_commits_to_the_disk(database: Database) -> None:
    def pragmas(connection: sqlite3.Connection) -> tuple[object, object]:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
        return mode, synchronous

    full = 2
    assert database.write(pragmas) == ("wal", full)
    assert database.read("PRAGMA journal_mode", ()) == [("wal",)]


def test_what_was_accepted_is_there_after_opening_again(tmp_path: Path) -> None:
    first = Database(tmp_path / "tasks.db")
    task = SqliteTasks(first, now_ms).add(unaccepted(), 10).result(10)
    first.close()
    second = Database(tmp_path / "tasks.db")
    assert SqliteTasks(second, now_ms).get("ann", task.id) == task
    second.close()


def test_a_burst_of_submits_shares_few_commits(database: Database) -> None:
    commits: list[str] = []

    def trace(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)

    database.write(trace)
    held = threading.Event()
    blocker = database.writer.write(lambda _: held.wait(10))
    store = SqliteTasks(database, now_ms)
    added = [store.add(unaccepted(), 1000) for _ in range(100)]
    assert not any(one.done() for one in added)
    held.set()
    assert blocker.result(10)
    for one in added:
        one.result(10)
    assert len(commits) <= 4
    assert len(store.search(None, Search([State.PENDING], limit=100_000))) == 100


def test_one_callers_refusal_undoes_its_own_statements_and_nobody_elses(database: Database) -> None:
    store = SqliteTasks(database, now_ms)

    def half_done(connection: sqlite3.Connection) -> None:
        insert_account(connection)
        raise QueueFull("no place")

    held = threading.Event()
    blocker = database.writer.write(lambda _: held.wait(10))
    before, refused, after = store.add(unaccepted(), 9), database.writer.write(half_done), store.add(unaccepted(), 9)
    held.set()
    blocker.result(10)
    before.result(10)
    after.result(10)
    with pytest.raises(QueueFull):
        refused.result(10)
    assert database.read("SELECT id FROM accounts WHERE id = 'x'", ()) == []
    assert len(store.search(None, Search([State.PENDING], limit=100_000))) == 2


def test_a_client_that_goes_away_while_its_submit_waits_harms_nobody(database: Database) -> None:
    store = SqliteTasks(database, now_ms)
    held = threading.Event()
    blocker = database.writer.write(lambda _: held.wait(10))
    gone, stays = store.add(unaccepted(), 9), store.add(unaccepted(), 9)
    assert gone.cancel()
    held.set()
    blocker.result(10)
    stays.result(10)
    assert len(store.search(None, Search([State.PENDING], limit=100_000))) == 1


def test_a_bug_in_one_write_is_told_to_its_caller_and_the_writer_lives(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        database.write(lambda _: 1 // 0)
    database.write(insert_account)
    with pytest.raises(sqlite3.IntegrityError):
        database.write(insert_account)
    with pytest.raises(StoreUnavailable, match="no such table"):
        database.write(lambda connection: connection.execute("DELETE FROM nowhere"))
    assert database.read("SELECT id FROM accounts", ()) == [("x",)]


def test_a_full_disk_is_said_plainly_and_passes(database: Database) -> None:
    def limit(pages: int) -> None:
        database.write(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone())

    store = SqliteTasks(database, now_ms)
    limit(1)
    refused: list[Future[Task]] = [store.add(unaccepted(), 10_000) for _ in range(200)]
    errors = [one.exception(10) for one in refused]
    full = [error for error in errors if isinstance(error, StoreUnavailable)]
    assert full
    assert "full" in str(full[0])
    limit(1_000_000)
    accepted = [task for task, error in zip(refused, errors, strict=True) if error is None]
    assert len(store.search(None, Search([State.PENDING], limit=100_000))) == len(accepted)
    store.add(unaccepted(), 10_000).result(10)


def test_reads_by_many_threads_each_see_the_last_commit(database: Database) -> None:
    store = SqliteTasks(database, now_ms)
    tasks = [unaccepted() for _ in range(20)]
    missing: list[str] = []

    def submit_and_look(task_number: int) -> None:
        task = tasks[task_number]
        store.add(task, 100).result(10)
        if store.get("ann", task.id) is None:
            missing.append(task.id)

    threads = [threading.Thread(target=submit_and_look, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missing == []


def test_a_closed_store_refuses_and_does_not_hang(tmp_path: Path) -> None:
    database = Database(tmp_path / "tasks.db")
    store = SqliteTasks(database, now_ms)
    database.close()
    with pytest.raises(StoreUnavailable):
        store.add(unaccepted(), 10).result(10)
    with pytest.raises(StoreUnavailable):
        store.get("ann", "x")


def test_keys_are_seen_by_another_process_at_once(tmp_path: Path) -> None:
    ours, theirs = Database(tmp_path / "tasks.db"), Database(tmp_path / "tasks.db")
    key = Key("k", "ann", "ab" * 32, 5, frozenset({"m2", "m1"}))
    SqliteKeys(ours, lambda: 5).add_key("k", "ann", key.sha256, ["m2", "m1"])
    assert SqliteKeys(theirs, now_ms).find_keys([key.sha256])[0] == key
    with pytest.raises(InvalidRequest, match="there is a key named k already"):
        SqliteKeys(theirs, now_ms).add_key("k", "ben", "cd" * 32, None)
    assert SqliteKeys(ours, now_ms).all_keys() == [key]
    ours.close()
    theirs.close()


def test_the_disk_holds_no_keys_text(tmp_path: Path) -> None:
    from wanserve.keys import Keys

    database = Database(tmp_path / "tasks.db")
    Keys(SqliteKeys(database, now_ms), {"m"}, lambda: "sk-the-secret").create("k", "ann")
    database.close()
    assert all(b"the-secret" not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_ledger_row_takes_the_hashes_of_its_files_along(database: Database) -> None:
    store = SqliteTasks(database, now_ms)
    store.add(unaccepted(), 10).result()
    task = store.claim("worker", ["wan2.2-t2v-plus"], 60, None)
    assert task is not None
    assert store.settle(task, Succeeded(VIDEO, {"mp4": "ab" * 32}))
    assert len(store.made("ab" * 32)) == 1
    database.write(lambda connection: connection.execute("DELETE FROM ledger"))
    assert database.read("SELECT count(*) FROM ledger_files", ()) == [(0,)]


def test_an_accounts_own_limits_stand_before_the_servers(database: Database) -> None:
    SqliteKeys(database, now_ms).add_key("k", "ann", "ab" * 32, None)
    database.write(lambda connection: connection.execute("UPDATE accounts SET max_queued = 2, max_running = 1"))
    found = SqliteKeys(database, now_ms).find_keys(["ab" * 32])[0]
    assert found is not None
    assert (found.limits.max_queued, found.limits.max_running) == (2, 1)
    store = SqliteTasks(database, now_ms)
    errors = [store.add(unaccepted(), 100).exception(10) for _ in range(3)]
    assert [type(error) for error in errors] == [type(None), type(None), QueueFull]
    assert store.claim("worker", ["wan2.2-t2v-plus"], 10, None)
    assert store.claim("worker", ["wan2.2-t2v-plus"], 10, None) is None


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (overview_statements.ENDED_BY_HOUR, {"since_ms": 1}),
        (overview_statements.USAGE_BY_DAY, {"since_ms": 1}),
        (statements.NEXT_PLACE, {"account": "ann", "model": "small"}),
        (statements.FIND_SESSION, ("ab", 1)),
        (statements.FIND_FILES, ("ab" * 32,)),
    ],
)
def test_what_a_page_asks_for_is_found_by_an_index(
    database: Database, statement: str, values: dict[str, Value] | tuple[Value, ...]
) -> None:
    """The tables of tasks and sessions are long, and that of the ledger keeps every row."""
    plan = [step for *_, step in database.read(f"EXPLAIN QUERY PLAN {statement}", values)]
    for table in ("tasks", "ledger", "lane_counts", "keys", "sessions", "ledger_files"):
        assert not [step for step in plan if step.startswith(f"SCAN {table}")], plan


def schema(database: sqlite3.Connection) -> list[tuple[str, str]]:
    return database.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()


def test_migrations_are_numbered_without_a_gap_and_can_be_taken_one_by_one() -> None:
    steps = migrations()
    assert list(steps) == list(range(1, len(steps) + 1))
    at_once, one_by_one = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    migrate(at_once, steps)
    for number in steps:
        migrate(one_by_one, {step: steps[step] for step in range(1, number + 1)})
    assert schema(at_once) == schema(one_by_one)
    at_once.close()
    one_by_one.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "tasks.db", isolation_level=None)
    migrate(database, migrations())
    before = schema(database)
    newest = max(migrations())
    broken = migrations() | {newest + 1: "CREATE TABLE extra (id INTEGER); INSERT INTO nowhere VALUES (1);"}
    with pytest.raises(SetupError, match=rf"migration {newest + 1} failed and nothing was changed"):
        migrate(database, broken)
    assert schema(database) == before
    assert database.execute("PRAGMA user_version").fetchone() == (newest,)
    database.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Database(tmp_path / "tasks.db").close()
    with sqlite3.connect(tmp_path / "tasks.db") as raw:
        raw.execute("PRAGMA user_version = 7000")
    raw.close()
    with pytest.raises(SetupError, match="schema 7000"):
        Database(tmp_path / "tasks.db")


def test_what_is_no_database_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "tasks.db").write_bytes(b"this is no database, however long it may be" * 100)
    with pytest.raises(SetupError, match="cannot be opened: file is not a database"):
        Database(tmp_path / "tasks.db")


def test_a_commit_that_the_disk_did_not_take_is_uncertain_and_one_that_another_process_holds_up_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.05)
    database = Database(tmp_path / "tasks.db")
    store = SqliteTasks(database, now_ms)
    with closing(sqlite3.connect(tmp_path / "tasks.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert type(store.add(unaccepted(), 9).exception(10)) is StoreUnavailable
        other.execute("ROLLBACK")
    store.add(unaccepted(), 9).result(10)
    for descriptor in Path("/proc/self/fd").iterdir():
        # A disk that takes no writes any more: the log's descriptor becomes one that can only be read.
        if descriptor.exists() and descriptor.readlink() == tmp_path / "tasks.db-wal":
            with (tmp_path / "tasks.db").open("rb") as unwritable:
                os.dup2(unwritable.fileno(), int(descriptor.name))
    lost = unaccepted()
    failure = store.add(lost, 9).exception(10)
    assert isinstance(failure, StoreUncertain)
    assert not failure.retryable
    assert store.find(lost.id) is None
    database.close()


def test_submits_with_one_key_that_share_a_commit_make_one_task(database: Database) -> None:
    store = SqliteTasks(database, now_ms)
    held = threading.Event()
    blocker = database.writer.write(lambda _: held.wait(10))
    first, second, other = unaccepted(), unaccepted(), unaccepted()
    same = [store.add(task, 9, KeyedSubmit("key", "cat", 60_000)) for task in (first, second)]
    another = store.add(other, 9, KeyedSubmit("key", "dog", 60_000))
    held.set()
    assert blocker.result(10)
    assert [one.result(10).id for one in same] == [first.id, first.id]
    assert isinstance(another.exception(10), InvalidRequest)
    assert [task.id for task in store.search(None, Search([State.PENDING], limit=100_000))] == [first.id]


def test_a_thread_that_reads_for_the_first_time_makes_no_new_file_where_it_was_taken_away(tmp_path: Path) -> None:
    """An empty database would know no key, and every client would be told that its key is wrong."""
    path = tmp_path / "wanserve.db"
    with closing(Database(path)) as database:
        path.unlink()
        with ThreadPoolExecutor(1) as threads, pytest.raises(StoreUnavailable):
            threads.submit(database.read, "SELECT 1", ()).result(60)
        assert not path.exists()
