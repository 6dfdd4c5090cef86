"""The webhooks in a SQLite database."""

import sqlite3

from wanserve.domain.ports import Clock
from wanserve.store.rows import Fetched
from wanserve.store.sqlite.database import Database
from wanserve.store.webhooks import SqlWebhooks, Step


class SqliteWebhooks(SqlWebhooks):
    """The WebhookStore on a Database. `clock` is the wall clock of this machine."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def now_ms(self) -> int:
        """See WebhookStore."""
        return self._clock()

    def read(self, step: Step) -> list[Fetched]:
        """See SqlWebhooks."""
        statement, values = step
        return self._database.read(statement, dict(values))

    def write(self, *steps: Step) -> list[list[Fetched]]:
        """See SqlWebhooks."""

        def run(connection: sqlite3.Connection) -> list[list[Fetched]]:
            return [connection.execute(statement, dict(values)).fetchall() for statement, values in steps]

        return self._database.write(run)
