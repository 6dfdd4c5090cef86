"""The owner's overview in any SQL database: the same statements on each."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from operator import attrgetter

from wanserve.domain.overview import DAY_MS, HOUR_MS, EndedHour, Lane, UsedDay, day_text, first_period
from wanserve.domain.task import State
from wanserve.store import overview_statements as sql
from wanserve.store.rows import Fetched, Value


class SqlOverview(ABC):
    """The OverviewStore on a database that runs statements for it. It sorts by itself: databases order texts differently."""

    @abstractmethod
    def now_ms(self) -> int:
        """The store's clock, in milliseconds since 1970, UTC."""

    @abstractmethod
    def read(self, statement: str, values: Mapping[str, Value]) -> list[Fetched]:
        """The rows of a SELECT. Raises StoreUnavailable."""

    def lanes(self) -> list[Lane]:
        """See OverviewStore."""
        return sorted((Lane(*row) for row in self.read(sql.LANES, {})), key=attrgetter("account", "model"))

    def ended_by_hour(self, hours: int) -> list[EndedHour]:
        """See OverviewStore."""
        rows = self.read(sql.ENDED_BY_HOUR, {"since_ms": first_period(self.now_ms(), HOUR_MS, hours)})
        ended = (EndedHour(hour * HOUR_MS, State(state), count) for hour, state, count in rows)
        return sorted(ended, key=attrgetter("hour_ms", "state"))

    def usage_by_day(self, days: int) -> list[UsedDay]:
        """See OverviewStore."""
        rows = self.read(sql.USAGE_BY_DAY, {"since_ms": first_period(self.now_ms(), DAY_MS, days)})
        return sorted((UsedDay(day_text(day), *rest) for day, *rest in rows), key=attrgetter("day", "account"))
