"""The accounts and keys on a SQLite database."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import astuple

from wanserve.domain.account import Account, Key, Limits
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.ports import Clock
from wanserve.store.rows import Row, models_text, read_account, read_key
from wanserve.store.sqlite import statements as sql
from wanserve.store.sqlite.database import Database


class SqliteKeys:
    """The KeyStore on a Database. `clock` is the wall clock of this machine."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def find_keys(self, hashes: Sequence[str]) -> list[Key | None]:
        """See KeyStore."""
        return [self._find(sha256) for sha256 in hashes]

    def _find(self, sha256: str) -> Key | None:
        rows = self._database.read(sql.FIND_KEY, (sha256,))
        return read_key(rows[0]) if rows else None

    def add_key(self, name: str, account: str, sha256: str, models: Collection[str] | None) -> None:
        """See KeyStore."""
        now_ms = self._clock()

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(sql.ADD_ACCOUNT, (account, now_ms))
            try:
                connection.execute(sql.ADD_KEY, (sha256, name, account, now_ms, models_text(models)))
            except sqlite3.IntegrityError as error:
                raise InvalidRequest("name", f"there is a key named {name} already") from error

        self._database.write(insert)

    def restrict_key(self, name: str, models: Collection[str] | None) -> bool:
        """See KeyStore."""
        return self._changed(sql.RESTRICT_KEY, (models_text(models), name))

    def revoke_key(self, name: str) -> bool:
        """See KeyStore."""
        return self._changed(sql.REVOKE_KEY, (self._clock(), name))

    def all_keys(self) -> list[Key]:
        """See KeyStore."""
        return [read_key(row) for row in self._database.read(sql.ALL_KEYS, ())]

    def accounts(self) -> list[Account]:
        """See KeyStore."""
        return [read_account(row) for row in self._database.read(sql.ALL_ACCOUNTS, ())]

    def set_limits(self, account: str, limits: Limits) -> bool:
        """See KeyStore."""
        return self._changed(sql.LIMIT_ACCOUNT, (*astuple(limits), account))

    def set_owner(self, account: str, *, owner: bool) -> bool:
        """See KeyStore."""
        return self._changed(sql.SET_OWNER, (owner, account))

    def _changed(self, statement: str, values: Row) -> bool:
        return self._database.write(lambda connection: connection.execute(statement, values).rowcount == 1)
