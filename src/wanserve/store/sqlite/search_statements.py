"""The SELECTs of a search: its page, its number of tasks, and that number by periods of ten minutes."""

from wanserve.domain.search import Search
from wanserve.domain.task import State
from wanserve.store.rows import TASK_COLUMNS


def _found(search: Search, account: str | None) -> str:
    """The FROM and WHERE of a search, with no more conditions than it has, so that SQLite uses the account's index."""
    newest_first = "<" if not search.oldest_first else ">"
    place = "(submitted_ms, seq)" if account is not None else "seq"
    conditions = {
        "account = :account": account,
        "id = :task_id": search.task_id,
        "model = :model": search.model,
        "seed = :seed": search.seed,
        # Only ASCII letters have a lower case here, as in every store. No character of the text is a wildcard.
        "instr(lower(prompt), lower(:text)) > 0": search.text or None,
        "submitted_ms >= :since_ms": search.since_ms,
        "submitted_ms < :until_ms": search.until_ms,
        "(ended_ms IS NULL OR ended_ms >= :ended_since_ms)": search.ended_since_ms,
        "state IN (SELECT value FROM json_each(:states))": None if set(search.states) == set(State) else True,
        f"{place} {newest_first} (SELECT {place.strip('()')} FROM tasks WHERE id = :after)": search.after,
    }
    asked = " AND ".join(condition for condition, value in conditions.items() if value is not None)
    return f"FROM tasks WHERE {asked or 'TRUE'}"


def search_tasks(search: Search, account: str | None) -> str:
    """One page of the search: the tasks of an account in the order of their submits, else in the order of acceptance.

    `states` is a JSON list.
    """
    way = "ASC" if search.oldest_first else "DESC"
    order = f"submitted_ms {way}, seq {way}" if account is not None else f"seq {way}"
    return f"SELECT {TASK_COLUMNS} {_found(search, account)} ORDER BY {order} LIMIT :limit OFFSET :skip"


def count_tasks(search: Search, account: str) -> str:
    """The number of the account's rows that the search finds. SQLite reads each of them."""
    return f"SELECT count(*) {_found(search, account)}"


def count_by_period(search: Search) -> str:
    """The number of the account's tasks with the search's states and model, for each period from :first to :last."""
    conditions = {
        "model = :model": search.model,
        "state IN (SELECT value FROM json_each(:states))": None if set(search.states) == set(State) else True,
    }
    asked = "".join(f" AND {condition}" for condition, value in conditions.items() if value is not None)
    return f"""
        SELECT period, sum(tasks) FROM period_counts
        WHERE account = :account AND period BETWEEN :first AND :last{asked}
        GROUP BY period ORDER BY period {"ASC" if search.oldest_first else "DESC"}
    """
