"""The owner's overview of a SQLite database."""

from collections.abc import Mapping

from wanserve.domain.ports import Clock
from wanserve.store.overview import SqlOverview
from wanserve.store.rows import Fetched, Value
from wanserve.store.sqlite.database import Database


class SqliteOverview(SqlOverview):
    """The OverviewStore on a Database. `clock` is the wall clock of this machine."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def now_ms(self) -> int:
        """See SqlOverview."""
        return self._clock()

    def read(self, statement: str, values: Mapping[str, Value]) -> list[Fetched]:
        """See SqlOverview."""
        return self._database.read(statement, dict(values))
