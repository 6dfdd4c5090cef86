"""The accounts and keys on a PostgreSQL database."""

from collections.abc import Collection, Sequence
from dataclasses import astuple

from wanserve.domain.account import Account, Key, Limits
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.ports import Clock
from wanserve.store.postgres import statements as sql
from wanserve.store.postgres.database import PostgresDatabase
from wanserve.store.postgres.listener import Connection
from wanserve.store.rows import models_text, read_account, read_key


class PostgresKeys:
    """The KeyStore on a PostgresDatabase. `clock` replaces the server's clock in tests."""

    def __init__(self, database: PostgresDatabase, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock

    def find_keys(self, hashes: Sequence[str]) -> list[Key | None]:
        """See KeyStore."""
        found = {key.sha256: key for key in map(read_key, self._database.read(sql.FIND_KEYS, (list(hashes),)))}
        return [found.get(sha256) for sha256 in hashes]

    def add_key(self, name: str, account: str, sha256: str, models: Collection[str] | None) -> None:
        """See KeyStore."""
        now_ms = self._now_ms()

        def insert(connection: Connection) -> int:
            connection.execute(sql.ADD_ACCOUNT, (account, now_ms))
            return connection.execute(sql.ADD_KEY, (sha256, name, account, now_ms, models_text(models))).rowcount

        if self._database.transact(insert) == 0:
            raise InvalidRequest("name", f"there is a key named {name} already")

    def restrict_key(self, name: str, models: Collection[str] | None) -> bool:
        """See KeyStore."""
        return self._database.change(sql.RESTRICT_KEY, (models_text(models), name)) == 1

    def revoke_key(self, name: str) -> bool:
        """See KeyStore."""
        return self._database.change(sql.REVOKE_KEY, (self._now_ms(), name)) == 1

    def all_keys(self) -> list[Key]:
        """See KeyStore."""
        return [read_key(row) for row in self._database.read(sql.ALL_KEYS, ())]

    def accounts(self) -> list[Account]:
        """See KeyStore."""
        return [read_account(row) for row in self._database.read(sql.ALL_ACCOUNTS, ())]

    def set_limits(self, account: str, limits: Limits) -> bool:
        """See KeyStore."""
        return self._database.change(sql.LIMIT_ACCOUNT, (*astuple(limits), account)) == 1

    def set_owner(self, account: str, *, owner: bool) -> bool:
        """See KeyStore."""
        return self._database.change(sql.SET_OWNER, (owner, account)) == 1

    def _now_ms(self) -> int | None:
        return None if self._clock is None else self._clock()
