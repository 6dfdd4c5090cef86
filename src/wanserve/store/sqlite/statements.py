"""The SQL that the SQLite store runs, each statement with what it promises. No SQL elsewhere."""

from typing import Final

from wanserve.domain.search import Search
from wanserve.domain.task import State
from wanserve.store.rows import (
    ACCOUNT_COLUMNS,
    KEY_COLUMNS,
    LIFE_COLUMNS,
    NEW_COLUMNS,
    TASK_COLUMNS,
    USAGE_COLUMNS,
    WORKER_COLUMNS,
)


def _marks(columns: str) -> str:
    return ", ".join("?" for _ in columns.split(","))


def _lane_count(state: str, account: str, model: str) -> str:
    """How many tasks an account has of a model in a state: kept by triggers, so that no long queue is counted."""
    return f"""coalesce(
        (SELECT tasks FROM lane_counts WHERE account = {account} AND model = {model} AND state = '{state}'), 0
    )"""


# How many more tasks a lane may take. Read in the transaction that adds them, so no two submits share a place.
COUNT_PLACES: Final = f"""
    SELECT coalesce((SELECT max_queued FROM accounts WHERE id = ?1), ?3) - {_lane_count("PENDING", "?1", "?2")}
"""

# What an idempotency key brought; the task may be gone since.
FIND_KEYED: Final = (
    "SELECT fingerprint, task_id FROM idempotency_keys WHERE account = ? AND key = ? AND created_ms >= ?"
)

# In the transaction that adds the task. A key whose time is over begins anew.
KEEP_KEYED: Final = """
    INSERT OR REPLACE INTO idempotency_keys (account, key, fingerprint, task_id, created_ms) VALUES (?, ?, ?, ?, ?)
"""

FORGET_KEYS: Final = """
    DELETE FROM idempotency_keys WHERE (account, key) IN (
        SELECT account, key FROM idempotency_keys WHERE created_ms < ? ORDER BY created_ms LIMIT ?
    )
"""

# Takes the task that an earlier try of the same was answered with: it is this try's from now on, and no other's.
TAKE_COUNTED: Final = """
    UPDATE counted_submits SET retries = ? WHERE task_id = (
        SELECT task_id FROM counted_submits
        WHERE account = ? AND fingerprint = ? AND retries = ? AND sent_ms >= ? ORDER BY sent_ms LIMIT 1
    )
    RETURNING task_id
"""

# In the transaction that adds the task.
KEEP_COUNTED: Final = """
    INSERT INTO counted_submits (task_id, account, fingerprint, retries, sent_ms) VALUES (?, ?, ?, ?, ?)
"""

_ROW: Final = f"({_marks(NEW_COLUMNS)}, 'PENDING', 0, 0, 0.0)"
ADD_TASK: Final = f"INSERT INTO tasks ({NEW_COLUMNS}, state, attempt, attempts_spent, progress) VALUES {_ROW}"

# Many rows in one step: Python's lock is let go once for all of them, and the event loop works meanwhile. A row
# costs a third less than by itself (21 against 32 microseconds of CPU); beyond 64 there is little more to gain.
ROWS_AT_ONCE: Final = 64
ADD_TASKS: Final = f"{ADD_TASK}{f', {_ROW}' * (ROWS_AT_ONCE - 1)}"

# In the transaction that adds the tasks: many at once, as a trigger for each row would make it a fifth dearer.
COUNT_LANE: Final = """
    INSERT INTO lane_counts (account, model, state, tasks) VALUES (?, ?, 'PENDING', ?)
    ON CONFLICT DO UPDATE SET tasks = tasks + excluded.tasks
"""
COUNT_PERIOD: Final = """
    INSERT INTO period_counts (account, period, model, state, tasks) VALUES (?, ?, ?, 'PENDING', ?)
    ON CONFLICT DO UPDATE SET tasks = tasks + excluded.tasks
"""

# Scoped to the account: another account's id finds no row, as an unknown one.
GET_TASK: Final = f"SELECT {TASK_COLUMNS} FROM tasks WHERE id = ? AND account = ?"

# For the server's owner only: it asks for no account.
FIND_TASK: Final = f"SELECT {TASK_COLUMNS} FROM tasks WHERE id = ?"


def _found(search: Search, account: str | None) -> str:
    """The rows that a search finds: only the conditions that it has, so that an account's own index serves it."""
    newest_first = "<" if not search.oldest_first else ">"
    place = "(submitted_ms, seq)" if account is not None else "seq"
    conditions = {
        "account = :account": account,
        "id = :task_id": search.task_id,
        "model = :model": search.model,
        "submitted_ms >= :since_ms": search.since_ms,
        "submitted_ms < :until_ms": search.until_ms,
        "(ended_ms IS NULL OR ended_ms >= :ended_since_ms)": search.ended_since_ms,
        "state IN (SELECT value FROM json_each(:states))": None if set(search.states) == set(State) else True,
        f"{place} {newest_first} (SELECT {place.strip('()')} FROM tasks WHERE id = :after)": search.after,
    }
    asked = " AND ".join(condition for condition, value in conditions.items() if value is not None)
    return f"FROM tasks WHERE {asked or 'TRUE'}"


def search_tasks(search: Search, account: str | None) -> str:
    """One page of what the search finds: an account's by the time of the submit, else in the order of acceptance.

    `states` is a JSON list.
    """
    way = "ASC" if search.oldest_first else "DESC"
    order = f"submitted_ms {way}, seq {way}" if account is not None else f"seq {way}"
    return f"SELECT {TASK_COLUMNS} {_found(search, account)} ORDER BY {order} LIMIT :limit OFFSET :skip"


def count_tasks(search: Search, account: str) -> str:
    """How many rows of the account the search finds; each is looked at."""
    return f"SELECT count(*) {_found(search, account)}"


PERIOD_MS: Final = 600_000
"""How long a period of the table `period_counts` is, in milliseconds: ten minutes, as its migration has it."""


def count_by_period(search: Search) -> str:
    """How many of the account's tasks fit the search's states and model, for each period from one to another."""
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


def _head(account: str, model: str) -> str:
    """The oldest task that `account` (a row's alias) may have run of `model`: NULL where there is none, or no place."""
    return f"""
        SELECT min(seq) FROM tasks
        WHERE state = 'PENDING' AND account = {account}.id AND model = {model} AND coalesce(
            {_lane_count("RUNNING", f"{account}.id", model)} < coalesce({account}.max_running, :max_running),
            TRUE
        )
    """


# Takes the next task for one attempt. The accounts are walked in the order of their turns, and the first that may have
# anything run is the last that is looked at: so neither a long queue nor many of them make a claim slow.
CLAIM_TASK: Final = f"""
    UPDATE tasks
    SET state = 'RUNNING', attempt = attempt + 1, started_ms = max(:now_ms, submitted_ms), lease_until_ms = :lease_until_ms,
        worker_id = :worker_id
    WHERE seq = (
        SELECT (SELECT min(({_head("next", "asked.value")})) FROM json_each(:models) AS asked) AS seq
        FROM accounts AS next INDEXED BY accounts_turn
        WHERE waiting > 0 AND seq IS NOT NULL
        ORDER BY running, served, rowid LIMIT 1
    )
    RETURNING {TASK_COLUMNS}
"""

# In the transaction of the claim: the account goes to the end of the line.
SERVE_ACCOUNT: Final = "UPDATE accounts SET served = (SELECT max(served) + 1 FROM accounts) WHERE id = ?"

# The models whose tasks a claim would take, the next one first.
WAITING_MODELS: Final = f"""
    SELECT asked.value
    FROM json_each(:models) AS asked JOIN accounts AS first ON first.rowid = (
        SELECT next.rowid FROM accounts AS next INDEXED BY accounts_turn
        WHERE waiting > 0 AND ({_head("next", "asked.value")}) IS NOT NULL
        ORDER BY running, served, rowid LIMIT 1
    )
    ORDER BY first.running, first.served, first.rowid, ({_head("first", "asked.value")})
"""

# The heartbeat. No row: the attempt has lost its lease, or a cancel came.
RENEW_TASK: Final = """
    UPDATE tasks SET lease_until_ms = ?, progress = max(progress, ?) WHERE id = ? AND attempt = ? AND state = 'RUNNING'
"""

# A life's new values. What clients are told of its progress never goes back, though its next attempt begins anew.
_LIFE: Final = ", ".join("max(progress, ?)" if name == "progress" else "?" for name in LIFE_COLUMNS.split(", "))

# Ends an attempt, behind the fence: an older attempt, or one whose task has been taken away, matches no row.
SETTLE_TASK: Final = f"""
    UPDATE tasks SET ({LIFE_COLUMNS}) = ({_LIFE})
    WHERE id = ? AND attempt = ? AND state = 'RUNNING' AND lease_until_ms < coalesce(?, lease_until_ms + 1)
"""

# In the transaction of the SETTLE_TASK that makes a task SUCCEEDED, and nowhere else.
ADD_USAGE: Final = f"INSERT INTO ledger ({USAGE_COLUMNS}) VALUES ({_marks(USAGE_COLUMNS)})"

# Whatever attempt runs meanwhile: a cancel needs no lease. `states` is a JSON list.
CANCEL_TASK: Final = f"""
    UPDATE tasks
    SET state = 'CANCELED', ended_ms = max(?, coalesce(started_ms, submitted_ms)), lease_until_ms = NULL
    WHERE id = ? AND account = ? AND state IN (SELECT value FROM json_each(?))
    RETURNING {TASK_COLUMNS}
"""

# A worker that runs it finds no row at its next heartbeat, and stops.
REMOVE_TASK: Final = "DELETE FROM tasks WHERE id = ? AND account = ?"

EXPIRED_TASKS: Final = f"SELECT {TASK_COLUMNS} FROM tasks WHERE state = 'RUNNING' AND lease_until_ms < ?"

# What this installation's workers ran, and what was claimed before workers had ids.
ABANDONED_TASKS: Final = f"""
    SELECT {TASK_COLUMNS} FROM tasks
    WHERE state = 'RUNNING'
        AND (worker_id IS NULL OR worker_id IN (SELECT id FROM workers WHERE installation = ?))
"""

SAVE_WORKER: Final = f"INSERT OR REPLACE INTO workers ({WORKER_COLUMNS}) VALUES ({_marks(WORKER_COLUMNS)})"

# A worker that still has a task by the table stays: the next start takes that back.
REMOVE_WORKERS: Final = """
    DELETE FROM workers
    WHERE installation = ? AND id NOT IN (SELECT worker_id FROM tasks WHERE state = 'RUNNING' AND worker_id IS NOT NULL)
"""

SEEN_WORKERS: Final = f"SELECT {WORKER_COLUMNS} FROM workers WHERE seen_ms >= ? ORDER BY id"

# The ledger stays: it is what was used, not what is kept.
FORGET_TASKS: Final = f"""
    DELETE FROM tasks WHERE seq IN (SELECT seq FROM tasks WHERE ended_ms < ? ORDER BY ended_ms LIMIT ?)
    RETURNING {TASK_COLUMNS}
"""

# From the counts that triggers keep. The oldest task that waits is the head of one of the lanes.
STATE_COUNTS: Final = """
    SELECT model, state, sum(tasks), min(CASE state WHEN 'PENDING' THEN (
        SELECT submitted_ms FROM tasks
        WHERE state = 'PENDING' AND account = lane.account AND model = lane.model ORDER BY seq LIMIT 1
    ) END)
    FROM lane_counts AS lane WHERE tasks > 0 GROUP BY model, state
"""

# As much as a submit with the longest prompts and its indexes takes, and new bytes each time: a row that is written and
# removed in one transaction never reaches the disk.
PROBE: Final = "INSERT OR REPLACE INTO probe (id, content) VALUES (1, randomblob(16384))"

LEDGER: Final = f"""
    SELECT {USAGE_COLUMNS} FROM ledger WHERE :account IS NULL OR account = :account ORDER BY ended_ms, task_id
"""

FIND_KEY: Final = f"SELECT {KEY_COLUMNS} FROM keys JOIN accounts ON accounts.id = keys.account WHERE sha256 = ?"

ALL_KEYS: Final = f"""
    SELECT {KEY_COLUMNS} FROM keys JOIN accounts ON accounts.id = keys.account ORDER BY keys.created_ms, keys.name
"""

ALL_ACCOUNTS: Final = f"SELECT {ACCOUNT_COLUMNS} FROM accounts ORDER BY created_ms, id"
LIMIT_ACCOUNT: Final = (
    "UPDATE accounts SET (submit_rps, query_rps, max_queued, max_running) = (?, ?, ?, ?) WHERE id = ?"
)
ADD_ACCOUNT: Final = "INSERT OR IGNORE INTO accounts (id, created_ms) VALUES (?, ?)"
ADD_KEY: Final = "INSERT INTO keys (sha256, name, account, created_ms, models, revoked_ms) VALUES (?, ?, ?, ?, ?, NULL)"
RESTRICT_KEY: Final = "UPDATE keys SET models = ? WHERE name = ?"
REVOKE_KEY: Final = "UPDATE keys SET revoked_ms = coalesce(revoked_ms, ?) WHERE name = ?"
