"""The pages of a list by the counts of its periods: the same rows as a plain search, and few of them read."""

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from wanserve.domain.search import Search
from wanserve.domain.task import State
from wanserve.store.listing import PERIOD_MS, Listing, Values
from wanserve.store.rows import Fetched

Entry = tuple[int, State]
"""A task of these tests: when it was submitted, and its state."""


@dataclass
class Table:
    """A database of a few tasks. A statement is the name under which it keeps the search that the statement is for."""

    entries: list[Entry]
    searches: dict[str, Search] = field(default_factory=dict)
    rows_read: int = 0

    def search_tasks(self, search: Search, account: str | None, /) -> str:
        return self._statement("page", search)

    def count_tasks(self, search: Search, account: str, /) -> str:
        return self._statement("count", search)

    def count_by_period(self, search: Search, /) -> str:
        return self._statement("periods", search)

    def read(self, statement: str, values: Values) -> list[Fetched]:
        search = self.searches.pop(statement)
        kind = statement.split(maxsplit=1)[0]
        if kind == "page":
            rows: list[Fetched] = list(self.found(search)[: search.skip + search.limit])
            self.rows_read += len(rows)
            return rows[search.skip :]
        if kind == "count":
            return [(len(self.found(search)),)]
        periods: dict[int, int] = {}
        for submitted_ms, state in self.entries:
            number = submitted_ms // PERIOD_MS
            if state in search.states and values["first"] <= number <= values["last"]:
                periods[number] = periods.get(number, 0) + 1
        return sorted(periods.items(), reverse=not search.oldest_first)

    def found(self, search: Search) -> list[Entry]:
        """All entries that the search finds, in its order."""
        until = search.until_ms
        rows = [
            entry
            for entry in self.entries
            if entry[1] in search.states and entry[0] >= (search.since_ms or 0) and (until is None or entry[0] < until)
        ]
        return sorted(rows, reverse=not search.oldest_first)

    def _statement(self, kind: str, search: Search) -> str:
        name = f"{kind} {len(self.searches)}"
        self.searches[name] = search
        return name


def listing(table: Table, search: Search) -> Listing:
    return Listing(table.read, table, lambda _search, _account: {}, "default", search)


TIMES = st.integers(0, 6 * PERIOD_MS)
ENTRIES = st.lists(st.tuples(TIMES, st.sampled_from([State.PENDING, State.SUCCEEDED])), max_size=40, unique=True)
SEARCHES = st.builds(
    Search,
    states=st.sampled_from([tuple(State), (State.PENDING,), (State.SUCCEEDED,)]),
    since_ms=st.none() | TIMES,
    until_ms=st.none() | st.integers(1, 6 * PERIOD_MS),
    oldest_first=st.booleans(),
    skip=st.integers(0, 45),
    limit=st.integers(1, 20),
)


@given(ENTRIES, SEARCHES)
def test_a_page_has_the_rows_of_a_plain_search(entries: list[Entry], search: Search) -> None:
    table = Table(entries)
    expected = table.found(search)
    assert listing(table, search).page() == expected[search.skip : search.skip + search.limit]
    assert listing(table, search).total() == len(expected)


def test_a_late_page_reads_no_row_of_the_periods_before_it() -> None:
    entries = [(period * PERIOD_MS + each, State.SUCCEEDED) for period in range(20) for each in range(100)]
    table = Table(entries)
    page = listing(table, Search(skip=1_950, limit=10)).page()
    assert page == table.found(Search())[1_950:1_960]
    assert table.rows_read <= 100, "the rows of one period at most"


def test_the_total_of_whole_periods_reads_no_row() -> None:
    table = Table([(each * PERIOD_MS, State.PENDING) for each in range(50)])
    assert listing(table, Search(until_ms=20 * PERIOD_MS)).total() == 20
    assert table.rows_read == 0


def test_a_search_for_one_task_is_counted_by_its_row() -> None:
    # The counts of the periods do not know ids.
    table = Table([(0, State.PENDING)])
    assert listing(table, replace(Search(), task_id="t")).total() == 1


def test_a_search_for_a_text_is_counted_and_paged_by_its_rows() -> None:
    # The counts of the periods do not know prompts.
    table = Table([(each * PERIOD_MS, State.PENDING) for each in range(3)])
    counted: list[str] = []

    def read(statement: str, values: Values) -> list[Fetched]:
        counted.append(statement.split(maxsplit=1)[0])
        return table.read(statement, values)

    for text, statements in (("cat", ["count", "page"]), ("", ["periods", "periods", "page"])):
        search = Search([State.PENDING], text=text, limit=1)
        asked = Listing(read, table, lambda _search, _account: {}, "default", search)
        assert (asked.total(), asked.page()) == (3, [(2 * PERIOD_MS, State.PENDING)])
        assert counted == statements
        counted.clear()
