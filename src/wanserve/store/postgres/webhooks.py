"""The webhooks in a PostgreSQL database."""

from wanserve.domain.ports import Clock
from wanserve.store.postgres.database import PostgresDatabase
from wanserve.store.postgres.listener import Connection
from wanserve.store.postgres.parameters import for_psycopg
from wanserve.store.rows import Fetched
from wanserve.store.webhooks import SqlWebhooks, Step


class PostgresWebhooks(SqlWebhooks):
    """The WebhookStore on a PostgresDatabase. `clock` replaces the server's clock in tests."""

    def __init__(self, database: PostgresDatabase, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock

    def now_ms(self) -> int:
        """See WebhookStore."""
        return self._database.listener.now_ms() if self._clock is None else self._clock()

    def read(self, step: Step) -> list[Fetched]:
        """See SqlWebhooks."""
        statement, values = step
        return self._database.read(for_psycopg(statement), values)

    def write(self, *steps: Step) -> list[list[Fetched]]:
        """See SqlWebhooks."""

        def run(connection: Connection) -> list[list[Fetched]]:
            rows = []
            for statement, values in steps:
                done = connection.execute(for_psycopg(statement), values)
                rows.append(done.fetchall() if done.description else [])
            return rows

        return self._database.transact(run)
