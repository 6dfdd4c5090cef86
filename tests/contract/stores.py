"""Every store that there is, for the contracts: each test runs on each of them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import needs
from wanserve.domain.overview import OverviewStore
from wanserve.domain.ports import Clock, KeyStore, SessionStore, TaskStore
from wanserve.store.memory import MemoryTasks
from wanserve.store.memory_keys import MemoryKeys
from wanserve.store.memory_overview import MemoryOverview
from wanserve.store.memory_sessions import MemorySessions
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.keys import SqliteKeys
from wanserve.store.sqlite.overview import SqliteOverview
from wanserve.store.sqlite.sessions import SqliteSessions
from wanserve.store.sqlite.tasks import SqliteTasks

STORES = ("memory", "sqlite", pytest.param("postgres", marks=pytest.mark.thorough))


@dataclass(frozen=True)
class Stores:
    """The tasks, keys and sessions of one installation, and the overview of its tasks."""

    tasks: TaskStore
    keys: KeyStore
    sessions: SessionStore
    overview: OverviewStore


@contextmanager
def opened(name: str, folder: Path, clock: Clock) -> Iterator[Stores]:
    """The store of this name, empty."""
    if name == "memory":
        tasks, keys = MemoryTasks(clock), MemoryKeys(clock)
        yield Stores(tasks, keys, MemorySessions(keys, clock), MemoryOverview(tasks))
        return
    if name == "postgres":
        with postgres_stores(clock) as stores:
            yield stores
        return
    with closing(Database(folder / "tasks.db")) as database:
        yield Stores(
            SqliteTasks(database, clock),
            SqliteKeys(database, clock),
            SqliteSessions(database, clock),
            SqliteOverview(database, clock),
        )


@contextmanager
def postgres_stores(clock: Clock) -> Iterator[Stores]:
    """The stores on a real server, which starts when they are asked for the first time. Skips without it."""
    needs.library("psycopg")
    # Imported here, because a test run without the extra `postgres` has neither the driver nor this store.
    from tests.postgres import shared_database
    from wanserve.store.postgres.database import PostgresDatabase
    from wanserve.store.postgres.keys import PostgresKeys
    from wanserve.store.postgres.overview import PostgresOverview
    from wanserve.store.postgres.sessions import PostgresSessions
    from wanserve.store.postgres.tasks import PostgresTasks

    with closing(PostgresDatabase(shared_database())) as database, closing(PostgresTasks(database, clock)) as tasks:
        yield Stores(
            tasks,
            PostgresKeys(database, clock),
            PostgresSessions(database, clock),
            PostgresOverview(database, clock),
        )
