"""How long the last attempts took, in a SQLite database."""

import sqlite3

from wanserve.domain.ports import Clock
from wanserve.domain.progress import Kind, StageTimes
from wanserve.store.rows import read_times, times_row
from wanserve.store.sqlite import statements as sql
from wanserve.store.sqlite.database import Database


class SqliteTimes:
    """The TimesStore on a Database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def note(self, kind: Kind, times: StageTimes) -> None:
        """See TimesStore."""
        *key, seconds = times_row(kind, times)
        now_ms = self._clock()

        def note(connection: sqlite3.Connection) -> None:
            connection.execute(sql.ADD_TIMES, (*key, seconds, now_ms))
            connection.execute(sql.FORGET_TIMES, (*key, *key))

        self._database.write(note)

    def all(self) -> list[tuple[Kind, StageTimes]]:
        """See TimesStore."""
        return [read_times(row) for row in self._database.read(sql.ALL_TIMES, ())]
