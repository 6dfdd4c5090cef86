"""Every store that there is, for the contracts: each test runs on each of them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from wanserve.domain.ports import Clock, KeyStore, TaskStore
from wanserve.store.memory import MemoryKeys, MemoryTasks
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.keys import SqliteKeys
from wanserve.store.sqlite.tasks import SqliteTasks

STORES = ("memory", "sqlite")


@dataclass(frozen=True)
class Stores:
    """The tasks and keys of one installation."""

    tasks: TaskStore
    keys: KeyStore


@contextmanager
def opened(name: str, folder: Path, clock: Clock) -> Iterator[Stores]:
    """The store of this name, empty."""
    if name == "memory":
        yield Stores(MemoryTasks(clock), MemoryKeys(clock))
        return
    with closing(Database(folder / "tasks.db")) as database:
        yield Stores(SqliteTasks(database, clock), SqliteKeys(database, clock))
