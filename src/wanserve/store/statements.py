"""Knows the SQL that the stores run, each statement with what it promises. Named parameters; no SQL elsewhere."""

from typing import Final

from wanserve.store.rows import ACCOUNT_COLUMNS, KEY_COLUMNS, LIFE_COLUMNS, NEW_COLUMNS, TASK_COLUMNS, USAGE_COLUMNS


def _marks(columns: str) -> str:
    return ", ".join("?" for _ in columns.split(","))


# How many more tasks a lane may take. Counted in the transaction that adds them, so no two submits share a place.
COUNT_PLACES: Final = """
    SELECT coalesce((SELECT max_queued FROM accounts WHERE id = ?), ?)
        - (SELECT count(*) FROM tasks WHERE state = 'PENDING' AND account = ? AND model = ?)
"""

# What an idempotency key brought. A task past its retention has taken its row here with it.
FIND_SUBMIT: Final = "SELECT fingerprint, task_id FROM submits WHERE account = ? AND key = ? AND created_ms >= ?"

# In the transaction that adds the task. A key whose time is over begins anew.
KEEP_SUBMIT: Final = """
    INSERT OR REPLACE INTO submits (account, key, fingerprint, task_id, created_ms) VALUES (?, ?, ?, ?, ?)
"""

_ROW: Final = f"({_marks(NEW_COLUMNS)}, 'PENDING', 0, 0, 0.0)"
ADD_TASK: Final = f"INSERT INTO tasks ({NEW_COLUMNS}, state, attempt, attempts_spent, progress) VALUES {_ROW}"

# Many rows in one step: Python's lock is let go once for all of them, and the event loop works meanwhile. A row
# costs a third less than by itself (21 against 32 microseconds of CPU); beyond 64 there is little more to gain.
ROWS_AT_ONCE: Final = 64
ADD_TASKS: Final = f"{ADD_TASK}{f', {_ROW}' * (ROWS_AT_ONCE - 1)}"

# Scoped to the account: another account's id finds no row, as an unknown one.
GET_TASK: Final = f"SELECT {TASK_COLUMNS} FROM tasks WHERE id = ? AND account = ?"

# For the server's owner only: it asks for no account.
FIND_TASK: Final = f"SELECT {TASK_COLUMNS} FROM tasks WHERE id = ?"

# `states` is a JSON list. The account's index is in order of acceptance, so the newest are its end.
NEWEST_TASKS: Final = f"""
    SELECT {TASK_COLUMNS} FROM tasks
    WHERE (:account IS NULL OR account = :account) AND state IN (SELECT value FROM json_each(:states))
    ORDER BY seq DESC LIMIT :limit
"""

# The oldest waiting task of each lane that may run. The lanes are walked by skipping from one to the next in the
# index, so the cost follows the number of accounts that wait, not the number of tasks. What is found first in a lane is
# its oldest, as the index is by account, model, seq.
_HEADS: Final = """
    WITH RECURSIVE lane (account, model, seq) AS (
        SELECT * FROM (
            SELECT account, model, seq FROM tasks WHERE state = 'PENDING' ORDER BY account, model, seq LIMIT 1
        )
        UNION ALL
        SELECT following.account, following.model, following.seq
        FROM lane JOIN tasks AS following ON following.seq = coalesce(
            (SELECT seq FROM tasks WHERE state = 'PENDING' AND account = lane.account AND model > lane.model
             ORDER BY model, seq LIMIT 1),
            (SELECT seq FROM tasks WHERE state = 'PENDING' AND account > lane.account
             ORDER BY account, model, seq LIMIT 1)
        )
    ),
    counted AS (
        SELECT
            lane.model,
            lane.seq,
            (SELECT count(*) FROM tasks INDEXED BY tasks_running
             WHERE state = 'RUNNING' AND account = lane.account) AS running_of_account,
            (SELECT count(*) FROM tasks
             WHERE state = 'RUNNING' AND account = lane.account AND model = lane.model) AS running_of_lane,
            coalesce(accounts.max_running, :max_running) AS allowed,
            coalesce(accounts.served, 0) AS served
        FROM lane LEFT JOIN accounts ON accounts.id = lane.account
        WHERE lane.model IN (SELECT value FROM json_each(:models))
    ),
    head AS (
        SELECT model, seq, running_of_account, served FROM counted
        WHERE allowed IS NULL OR running_of_lane < allowed
    )
"""

# Takes the next task for one attempt.
CLAIM_TASK: Final = f"""
    {_HEADS}
    UPDATE tasks
    SET state = 'RUNNING', attempt = attempt + 1, progress = 0, started_ms = max(:now_ms, submitted_ms),
        lease_ms = :lease_ms
    WHERE seq = (SELECT seq FROM head ORDER BY running_of_account, served, seq LIMIT 1)
    RETURNING {TASK_COLUMNS}
"""

# In the transaction of the claim: the account goes to the end of the line.
SERVE_ACCOUNT: Final = """
    INSERT INTO accounts (id, created_ms, served)
    VALUES (:account, :now_ms, (SELECT coalesce(max(served), 0) + 1 FROM accounts))
    ON CONFLICT (id) DO UPDATE SET served = excluded.served
"""

# The models whose tasks a claim would take, the next one first.
WAITING_MODELS: Final = f"""
    {_HEADS}
    SELECT model FROM (
        SELECT model, row_number() OVER (ORDER BY running_of_account, served, seq) AS place FROM head
    )
    GROUP BY model ORDER BY min(place)
"""

# The heartbeat. No row: the attempt has lost its lease, or a cancel came.
RENEW_TASK: Final = """
    UPDATE tasks SET lease_ms = ?, progress = ? WHERE id = ? AND attempt = ? AND state = 'RUNNING'
"""

# Ends an attempt, behind the fence: an older attempt, or one whose task has been taken away, matches no row.
SETTLE_TASK: Final = f"""
    UPDATE tasks SET ({LIFE_COLUMNS}) = ({_marks(LIFE_COLUMNS)})
    WHERE id = ? AND attempt = ? AND state = 'RUNNING' AND lease_ms < coalesce(?, lease_ms + 1)
"""

# In the transaction of the SETTLE_TASK that makes a task SUCCEEDED, and nowhere else.
ADD_USAGE: Final = f"INSERT INTO ledger ({USAGE_COLUMNS}) VALUES ({_marks(USAGE_COLUMNS)})"

# Whatever attempt runs meanwhile: a cancel needs no lease.
CANCEL_TASK: Final = """
    UPDATE tasks SET state = 'CANCELED', ended_ms = ?, lease_ms = NULL
    WHERE id = ? AND account = ? AND state IN ('PENDING', 'RUNNING')
"""

EXPIRED_TASKS: Final = f"SELECT {TASK_COLUMNS} FROM tasks WHERE state = 'RUNNING' AND lease_ms < ?"

# The ledger stays: it is what was used, not what is kept.
FORGET_TASKS: Final = f"DELETE FROM tasks WHERE ended_ms < ? RETURNING {TASK_COLUMNS}"

# The whole table is counted, at some tenth of a microsecond a row.
CENSUS: Final = "SELECT model, state, count(*), min(submitted_ms) FROM tasks GROUP BY model, state"

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
ADD_KEY: Final = "INSERT INTO keys (sha256, name, account, created_ms, models, revoked_ms) VALUES (?, ?, ?, ?, ?, ?)"
UPDATE_KEY: Final = "UPDATE keys SET models = ?, revoked_ms = ? WHERE sha256 = ?"
