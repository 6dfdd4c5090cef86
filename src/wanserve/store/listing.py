"""Finds a page of one account's tasks, and how many there are, by the counts of each period of ten minutes.

Whole periods are skipped and summed by their counts. So a late page, a rare state or a total takes no longer in a long
table: only the tasks of the periods with the page's rows are read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Protocol

from wanserve.domain.search import Search
from wanserve.domain.task import State
from wanserve.store.rows import Fetched

Values = dict[str, Any]
"""The named values of a statement, as the database's driver takes them."""

Read = Callable[[str, Values], list[Fetched]]
"""Runs one SELECT with named values."""

PERIOD_MS: Final = 600_000
"""The length of a period of the table `period_counts`, in milliseconds: ten minutes, as in the migrations."""

LAST_PERIOD: Final = 2**62 // PERIOD_MS


class _Period(NamedTuple):
    """A period with tasks of the search's states and model. `exact`: the search finds all of them."""

    number: int
    tasks: int
    exact: bool


class ListingStatements(Protocol):
    """The SELECTs of a listing in the SQL of one database."""

    def search_tasks(self, search: Search, account: str | None, /) -> str:
        """One page of the search."""

    def count_tasks(self, search: Search, account: str, /) -> str:
        """The number of rows that the search finds."""

    def count_by_period(self, search: Search, /) -> str:
        """The number of tasks in each period from `first` to `last`."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One search among the tasks of one account. `values` gives the values of a search for the statements."""

    read: Read
    sql: ListingStatements
    values: Callable[[Search, str], Values]
    account: str
    search: Search

    def page(self) -> list[Fetched]:
        """The rows of the page, in its order."""
        search = self.search
        plain = search.skip == 0 and search.model is None and set(search.states) == set(State)
        if plain or search.after is not None or not self._is_counted():
            # The index leads to the beginning of the page, or there are no counts that would.
            return self._rows(search)
        return self._page_by_periods()

    def _page_by_periods(self) -> list[Fetched]:
        search = self.search
        rows: list[Fetched] = []
        skip = search.skip
        for period in self._periods():
            if period.exact and skip >= period.tasks:
                skip -= period.tasks
                continue
            if len(rows) >= search.limit:
                break
            wanted = search.limit - len(rows)
            if period.exact:
                rows += self._rows(replace(self._within(period), skip=skip, limit=wanted))
                skip = 0
            else:
                # Only its rows tell how many of them the search finds.
                found = self._rows(replace(self._within(period), skip=0, limit=skip + wanted))
                rows += found[skip:]
                skip = max(0, skip - len(found))
        return rows

    def total(self) -> int:
        """The number of tasks on all pages. `after` is ignored."""
        if not self._is_counted():
            return self._count(self.search)
        return sum(period.tasks if period.exact else self._count(self._within(period)) for period in self._periods())

    def _is_counted(self) -> bool:
        """Whether the counts of the periods say how many tasks the search finds. They know no ids, seeds and prompts."""
        return self.search.task_id is None and self.search.seed is None and not self.search.text

    def _periods(self) -> Iterator[_Period]:
        search = self.search
        first = 0 if search.since_ms is None else max(0, search.since_ms // PERIOD_MS)
        last = LAST_PERIOD if search.until_ms is None else (search.until_ms - 1) // PERIOD_MS
        values = self.values(search, self.account) | {"first": first, "last": last}
        for number, tasks in self.read(self.sql.count_by_period(search), values):
            begin_ms = number * PERIOD_MS
            exact = (
                begin_ms >= (search.since_ms or 0)
                and (search.until_ms is None or begin_ms + PERIOD_MS <= search.until_ms)
                # A task that was submitted after this time cannot have ended before it.
                and begin_ms >= (search.ended_since_ms or 0)
            )
            yield _Period(number, tasks, exact)

    def _within(self, period: _Period) -> Search:
        """The search inside one period."""
        begin_ms = period.number * PERIOD_MS
        end_ms = begin_ms + PERIOD_MS
        return replace(
            self.search,
            since_ms=max(begin_ms, self.search.since_ms or 0),
            until_ms=end_ms if self.search.until_ms is None else min(end_ms, self.search.until_ms),
        )

    def _rows(self, search: Search) -> list[Fetched]:
        return self.read(self.sql.search_tasks(search, self.account), self.values(search, self.account))

    def _count(self, search: Search) -> int:
        counted = replace(search, after=None)
        rows = self.read(self.sql.count_tasks(counted, self.account), self.values(counted, self.account))
        return sum(count for (count,) in rows)
