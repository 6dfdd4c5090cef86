"""What the contract cannot see of the PostgreSQL store: locks, lost connections, notifications, and its schema."""

import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.parse import quote, unquote, urlsplit

import psycopg
import pytest

from tests import postgres
from tests.samples import VIDEO, heartbeat, unaccepted
from wanserve.domain.errors import SetupError, StoreUnavailable, StoreUncertain
from wanserve.domain.search import Search
from wanserve.domain.task import UNFINISHED, Failed, Failure, NewTask, Settlement, State, Succeeded
from wanserve.store.memory import MemoryTasks
from wanserve.store.migrations import read_migrations
from wanserve.store.postgres.database import PostgresDatabase
from wanserve.store.postgres.keys import PostgresKeys
from wanserve.store.postgres.migrate import VERSION, migrate
from wanserve.store.postgres.overview import PostgresOverview
from wanserve.store.postgres.sessions import PostgresSessions
from wanserve.store.postgres.tasks import PostgresTasks

MODELS = ("small", "large")
PATIENCE_S = 60
ENDS: list[Settlement] = [Succeeded(VIDEO), Failed(Failure("broken", "it broke"))]


@pytest.fixture
def url() -> str:
    return postgres.shared_database()


@pytest.fixture
def database(url: str) -> Iterator[PostgresDatabase]:
    with closing(PostgresDatabase(url)) as opened:
        yield opened


@pytest.fixture
def store(database: PostgresDatabase) -> Iterator[PostgresTasks]:
    with closing(PostgresTasks(database)) as opened:
        yield opened


def added(store: PostgresTasks, account: str, model: str = "small") -> NewTask:
    new = unaccepted(account, model)
    store.add(new, 1000).result(PATIENCE_S)
    return new


def claim(store: PostgresTasks, max_running: int | None = None) -> str | None:
    """The account whose task is claimed."""
    task = store.claim("worker", MODELS, 60, max_running)
    return None if task is None else task.account


def schema_of(url: str) -> list[tuple[object, ...]]:
    """Every column, index, trigger and function of the schema."""
    queries = (
        "SELECT table_name, column_name, data_type, column_default FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
    )
    with psycopg.connect(url) as connection:
        return [row for query in queries for row in sorted(connection.execute(query.encode()).fetchall(), key=str)]


def test_a_database_of_all_migrations_is_like_a_fresh_one_and_a_second_start_changes_nothing(url: str) -> None:
    fresh = postgres.database("fresh")
    with closing(PostgresDatabase(fresh)):
        pass
    before = schema_of(fresh)
    with closing(PostgresDatabase(fresh)):
        pass
    assert schema_of(fresh) == before == schema_of(url)


@pytest.mark.parametrize("version", list(read_migrations("wanserve.store.postgres"))[:-1])
def test_an_older_database_with_tasks_becomes_like_a_fresh_one(url: str, version: int) -> None:
    older = postgres.database("upgraded")
    with psycopg.connect(older, autocommit=True) as connection:
        connection.execute(VERSION)
        for number, step in read_migrations("wanserve.store.postgres").items():
            if number <= version:
                connection.execute(step.encode())
                connection.execute("INSERT INTO schema_version VALUES (%s)", (number,))
    with closing(PostgresDatabase(older)) as database, closing(PostgresTasks(database)) as store:
        assert schema_of(older) == schema_of(url)
        task = added(store, "ann")
        assert claim(store) == "ann"
        assert store.find(task.id) is not None


def test_servers_that_start_at_once_migrate_once() -> None:
    empty = postgres.database("empty")

    def start(_: int) -> None:
        with closing(PostgresDatabase(empty)):
            pass

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(start, range(4)))
    with psycopg.connect(empty) as connection:
        row = connection.execute("SELECT count(*), max(version) FROM schema_version").fetchone()
    assert row is not None
    assert row[0] == row[1]


def test_a_schema_that_is_newer_than_the_program_is_refused() -> None:
    older = postgres.database("older")
    with psycopg.connect(older) as connection:
        connection.execute("CREATE TABLE schema_version (version integer NOT NULL)")
        migrate(connection, owner=False)
        connection.commit()
        connection.execute("UPDATE schema_version SET version = version + 1000")
        with pytest.raises(SetupError, match="use a newer wanserve"):
            migrate(connection, owner=True)


def test_a_claim_waits_for_no_lock_and_serves_the_next_account_meanwhile(url: str, store: PostgresTasks) -> None:
    for account in ("ann", "ben"):
        added(store, account)
    with psycopg.connect(url) as other:
        other.execute("SELECT 1 FROM accounts WHERE id = 'ann' FOR UPDATE")
        assert claim(store) == "ben"
        assert claim(store) is None, "ann's is held, and nobody else waits"
    assert claim(store) == "ann"


def test_a_claim_is_tried_again_while_another_holds_the_only_account_that_waits(url: str, store: PostgresTasks) -> None:
    """Else a device would idle until its next look, though a task waits for it."""
    store.claim_pauses_s = (0.01,) * 5000
    new = added(store, "ann")
    with ThreadPoolExecutor(1) as threads, psycopg.connect(url) as other:
        other.execute("SELECT 1 FROM accounts FOR UPDATE")
        claimed = threads.submit(store.claim, "worker", MODELS, 60, None)
        with pytest.raises(TimeoutError):
            claimed.result(0.1)
        other.rollback()
        task = claimed.result(PATIENCE_S)
    assert task is not None
    assert task.id == new.id


def test_a_claim_and_a_cancel_of_its_task_do_not_wait_for_each_other(url: str, store: PostgresTasks) -> None:
    first, second = added(store, "ann"), added(store, "ann")
    with psycopg.connect(url) as other:
        # As in the middle of a cancel: the task's row is locked, and the account's is not yet.
        other.execute("SELECT 1 FROM tasks WHERE id = %s FOR UPDATE", (first.id,))
        assert claim(store) is None
    assert [store.claim("worker", MODELS, 60, None) is not None for _ in range(3)] == [True, True, False]
    assert {task.id for task in store.search("ann", Search((State.RUNNING,)))} == {first.id, second.id}


def test_the_limit_of_running_tasks_holds_for_claims_at_the_same_moment(url: str, store: PostgresTasks) -> None:
    for _ in range(12):
        added(store, "ann")

    def claim_alone(number: int) -> int:
        with closing(PostgresDatabase(url)) as own, closing(PostgresTasks(own)) as tasks:
            return sum(tasks.claim(f"worker {number}", MODELS, 60, 3) is not None for _ in range(5))

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(claim_alone, range(4))) <= 3
    while claim(store, 3):
        pass
    assert len(store.search("ann", Search((State.RUNNING,)))) == 3


def test_processes_that_submit_for_the_same_accounts_in_any_order_do_not_stop_each_other(
    url: str, store: PostgresTasks
) -> None:
    accounts = [f"account {number}" for number in range(6)]

    def submit(seed: int) -> None:
        drawn = random.Random(seed)
        with closing(PostgresDatabase(url)) as own, closing(PostgresTasks(own)) as tasks:
            futures = [tasks.add(unaccepted(drawn.choice(accounts), drawn.choice(MODELS)), 1000) for _ in range(60)]
            for future in futures:
                future.result(PATIENCE_S)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(submit, range(3)))
    assert sum(row.count for row in store.state_counts()) == 180


def test_the_counts_are_those_of_the_rows_whatever_happened(url: str, store: PostgresTasks) -> None:
    drawn = random.Random(7)
    for number in range(150):
        account, model = drawn.choice("abc"), drawn.choice(MODELS)
        what = drawn.random()
        if what < 0.5:
            added(store, account, model)
        elif what < 0.7 and (task := store.claim("worker", MODELS, 60, None)):
            store.settle(task, drawn.choice(ENDS))
        elif what < 0.85 and (live := store.search(account, Search(UNFINISHED))):
            store.cancel(account, drawn.choice(live).id, UNFINISHED)
        elif known := store.search(account, Search()):
            store.remove(account, drawn.choice(known).id)
        if number % 50 == 49:
            store.forget(store.now_ms() + 1000, 3)
    with psycopg.connect(url) as connection:
        lanes = connection.execute("SELECT account, model, state, tasks FROM lane_counts WHERE tasks > 0").fetchall()
        rows = connection.execute("SELECT account, model, state, count(*) FROM tasks GROUP BY 1, 2, 3").fetchall()
        periods = connection.execute("SELECT account, model, state, sum(tasks) FROM period_counts GROUP BY 1, 2, 3")
        assert sorted(lanes) == sorted(rows) == sorted((*lane, int(tasks)) for *lane, tasks in periods.fetchall())
        accounts = connection.execute("SELECT id, waiting, running FROM accounts").fetchall()
    states = Counter((task.account, task.state) for task in store.search(None, Search()))
    assert {(name, waiting, running) for name, waiting, running in accounts} == {
        (name, states[name, State.PENDING], states[name, State.RUNNING]) for name, _, _ in accounts
    }


def end_connections(url: str) -> None:
    """End every connection of others to the database, as a restart of the server would."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_lost_connection_is_opened_again_and_nothing_is_lost_or_made_twice(url: str, store: PostgresTasks) -> None:
    first = added(store, "ann")
    end_connections(url)
    task = store.find(first.id)
    assert task is not None, "a read is tried again"
    end_connections(url)
    second = added(store, "ann")
    end_connections(url)
    claimed = store.claim("worker", MODELS, 60, None)
    assert claimed is not None
    end_connections(url)
    assert store.renew(claimed, 60, heartbeat())
    end_connections(url)
    assert store.settle(claimed, Succeeded(VIDEO))
    assert [task.id for task in store.search("ann", Search())] == [second.id, first.id]
    assert [row.task_id for row in store.usage(None)] == [first.id]


def test_a_transaction_that_lost_its_connection_before_the_commit_runs_again(
    url: str, database: PostgresDatabase
) -> None:
    runs = []

    def write(connection: "psycopg.Connection[tuple[object, ...]]") -> int:
        runs.append(1)
        if len(runs) == 1:
            end_connections(url)
        return connection.execute("INSERT INTO accounts (id, created_ms) VALUES ('ann', 1)").rowcount

    assert database.transact(write) == 1
    assert len(runs) == 2
    assert database.read("SELECT id FROM accounts", ()) == [("ann",)]


class Proxy:
    """Passes the bytes of connections on to the server. Once it is `armed`, it cuts the wire at the next commit.

    `after` says how far the commit comes: to the server, or not even there.
    """

    armed = False

    def __init__(self, url: str, folder: Path, *, after: bool) -> None:
        self.after, self.cuts = after, 0
        at = unquote(urlsplit(url).netloc.partition("@")[2])
        self._server = str(Path(at) / ".s.PGSQL.5432")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen()
        self.url = f"postgresql://{postgres.USER}@{quote(str(folder), safe='')}{urlsplit(url).path}"
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            while True:
                for ready in select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if ready is client and b"COMMIT" in data and self.armed:
                        self.armed, self.cuts = False, self.cuts + 1
                        if self.after:
                            server.sendall(data)
                            server.recv(65536)
                        return
                    (server if ready is client else client).sendall(data)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.mark.parametrize("after", [True, False], ids=["committed", "not committed"])
def test_a_submit_whose_connection_was_lost_at_the_commit_is_stored_once(url: str, *, after: bool) -> None:
    # Its own, as the path of a socket has at most 107 characters.
    with (
        TemporaryDirectory() as folder,
        closing(Proxy(url, Path(folder), after=after)) as proxy,
        closing(PostgresDatabase(proxy.url)) as database,
        closing(PostgresTasks(database)) as store,
    ):
        proxy.armed = True
        new = added(store, "ann")
        assert proxy.cuts == 1
        assert [task.id for task in store.search("ann", Search())] == [new.id]
        assert store.count("ann", Search()) == 1


def test_a_server_that_does_not_know_the_transaction_cannot_tell(database: PostgresDatabase) -> None:
    """As after a failover to a standby that lacks it."""
    with pytest.raises(StoreUncertain, match="may be lost"):
        database._was_committed("1000000000000", psycopg.OperationalError("the connection was lost"))


def test_the_server_looks_soon_for_a_machine_that_has_gone(database: PostgresDatabase) -> None:
    # Of a connection over TCP the others are set too; this one is over a socket of the file system.
    assert database.read("SHOW idle_in_transaction_session_timeout", ()) == [("10s",)]


def test_an_error_of_the_work_itself_undoes_its_transaction_and_is_not_tried_again(database: PostgresDatabase) -> None:
    runs = []

    def fail(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        runs.append(1)
        connection.execute("INSERT INTO accounts (id, created_ms) VALUES ('ann', 1)")
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        database.transact(fail)
    assert (len(runs), database.read("SELECT id FROM accounts", ())) == (1, [])
    with pytest.raises(StoreUnavailable, match="no_such_table"):
        database.change("DELETE FROM no_such_table", ())


def heard(store: PostgresTasks, count: int) -> int:
    """Wait until the wake-ups are more than `count`, and return how many they are."""
    deadline = time.monotonic() + PATIENCE_S
    seen = count
    while seen <= count:
        assert time.monotonic() < deadline, "no wake-up came"
        seen = store.wait(count, PATIENCE_S)
    return seen


def test_a_submit_wakes_the_workers_of_other_processes(url: str, store: PostgresTasks) -> None:
    with closing(PostgresDatabase(url)) as own, closing(PostgresTasks(own)) as elsewhere:
        listening = heard(elsewhere, 0)
        added(store, "ann")
        heard(elsewhere, listening)


def test_notifications_come_again_after_their_connection_was_lost(url: str, store: PostgresTasks) -> None:
    with closing(PostgresDatabase(url)) as own, closing(PostgresTasks(own)) as elsewhere:
        listening = heard(elsewhere, 0)
        end_connections(url)
        # A new connection that listens wakes the workers once: something may have been sent meanwhile.
        again = heard(elsewhere, listening)
        added(store, "ann")
        heard(elsewhere, again)


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "x" * 100_000, "'; DROP TABLE tasks; --"])
def test_a_text_that_no_id_has_finds_nothing(store: PostgresTasks, text: str) -> None:
    added(store, "ann")
    assert store.get("ann", text) is None
    assert store.get(text, text) is None
    assert store.find(text) is None
    assert store.search(None, Search(after=text)) == []
    assert len(store.search(None, Search())) == 1


def test_lists_are_those_of_the_store_in_memory(store: PostgresTasks) -> None:
    drawn = random.Random(3)
    memory = MemoryTasks(store.now_ms)
    for _ in range(80):
        new = added(store, drawn.choice("ab"), drawn.choice(MODELS))
        stored = store.find(new.id)
        assert stored is not None
        memory._tasks[new.id] = stored
    for task in drawn.sample(store.search(None, Search()), 30):
        store.cancel(task.account, task.id, UNFINISHED)
        memory._tasks[task.id] = replace(store.find(task.id) or task)
    for _ in range(60):
        search = Search(
            states=drawn.sample(sorted(State), drawn.randint(1, 5)),
            model=drawn.choice([None, *MODELS]),
            oldest_first=drawn.random() < 0.5,
            skip=drawn.randint(0, 20),
            limit=drawn.randint(0, 30),
        )
        account = drawn.choice("ab")
        assert store.search(account, search) == memory.search(account, search)
        assert store.count(account, search) == memory.count(account, search)


def test_times_are_the_servers(url: str, store: PostgresTasks) -> None:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").fetchone()
    assert row is not None
    before = row[0]
    new = added(store, "ann")
    claimed = store.claim("worker", MODELS, 60, None)
    assert claimed is not None
    assert claimed.started_ms is not None
    assert claimed.lease_until_ms == claimed.started_ms + 60_000
    assert before <= claimed.submitted_ms <= claimed.started_ms
    store.settle(claimed, Succeeded(VIDEO))
    ended = store.find(new.id)
    assert ended is not None
    assert ended.ended_ms is not None
    assert ended.ended_ms >= claimed.started_ms


def test_sessions_and_the_overview_go_by_the_servers_clock(database: PostgresDatabase, store: PostgresTasks) -> None:
    PostgresKeys(database).add_key("one", "ann", "ab" * 32, None)
    sessions, overview = PostgresSessions(database), PostgresOverview(database)
    sessions.add("valid", "ab" * 32, 3600)
    sessions.add("expired", "ab" * 32, -1)
    assert [sessions.find(name) is not None for name in ("valid", "expired")] == [True, False]
    assert [sessions.forget_expired(10) for _ in range(2)] == [1, 0]
    added(store, "ann")
    claimed = store.claim("worker", MODELS, 60, None)
    assert claimed is not None
    assert store.settle(claimed, Succeeded(VIDEO))
    # Two periods, because one may have begun since.
    assert [(ended.state, ended.count) for ended in overview.ended_by_hour(2)] == [(State.SUCCEEDED, 1)]
    assert [(used.account, used.videos) for used in overview.usage_by_day(2)] == [("ann", 1)]


def test_a_store_that_is_closed_refuses_submits(database: PostgresDatabase) -> None:
    store = PostgresTasks(database)
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.add(unaccepted(), 10).result(PATIENCE_S)
