"""The sessions of browsers on a PostgreSQL database."""

from wanserve.domain.account import Key
from wanserve.domain.ports import Clock
from wanserve.store.postgres import statements as sql
from wanserve.store.postgres.database import PostgresDatabase
from wanserve.store.rows import read_key


class PostgresSessions:
    """The SessionStore on a PostgresDatabase. `clock` replaces the server's clock in tests."""

    def __init__(self, database: PostgresDatabase, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock

    def add(self, sha256: str, key_sha256: str, seconds: float) -> None:
        """See SessionStore."""
        values = {"sha256": sha256, "key_sha256": key_sha256, "valid_ms": round(seconds * 1000)}
        self._database.change(sql.ADD_SESSION, self._now() | values)

    def find(self, sha256: str) -> Key | None:
        """See SessionStore."""
        rows = self._database.read(sql.FIND_SESSION, self._now() | {"sha256": sha256})
        return read_key(rows[0]) if rows else None

    def remove(self, sha256: str) -> None:
        """See SessionStore."""
        self._database.change(sql.REMOVE_SESSION, (sha256,))

    def forget_expired(self, limit: int) -> int:
        """See SessionStore. After a lost answer fewer may be told than were deleted, which does no harm."""
        return self._database.change(sql.FORGET_SESSIONS, self._now() | {"limit": limit})

    def _now(self) -> dict[str, object]:
        return {"now_ms": None if self._clock is None else self._clock()}
