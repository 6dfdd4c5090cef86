"""One SQLite file: one writing connection, a reading one for each thread, every commit on disk."""

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final, TypeVar

from wanserve.domain.errors import SetupError, StoreUnavailable
from wanserve.store.rows import (
    Fetched,
    Value,
)
from wanserve.store.sqlite.migrate import migrate, migrations, schema_version
from wanserve.store.sqlite.writer import Writer
from wanserve.store.wakeup import Wakeup

T = TypeVar("T")

FREELY: Final = nullcontext()

BUSY_SECONDS = 10
"""How long a write waits for another process (a command line) that is writing."""

WAL_BYTES: Final = 64 * 1024 * 1024
"""The write-ahead log is cut to this size once its pages are in the database itself."""


class _Own(threading.local):
    """The state of each thread."""

    reader: sqlite3.Connection | None = None


class Database:
    """One SQLite file: a reading connection for each thread that reads, and the Writer."""

    def __init__(
        self, path: Path, migrating: AbstractContextManager[None] = FREELY, watched: Sequence[Path] = ()
    ) -> None:
        """Open the file, creating or migrating it. Raises SetupError where it cannot be, or is newer than we are.

        `migrating` is entered while the schema changes, and may refuse that by an error. Once one of the files `watched`
        or of the database's own files is deleted or replaced, nothing is written any more.
        """
        self._path = path
        self._local = _Own()
        self._readers: list[sqlite3.Connection] = []
        self._closed = False
        self._beside = tuple(path.with_name(f"{path.name}-{name}") for name in ("wal", "shm"))
        self._watched = (path, *watched, *self._beside)
        self._files: dict[Path, tuple[int, int]] = {}
        steps = migrations()
        try:
            if not path.exists():
                # SQLite itself would make it readable for all. The files beside it get the same mode.
                path.touch(mode=0o600)
            first = self._connect()
            try:
                with migrating if schema_version(first) < max(steps) else FREELY:
                    migrate(first, steps)
            finally:
                first.close()
        except (sqlite3.Error, OSError) as error:
            raise SetupError(f"the database {path} cannot be opened: {error}") from error
        self.wakeup = Wakeup()
        self.writer = Writer(self._connect_writer, self.wakeup.wake, self._check_files)

    def id(self) -> str:
        """The id that no other database has; see OpenedStores. Raises SetupError."""
        try:
            ((database_id,),) = self.read("SELECT id FROM database_id", ())
        except StoreUnavailable as error:
            raise SetupError(f"the database {self._path} cannot be used: {error}") from error
        return str(database_id)

    def read(self, statement: str, values: tuple[Value, ...] | dict[str, Value]) -> list[Fetched]:
        """The rows of one SELECT as of the last commit. Raises StoreUnavailable."""
        try:
            return self._reader().execute(statement, values).fetchall()
        except UnicodeEncodeError:
            # No stored text has half a surrogate pair, so the read finds nothing.
            return []
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the task table cannot be read: {error}") from error

    def write(self, statements: Callable[[sqlite3.Connection], T], *, wakes: bool = False) -> T:
        """Run the statements in a durable transaction and return what they return. See Writer."""
        return self.writer.write(statements, wakes=wakes).result()

    def close(self) -> None:
        """Finish the queued writes and close every connection. The database must not be used afterwards."""
        self._closed = True
        self.writer.close()
        for reader in self._readers:
            reader.close()

    def _connect_writer(self) -> sqlite3.Connection:
        # SQLite makes the files beside the database at its first connection, and deletes them after its last.
        self._files = {path: known for path, known in self._files.items() if path not in self._beside}
        return self._connect()

    def _check_files(self) -> None:
        """Check that the files are still those that were opened: SQLite would go on writing to a deleted one.

        Raises StoreUnavailable where one is not: what is written to it would be lost at the next start.
        """
        for path in self._watched:
            try:
                found = os.stat(path)  # noqa: PTH116 - before each commit, and half as long as through Path
            except OSError:
                identity = None
            else:
                identity = found.st_dev, found.st_ino
            known = self._files.setdefault(path, identity) if identity else self._files.get(path)
            if known != identity:
                raise StoreUnavailable(
                    f"the task table cannot be written: {path} was removed or replaced while the server ran;"
                    " put it back and start the server again"
                )

    def _reader(self) -> sqlite3.Connection:
        reader = self._local.reader
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if reader is None:
            reader = self._connect()
            reader.execute("PRAGMA query_only = ON")
            self._local.reader = reader
            self._readers.append(reader)
        return reader

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            # It is not made anew where it was taken away: an empty one would know no key.
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=64,
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        return connection
