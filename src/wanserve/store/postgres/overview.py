"""The owner's overview of a PostgreSQL database."""

from collections.abc import Mapping

from wanserve.domain.ports import Clock
from wanserve.store.overview import SqlOverview
from wanserve.store.postgres.database import PostgresDatabase
from wanserve.store.postgres.parameters import for_psycopg
from wanserve.store.rows import Fetched, Value


class PostgresOverview(SqlOverview):
    """The OverviewStore on a PostgresDatabase. `clock` replaces the server's clock in tests."""

    def __init__(self, database: PostgresDatabase, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock

    def now_ms(self) -> int:
        """See SqlOverview."""
        return self._database.listener.now_ms() if self._clock is None else self._clock()

    def read(self, statement: str, values: Mapping[str, Value]) -> list[Fetched]:
        """See SqlOverview."""
        return self._database.read(for_psycopg(statement), values)
