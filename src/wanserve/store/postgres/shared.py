"""What several servers share besides tasks and keys: the link secret, the certificate, the rate limits' buckets, the refused submits."""

import logging
import math
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from wanserve.domain.errors import SetupError, StoreUnavailable
from wanserve.domain.idempotency import CountedSubmit
from wanserve.domain.ports import Clock, TokensAsked, TokensGranted
from wanserve.store.postgres import statements as sql
from wanserve.store.postgres.database import PostgresDatabase
from wanserve.store.postgres.listener import Connection

log = logging.getLogger(__name__)

SIGNS_LINKS: Final = "links"
"""The name of the secret in its table."""

SIGNS_FILES: Final = "certificate"
"""The name of the certificate and its key in the same table."""

SECRET_BYTES: Final = 32


class PostgresLinkSecret:
    """The LinkSecret of every server on the database."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def read(self) -> bytes:
        """See LinkSecret. Of two servers that start at once, one makes it."""
        try:
            return _keep(self._database, SIGNS_LINKS, secrets.token_bytes(SECRET_BYTES))
        except StoreUnavailable as error:
            raise SetupError(f"the link secret cannot be read: {error}") from error

    def restore(self, secret: bytes) -> None:
        """See LinkSecret. Raises StoreUnavailable."""
        if _keep(self._database, SIGNS_LINKS, secret) != secret:
            log.warning("the link secret was changed in the database: links of before work until this server ends")


class PostgresCertificate:
    """The CertificateStore of every server and worker on the database."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def read(self, make: Callable[[], bytes]) -> bytes:
        """See CertificateStore. Of two that start at once, one makes it."""
        try:
            rows = self._database.read(sql.READ_NAMED, (SIGNS_FILES,))
            return bytes(rows[0][0]) if rows else _keep(self._database, SIGNS_FILES, make())
        except StoreUnavailable as error:
            raise SetupError(f"the certificate cannot be read: {error}") from error


def _keep(database: PostgresDatabase, name: str, secret: bytes) -> bytes:
    """The stored secret of this name; this one where none was stored. Raises StoreUnavailable."""

    def keep(connection: Connection) -> bytes:
        connection.execute(sql.KEEP_NAMED, (name, secret))
        row = connection.execute(sql.READ_NAMED, (name,)).fetchone()
        assert row is not None, "it was stored by the statement before"
        return bytes(row[0])

    return database.run(keep)


class PostgresTokens:
    """The TokenStore of every server on the database. `clock` replaces the server's clock in tests."""

    def __init__(self, database: PostgresDatabase, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock

    def take(self, asked: Sequence[TokensAsked]) -> list[TokensGranted]:
        """See TokenStore."""
        values = {
            "accounts": [each.account for each in asked],
            "kinds": [each.kind for each in asked],
            "wanted": [each.tokens for each in asked],
            "rates": [each.rate for each in asked],
            "now_ms": None if self._clock is None else self._clock(),
        }
        rows = self._database.read(sql.TAKE_TOKENS, values)
        taken = {(account, kind): (granted, left) for account, kind, granted, left in rows}
        return [_granted(each, *taken[each.account, each.kind]) for each in asked]


def _granted(asked: TokensAsked, granted: int, left: float) -> TokensGranted:
    return TokensGranted(granted, 0 if left >= 1.0 else math.ceil((1.0 - left) / asked.rate))


class PostgresRefusals:
    """The Refusals of every server on the database."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        # In a thread, because a refusal may be noted on the event loop. A client repeats it half a second later or more.
        self._notes = ThreadPoolExecutor(1, "store-refusals")

    def note(self, account: str, submit: CountedSubmit, until_ms: int) -> None:
        """See Refusals. One that cannot be written is logged."""
        values = account, submit.fingerprint, submit.retries, submit.follows, until_ms
        self._notes.submit(self._note, values)

    def follows(self, account: str, fingerprint: str, retries: int, now_ms: int) -> int | None:
        """See Refusals. Raises StoreUnavailable."""
        if retries == 0:
            return None
        asked = {"account": account, "fingerprint": fingerprint, "retries": retries - 1, "now_ms": now_ms}
        rows = self._database.read(sql.TAKE_REFUSED, asked)
        return rows[0][0] if rows else retries - 1

    def close(self) -> None:
        """Write what is to be noted. The store must not be used afterwards."""
        self._notes.shutdown()

    def _note(self, values: tuple[str, str, int, int | None, int]) -> None:
        try:
            self._database.run(lambda connection: connection.execute(sql.NOTE_REFUSED, values))
        except StoreUnavailable as error:
            log.warning("a refused submit was not noted, and its repetition may be taken for another one: %s", error)
