"""The SELECTs of a search: its page, its number of tasks, and that number by periods of ten minutes."""

from wanserve.domain.search import Search
from wanserve.domain.task import State
from wanserve.store.rows import TASK_COLUMNS


def _found(search: Search, account: str | None) -> str:
    """The FROM and WHERE of a search, with no more conditions than it has, so that PostgreSQL uses the account's index."""
    newest_first = "<" if not search.oldest_first else ">"
    place = "(submitted_ms, seq)" if account is not None else "seq"
    conditions = {
        "account = %(account)s": account,
        "id = %(task_id)s": search.task_id,
        "model = %(model)s": search.model,
        "seed = %(seed)s": search.seed,
        # With "C" only ASCII letters have a lower case, as in every store. No character of the text is a wildcard.
        'position(lower(%(text)s::text COLLATE "C") IN lower(prompt COLLATE "C")) > 0': search.text or None,
        "submitted_ms >= %(since_ms)s": search.since_ms,
        "submitted_ms < %(until_ms)s": search.until_ms,
        "(ended_ms IS NULL OR ended_ms >= %(ended_since_ms)s)": search.ended_since_ms,
        "state = ANY(%(states)s)": None if set(search.states) == set(State) else True,
        f"{place} {newest_first} (SELECT {place.strip('()')} FROM tasks WHERE id = %(after)s)": search.after,
    }
    asked = " AND ".join(condition for condition, value in conditions.items() if value is not None)
    return f"FROM tasks WHERE {asked or 'TRUE'}"


def search_tasks(search: Search, account: str | None) -> str:
    """One page of the search: the tasks of an account in the order of their submits, else in the order of acceptance."""
    way = "ASC" if search.oldest_first else "DESC"
    order = f"submitted_ms {way}, seq {way}" if account is not None else f"seq {way}"
    return f"SELECT {TASK_COLUMNS} {_found(search, account)} ORDER BY {order} LIMIT %(limit)s OFFSET %(skip)s"


def count_tasks(search: Search, account: str) -> str:
    """The number of the account's rows that the search finds. PostgreSQL reads each of them."""
    return f"SELECT count(*) {_found(search, account)}"


def count_by_period(search: Search) -> str:
    """The number of the account's tasks with the search's states and model, for each period from `first` to `last`."""
    conditions = {
        "model = %(model)s": search.model,
        "state = ANY(%(states)s)": None if set(search.states) == set(State) else True,
    }
    asked = "".join(f" AND {condition}" for condition, value in conditions.items() if value is not None)
    return f"""
        SELECT period, sum(tasks)::bigint FROM period_counts
        WHERE account = %(account)s AND period BETWEEN %(first)s AND %(last)s{asked}
        GROUP BY period ORDER BY period {"ASC" if search.oldest_first else "DESC"}
    """
