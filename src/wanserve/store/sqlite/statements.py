"""Every SQL statement of the SQLite store, except for migrations and pragmas."""

from typing import Final

from wanserve.domain.progress import KEPT_TIMES
from wanserve.store.rows import (
    ACCOUNT_COLUMNS,
    KEY_COLUMNS,
    KIND_COLUMNS,
    LIFE_COLUMNS,
    MADE_COLUMNS,
    NEW_COLUMNS,
    TASK_COLUMNS,
    TIMES_COLUMNS,
    USAGE_COLUMNS,
    WORKER_COLUMNS,
)


def _marks(columns: str) -> str:
    return ", ".join("?" for _ in columns.split(","))


def _lane_count(state: str, account: str, model: str) -> str:
    """The number of an account's tasks of a model in a state. Triggers keep it, so that a long queue is not counted."""
    return f"""coalesce(
        (SELECT tasks FROM lane_counts WHERE account = {account} AND model = {model} AND state = '{state}'), 0
    )"""


# How many more tasks the account may have waiting for the model. It runs in the transaction that adds them, so that two
# submits never take the same place.
COUNT_PLACES: Final = f"""
    SELECT coalesce((SELECT max_queued FROM accounts WHERE id = ?1), ?3) - {_lane_count("PENDING", "?1", "?2")}
"""

# The task of an idempotency key. The task itself may have been removed since.
FIND_KEYED: Final = (
    "SELECT fingerprint, task_id FROM idempotency_keys WHERE account = ? AND key = ? AND created_ms >= ?"
)

# Runs in the transaction that adds the task. It replaces a key that has expired.
KEEP_KEYED: Final = """
    INSERT OR REPLACE INTO idempotency_keys (account, key, fingerprint, task_id, created_ms) VALUES (?, ?, ?, ?, ?)
"""

FORGET_KEYS: Final = """
    DELETE FROM idempotency_keys WHERE (account, key) IN (
        SELECT account, key FROM idempotency_keys WHERE created_ms < ? ORDER BY created_ms LIMIT ?
    )
"""

# Gives this try the task of an earlier try of the same submit. No other try gets it from then on.
TAKE_COUNTED: Final = """
    UPDATE counted_submits SET retries = ? WHERE task_id = (
        SELECT task_id FROM counted_submits
        WHERE account = ? AND fingerprint = ? AND retries = ? AND sent_ms >= ? ORDER BY sent_ms LIMIT 1
    )
    RETURNING task_id
"""

# Runs in the transaction that adds the task.
KEEP_COUNTED: Final = """
    INSERT INTO counted_submits (task_id, account, fingerprint, retries, sent_ms) VALUES (?, ?, ?, ?, ?)
"""

_ROW: Final = f"({_marks(NEW_COLUMNS)}, 'PENDING', 0, 0, 0.0)"
ADD_TASK: Final = f"INSERT INTO tasks ({NEW_COLUMNS}, state, attempt, attempts_spent, progress) VALUES {_ROW}"

# Adds many rows in one statement, which releases the GIL once for all of them, so that the event loop works meanwhile. A
# row takes 21 microseconds of CPU instead of 32; more than 64 rows save little more.
ROWS_AT_ONCE: Final = 64
ADD_TASKS: Final = f"{ADD_TASK}{f', {_ROW}' * (ROWS_AT_ONCE - 1)}"

# Run in the transaction that adds the tasks, once for many of them: a trigger for each row takes a fifth more time.
COUNT_LANE: Final = """
    INSERT INTO lane_counts (account, model, state, tasks) VALUES (?, ?, 'PENDING', ?)
    ON CONFLICT DO UPDATE SET tasks = tasks + excluded.tasks
"""
COUNT_PERIOD: Final = """
    INSERT INTO period_counts (account, period, model, state, tasks) VALUES (?, ?, ?, 'PENDING', ?)
    ON CONFLICT DO UPDATE SET tasks = tasks + excluded.tasks
"""

# With the account as a condition, so that the id of another account's task finds no row.
GET_TASK: Final = f"SELECT {TASK_COLUMNS} FROM tasks WHERE id = ? AND account = ?"

# Without the account, for the server's owner only.
FIND_TASK: Final = f"SELECT {TASK_COLUMNS} FROM tasks WHERE id = ?"


_CHANGES: Final = "SELECT id, account, changes, ended_ms IS NOT NULL FROM tasks WHERE"
NAMED_CHANGES: Final = f"{_CHANGES} id IN (SELECT value FROM json_each(:ids))"
_ACCOUNTS: Final = "account IN (SELECT value FROM json_each(:accounts))"
ALL_CHANGES: Final = f"""
    {NAMED_CHANGES}
    UNION {_CHANGES} state = 'PENDING' AND {_ACCOUNTS}
    UNION {_CHANGES} state = 'RUNNING' AND {_ACCOUNTS}
    UNION {_CHANGES} ended_ms >= :ended_since_ms AND {_ACCOUNTS}
"""


def _head(account: str, model: str) -> str:
    """The oldest waiting task of `model` that `account` (an alias of a row) may run now, or NULL."""
    return f"""
        SELECT min(seq) FROM tasks
        WHERE state = 'PENDING' AND account = {account}.id AND model = {model} AND coalesce(
            {_lane_count("RUNNING", f"{account}.id", model)} < coalesce({account}.max_running, :max_running),
            TRUE
        )
    """


# Of each other account at most as many tasks come first as the account itself has up to this one. Only the accounts that
# have a waiting task are read.
PLACES: Final = """
    WITH own AS (
        SELECT id, account, model, (
            SELECT count(*) FROM tasks AS earlier
            WHERE state = 'PENDING' AND earlier.account = task.account AND earlier.model = task.model AND seq <= task.seq
        ) AS place
        FROM tasks AS task WHERE id IN (SELECT value FROM json_each(?)) AND state = 'PENDING'
    )
    SELECT own.id, own.place + coalesce((
        SELECT sum(min(lane.tasks, own.place))
        FROM accounts AS other INDEXED BY accounts_turn JOIN lane_counts AS lane
            ON lane.account = other.id AND lane.model = own.model AND lane.state = 'PENDING'
        WHERE other.waiting > 0 AND other.id <> own.account
    ), 0)
    FROM own
"""

# The same for a task that the account has not submitted yet.
NEXT_PLACE: Final = f"""
    WITH own AS (SELECT 1 + {_lane_count("PENDING", ":account", ":model")} AS place)
    SELECT own.place + coalesce((
        SELECT sum(min(lane.tasks, own.place))
        FROM accounts AS other INDEXED BY accounts_turn JOIN lane_counts AS lane
            ON lane.account = other.id AND lane.model = :model AND lane.state = 'PENDING'
        WHERE other.waiting > 0 AND other.id <> :account
    ), 0)
    FROM own
"""

# Claims the next task. The accounts are read in the order of their turns, until one has a task that may run: so neither a
# long queue nor many accounts make a claim slow.
CLAIM_TASK: Final = f"""
    UPDATE tasks
    SET state = 'RUNNING', attempt = attempt + 1, started_ms = max(:now_ms, submitted_ms), lease_until_ms = :lease_until_ms,
        worker_id = :worker_id, changes = changes + 1
    WHERE seq = (
        SELECT (SELECT min(({_head("next", "asked.value")})) FROM json_each(:models) AS asked) AS seq
        FROM accounts AS next INDEXED BY accounts_turn
        WHERE waiting > 0 AND seq IS NOT NULL
        ORDER BY running, served, rowid LIMIT 1
    )
    RETURNING {TASK_COLUMNS}
"""

# Runs in the transaction of the claim: the account's next turn comes after those of all others.
SERVE_ACCOUNT: Final = "UPDATE accounts SET served = (SELECT max(served) + 1 FROM accounts) WHERE id = ?"

# The models that have a task which may run now, in the order in which claims would take them.
WAITING_MODELS: Final = f"""
    SELECT asked.value
    FROM json_each(:models) AS asked JOIN accounts AS first ON first.rowid = (
        SELECT next.rowid FROM accounts AS next INDEXED BY accounts_turn
        WHERE waiting > 0 AND ({_head("next", "asked.value")}) IS NOT NULL
        ORDER BY running, served, rowid LIMIT 1
    )
    ORDER BY first.running, first.served, first.rowid, ({_head("first", "asked.value")})
"""

# The heartbeat. It changes no row where the attempt has lost the task or the task was canceled.
RENEW_TASK: Final = """
    UPDATE tasks SET
        lease_until_ms = :now_ms + :lease_ms, progress = max(progress, :fraction), stage = :stage, step = :step,
        steps = :steps, ends_ms = :now_ms + :left_ms, preview = :preview, changes = changes + 1
    WHERE id = :task_id AND attempt = :attempt AND state = 'RUNNING'
"""

# The new values of LIFE_COLUMNS. The progress that clients see never goes back, although the next attempt begins again.
_LIFE: Final = ", ".join("max(progress, ?)" if name == "progress" else "?" for name in LIFE_COLUMNS.split(", "))

# Ends an attempt. An attempt that is not the newest, or that has lost the task, changes no row.
SETTLE_TASK: Final = f"""
    UPDATE tasks SET ({LIFE_COLUMNS}) = ({_LIFE}), changes = changes + 1
    WHERE id = ? AND attempt = ? AND state = 'RUNNING' AND lease_until_ms < coalesce(?, lease_until_ms + 1)
"""

# Runs only in the transaction of the SETTLE_TASK that makes a task SUCCEEDED.
ADD_USAGE: Final = f"INSERT INTO ledger ({USAGE_COLUMNS}) VALUES ({_marks(USAGE_COLUMNS)})"

ADD_FILE: Final = "INSERT INTO ledger_files (sha256, task_id, file) VALUES (?, ?, ?)"
FIND_FILES: Final = f"""
    SELECT {MADE_COLUMNS} FROM ledger_files JOIN ledger USING (task_id) WHERE sha256 = ? ORDER BY task_id, file
"""

ADD_TIMES: Final = f"INSERT INTO stage_times ({TIMES_COLUMNS}, ended_ms) VALUES ({_marks(TIMES_COLUMNS)}, ?)"
# Of each kind only the newest are kept.
FORGET_TIMES: Final = f"""
    DELETE FROM stage_times
    WHERE ({KIND_COLUMNS}) = ({_marks(KIND_COLUMNS)}) AND rowid NOT IN (
        SELECT rowid FROM stage_times WHERE ({KIND_COLUMNS}) = ({_marks(KIND_COLUMNS)})
        ORDER BY rowid DESC LIMIT {KEPT_TIMES}
    )
"""
ALL_TIMES: Final = f"SELECT {TIMES_COLUMNS} FROM stage_times ORDER BY rowid"

# Needs no attempt and no lease. The last parameter is a JSON list of states.
CANCEL_TASK: Final = f"""
    UPDATE tasks
    SET state = 'CANCELED', ended_ms = max(?, coalesce(started_ms, submitted_ms)), lease_until_ms = NULL,
        stage = NULL, step = 0, steps = 0, ends_ms = NULL, preview = 0, changes = changes + 1
    WHERE id = ? AND account = ? AND state IN (SELECT value FROM json_each(?))
    RETURNING {TASK_COLUMNS}
"""

# The worker of a canceled attempt has stopped. A later attempt, or another end, changes no row. It is not counted as a
# change of the task: streams tell of an end once.
FREE_TASK: Final = """
    UPDATE tasks SET worker_id = NULL WHERE id = ? AND attempt = ? AND state = 'CANCELED'
        AND started_ms IS NOT NULL AND worker_id IS NOT NULL
"""

# The next heartbeat of a worker that runs the task changes no row, and the worker stops.
REMOVE_TASK: Final = "DELETE FROM tasks WHERE id = ? AND account = ?"

EXPIRED_TASKS: Final = f"SELECT {TASK_COLUMNS} FROM tasks WHERE state = 'RUNNING' AND lease_until_ms < ?"

# The tasks that the installation's workers ran, and those that were claimed before workers had ids.
ABANDONED_TASKS: Final = f"""
    SELECT {TASK_COLUMNS} FROM tasks
    WHERE state = 'RUNNING'
        AND (worker_id IS NULL OR worker_id IN (SELECT id FROM workers WHERE installation = ?))
"""

SAVE_WORKER: Final = f"INSERT OR REPLACE INTO workers ({WORKER_COLUMNS}) VALUES ({_marks(WORKER_COLUMNS)})"

# Keeps the row of a worker that still has a RUNNING task: the next start takes that task back.
REMOVE_WORKERS: Final = """
    DELETE FROM workers
    WHERE installation = ? AND id NOT IN (SELECT worker_id FROM tasks WHERE state = 'RUNNING' AND worker_id IS NOT NULL)
"""

FORGET_WORKERS: Final = """
    DELETE FROM workers
    WHERE seen_ms < ? AND id NOT IN (SELECT worker_id FROM tasks WHERE state = 'RUNNING' AND worker_id IS NOT NULL)
"""

SEEN_WORKERS: Final = f"SELECT {WORKER_COLUMNS} FROM workers WHERE seen_ms >= ? ORDER BY id"

# Leaves the ledger as it is: it tells what was used, not what is kept.
FORGET_TASKS: Final = f"""
    DELETE FROM tasks WHERE seq IN (SELECT seq FROM tasks WHERE ended_ms < ? ORDER BY ended_ms LIMIT ?)
    RETURNING {TASK_COLUMNS}
"""

# Reads the counts that triggers keep. The oldest waiting task of a model is the oldest of one of its accounts.
STATE_COUNTS: Final = """
    SELECT model, state, sum(tasks), min(CASE state WHEN 'PENDING' THEN (
        SELECT submitted_ms FROM tasks
        WHERE state = 'PENDING' AND account = lane.account AND model = lane.model ORDER BY seq LIMIT 1
    ) END)
    FROM lane_counts AS lane WHERE tasks > 0 GROUP BY model, state
"""

# Writes as many bytes as a submit with the longest prompts and its indexes does, and others each time: a row that is
# written and removed in one transaction would never reach the disk.
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
SET_OWNER: Final = "UPDATE accounts SET owner = ? WHERE id = ?"
ADD_ACCOUNT: Final = "INSERT OR IGNORE INTO accounts (id, created_ms) VALUES (?, ?)"
ADD_KEY: Final = "INSERT INTO keys (sha256, name, account, created_ms, models, revoked_ms) VALUES (?, ?, ?, ?, ?, NULL)"
RESTRICT_KEY: Final = "UPDATE keys SET models = ? WHERE name = ?"
REVOKE_KEY: Final = "UPDATE keys SET revoked_ms = coalesce(revoked_ms, ?) WHERE name = ?"

ADD_SESSION: Final = """
    INSERT INTO sessions (sha256, key_sha256, created_ms, expires_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
# The key is looked up with the session, so that it is as it is now: with what changed since the session began.
FIND_SESSION: Final = f"""
    SELECT {KEY_COLUMNS}
    FROM sessions JOIN keys ON keys.sha256 = sessions.key_sha256 JOIN accounts ON accounts.id = keys.account
    WHERE sessions.sha256 = ? AND sessions.expires_ms > ?
"""
REMOVE_SESSION: Final = "DELETE FROM sessions WHERE sha256 = ?"
FORGET_SESSIONS: Final = """
    DELETE FROM sessions WHERE sha256 IN (
        SELECT sha256 FROM sessions WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?
    )
"""
