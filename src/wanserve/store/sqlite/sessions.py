"""The sessions of browsers on a SQLite database."""

from wanserve.domain.account import Key
from wanserve.domain.ports import Clock
from wanserve.store.rows import Row, read_key
from wanserve.store.sqlite import statements as sql
from wanserve.store.sqlite.database import Database


class SqliteSessions:
    """The SessionStore on a Database. `clock` is the wall clock of this machine."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, sha256: str, key_sha256: str, seconds: float) -> None:
        """See SessionStore."""
        now_ms = self._clock()
        self._changed(sql.ADD_SESSION, (sha256, key_sha256, now_ms, now_ms + round(seconds * 1000)))

    def find(self, sha256: str) -> Key | None:
        """See SessionStore."""
        rows = self._database.read(sql.FIND_SESSION, (sha256, self._clock()))
        return read_key(rows[0]) if rows else None

    def remove(self, sha256: str) -> None:
        """See SessionStore."""
        self._changed(sql.REMOVE_SESSION, (sha256,))

    def forget_expired(self, limit: int) -> int:
        """See SessionStore."""
        return self._changed(sql.FORGET_SESSIONS, (self._clock(), limit))

    def _changed(self, statement: str, values: Row) -> int:
        """The number of rows that the statement changed."""
        return self._database.write(lambda connection: connection.execute(statement, values).rowcount)
