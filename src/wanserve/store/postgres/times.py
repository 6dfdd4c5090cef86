"""How long the last attempts took, in a PostgreSQL database."""

from wanserve.domain.progress import Kind, StageTimes
from wanserve.store.postgres import statements as sql
from wanserve.store.postgres.database import PostgresDatabase
from wanserve.store.rows import read_times, times_row


class PostgresTimes:
    """The TimesStore on a PostgresDatabase."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def note(self, kind: Kind, times: StageTimes) -> None:
        """See TimesStore. After a lost answer they may be kept twice, which does no harm."""
        *key, seconds = times_row(kind, times)
        self._database.change(sql.ADD_TIMES, (*key, seconds))
        self._database.change(sql.FORGET_TIMES, (*key, *key))

    def all(self) -> list[tuple[Kind, StageTimes]]:
        """See TimesStore."""
        return [read_times(row) for row in self._database.read(sql.ALL_TIMES, ())]
