"""The accounts and keys on a SQLite database."""

import sqlite3
from dataclasses import astuple

from wanserve.domain.account import Account, Key, Limits
from wanserve.domain.errors import InvalidRequest
from wanserve.store.rows import (
    models_text,
    read_account,
    read_key,
)
from wanserve.store.sqlite import statements as sql
from wanserve.store.sqlite.database import Database


class SqliteKeys:
    """The KeyStore on a Database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_key(self, sha256: str) -> Key | None:
        """See KeyStore."""
        rows = self._database.read(sql.FIND_KEY, (sha256,))
        return read_key(rows[0]) if rows else None

    def add_key(self, key: Key) -> None:
        """See KeyStore."""

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(sql.ADD_ACCOUNT, (key.account, key.created_ms))
            try:
                connection.execute(
                    sql.ADD_KEY,
                    (key.sha256, key.name, key.account, key.created_ms, models_text(key), key.revoked_ms),
                )
            except sqlite3.IntegrityError as error:
                raise InvalidRequest("name", f"there is a key named {key.name} already") from error

        self._database.write(insert)

    def update_key(self, key: Key) -> None:
        """See KeyStore."""
        values = (models_text(key), key.revoked_ms, key.sha256)
        self._database.write(lambda connection: connection.execute(sql.UPDATE_KEY, values))

    def all_keys(self) -> list[Key]:
        """See KeyStore."""
        return [read_key(row) for row in self._database.read(sql.ALL_KEYS, ())]

    def accounts(self) -> list[Account]:
        """See KeyStore."""
        return [read_account(row) for row in self._database.read(sql.ALL_ACCOUNTS, ())]

    def limit(self, account: str, limits: Limits) -> bool:
        """See KeyStore."""
        values = (*astuple(limits), account)
        return self._database.write(lambda connection: connection.execute(sql.LIMIT_ACCOUNT, values).rowcount == 1)
