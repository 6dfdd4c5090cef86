"""Every SQL statement of the PostgreSQL store, except for migrations.

A parameter `now_ms` is NULL in a server, where the database's clock applies; tests give an instant.
"""

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

WAKE_CHANNEL: Final = "wanserve_wake"
"""The channel of notifications that a task may be waiting."""

CANCEL_CHANNEL: Final = "wanserve_cancel"
"""The channel of the ids of canceled and deleted tasks that a worker may be running."""


def _marks(columns: str) -> str:
    return ", ".join("%s" for _ in columns.split(","))


def _of(row: str, columns: str) -> str:
    return ", ".join(f"{row}.{column.strip()}" for column in columns.split(","))


NOW: Final = "SELECT wanserve_now_ms(%(now_ms)s)"
NOTIFY: Final = f"NOTIFY {WAKE_CHANNEL}"
LISTEN: Final = f"LISTEN {WAKE_CHANNEL}; LISTEN {CANCEL_CHANNEL}"
# The server's side of the connection: by its own defaults it would notice after hours that a machine has gone, and keep
# the locks of that machine's transactions, and its lead, until then.
CONFIGURE: Final = """
    SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = 10000; SET idle_in_transaction_session_timeout = 10000
"""

# A transaction of several statements, with its number: after a lost connection it tells whether it was committed.
BEGIN: Final = "BEGIN; SELECT pg_current_xact_id()::text"
COMMIT_STATUS: Final = "SELECT pg_xact_status(%s::text::xid8)"

TRY_TO_LEAD: Final = "SELECT pg_try_advisory_lock(%s)"

# In the transaction that adds tasks, first: the accounts are made where they are new, and locked in the order of their
# ids, so that no two submits take the same place or the same idempotency key.
ADD_ACCOUNTS: Final = """
    INSERT INTO accounts (id, created_ms) SELECT id, %(now_ms)s FROM unnest(%(accounts)s::text[]) WITH ORDINALITY AS new (id, n)
    ORDER BY n ON CONFLICT (id) DO NOTHING
"""
LOCK_ACCOUNTS: Final = """
    SELECT id, max_queued FROM accounts WHERE id = ANY(%(accounts)s) ORDER BY id FOR UPDATE
"""
WAITING_COUNTS: Final = """
    SELECT account, model, tasks FROM lane_counts WHERE account = ANY(%(accounts)s) AND state = 'PENDING'
"""
FIND_KEYED: Final = """
    SELECT kept.account, kept.key, kept.fingerprint, kept.task_id, kept.created_ms
    FROM idempotency_keys AS kept JOIN unnest(%(accounts)s::text[], %(keys)s::text[]) AS asked (account, key)
        ON kept.account = asked.account AND kept.key = asked.key
"""

# Gives this try the task of an earlier try of the same submit. No other try gets it from then on.
TAKE_COUNTED: Final = """
    UPDATE counted_submits SET retries = %(retries)s WHERE task_id = (
        SELECT task_id FROM counted_submits
        WHERE account = %(account)s AND fingerprint = %(fingerprint)s AND retries = %(follows)s AND sent_ms >= %(since_ms)s
        ORDER BY sent_ms LIMIT 1
    )
    RETURNING task_id
"""
ADD_TASK: Final = f"INSERT INTO tasks ({NEW_COLUMNS}) VALUES ({_marks(NEW_COLUMNS)})"
COUNT_ACCOUNT: Final = "UPDATE accounts SET waiting = waiting + %s WHERE id = %s"
COUNT_LANE: Final = """
    INSERT INTO lane_counts (account, model, state, tasks) VALUES (%s, %s, 'PENDING', %s)
    ON CONFLICT (account, model, state) DO UPDATE SET tasks = lane_counts.tasks + excluded.tasks
"""
COUNT_PERIOD: Final = """
    INSERT INTO period_counts (account, period, model, state, tasks) VALUES (%s, %s, %s, 'PENDING', %s)
    ON CONFLICT (account, period, model, state) DO UPDATE SET tasks = period_counts.tasks + excluded.tasks
"""
# It replaces a key that has expired.
KEEP_KEYED: Final = """
    INSERT INTO idempotency_keys (account, key, fingerprint, task_id, created_ms) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (account, key) DO UPDATE SET
        fingerprint = excluded.fingerprint, task_id = excluded.task_id, created_ms = excluded.created_ms
"""
KEEP_COUNTED: Final = """
    INSERT INTO counted_submits (task_id, account, fingerprint, retries, sent_ms) VALUES (%s, %s, %s, %s, %s)
"""

# With the account as a condition, so that the id of another account's task finds no row.
GET_TASK: Final = f"SELECT {TASK_COLUMNS} FROM tasks WHERE id = %(task_id)s AND account = %(account)s"
GET_TASKS: Final = f"""
    SELECT {_of("tasks", TASK_COLUMNS)}
    FROM tasks JOIN unnest(%(accounts)s::text[], %(ids)s::text[]) AS asked (account, id)
        ON tasks.id = asked.id AND tasks.account = asked.account
"""
FIND_TASKS: Final = f"SELECT {TASK_COLUMNS} FROM tasks WHERE id = ANY(%(ids)s)"

_CHANGES: Final = "SELECT id, account, changes, ended_ms IS NOT NULL FROM tasks WHERE"
NAMED_CHANGES: Final = f"{_CHANGES} id = ANY(%(ids)s)"
ALL_CHANGES: Final = f"""
    {NAMED_CHANGES}
    UNION {_CHANGES} state = 'PENDING' AND account = ANY(%(accounts)s)
    UNION {_CHANGES} state = 'RUNNING' AND account = ANY(%(accounts)s)
    UNION {_CHANGES} ended_ms >= %(ended_since_ms)s AND account = ANY(%(accounts)s)
"""

# Of each other account at most as many tasks come first as the account itself has up to this one. A lane is read once for all
# of its tasks; left to itself, the planner would read the whole queue for each of them, twice.
PLACES: Final = """
    WITH lane AS MATERIALIZED (
        SELECT DISTINCT account, model FROM tasks WHERE id = ANY(%(ids)s) AND state = 'PENDING'
    ), own AS MATERIALIZED (
        SELECT id, lane.account, lane.model, place FROM lane, LATERAL (
            SELECT id, row_number() OVER (ORDER BY seq) AS place FROM tasks
            WHERE state = 'PENDING' AND account = lane.account AND model = lane.model
        ) AS numbered
        WHERE id = ANY(%(ids)s)
    )
    SELECT own.id, (own.place + coalesce((
        SELECT sum(least(other.tasks, own.place)) FROM accounts JOIN lane_counts AS other ON other.account = accounts.id
        WHERE waiting > 0 AND accounts.id <> own.account AND other.model = own.model AND other.state = 'PENDING'
    ), 0))::bigint
    FROM own
"""

# The same for a task that the account has not submitted yet.
NEXT_PLACE: Final = """
    WITH own AS (
        SELECT 1 + coalesce(sum(tasks), 0) AS place FROM lane_counts
        WHERE account = %(account)s AND model = %(model)s AND state = 'PENDING'
    )
    SELECT (own.place + coalesce((
        SELECT sum(least(other.tasks, own.place)) FROM accounts JOIN lane_counts AS other ON other.account = accounts.id
        WHERE waiting > 0 AND accounts.id <> %(account)s AND other.model = %(model)s AND other.state = 'PENDING'
    ), 0))::bigint
    FROM own
"""

CLAIM_TASK: Final = f"""
    SELECT busy, {_of("(claimed)", TASK_COLUMNS)}
    FROM claim_task(%(worker_id)s, %(models)s::text[], %(lease_ms)s, %(max_running)s, %(now_ms)s)
"""

# The models that have a task which may run now, in the order in which claims would take them.
WAITING_MODELS: Final = """
    SELECT asked.model
    FROM unnest(%(models)s::text[]) AS asked (model), LATERAL (
        SELECT running, served, seq, head_of_lane(id, asked.model, max_running, %(max_running)s) AS head
        FROM accounts WHERE waiting > 0 AND head_of_lane(id, asked.model, max_running, %(max_running)s) IS NOT NULL
        ORDER BY running, served, seq LIMIT 1
    ) AS first
    ORDER BY first.running, first.served, first.seq, first.head
"""

# The heartbeat. It changes no row where the attempt has lost the task or the task was canceled.
RENEW_TASK: Final = """
    UPDATE tasks SET
        lease_until_ms = wanserve_now_ms(%(now_ms)s) + %(lease_ms)s, progress = greatest(progress, %(fraction)s),
        stage = %(stage)s, step = %(step)s, steps = %(steps)s, preview = %(preview)s, changes = changes + 1,
        ends_ms = wanserve_now_ms(%(now_ms)s) + %(left_ms)s
    WHERE id = %(task_id)s AND attempt = %(attempt)s AND state = 'RUNNING'
"""

# The columns of LIFE_COLUMNS whose new values do not come from the settled task alone.
_BY_THE_TABLE: Final = {
    "progress": "greatest(progress, %(progress)s)",
    "ended_ms": "CASE WHEN %(ended)s THEN greatest(wanserve_now_ms(%(now_ms)s), coalesce(started_ms, submitted_ms)) END",
}
_LIFE: Final = ", ".join(
    f"{name} = {_BY_THE_TABLE.get(name, f'%({name})s')}" for name in map(str.strip, LIFE_COLUMNS.split(","))
)

# Ends an attempt; a success adds its ledger row and the hashes of its files in the same statement. An attempt that is not the newest, or that has
# lost the task, changes no row.
SETTLE_TASK: Final = f"""
    WITH settled AS (
        UPDATE tasks SET {_LIFE}, changes = changes + 1
        WHERE id = %(task_id)s AND attempt = %(attempt)s AND state = 'RUNNING'
            AND (NOT %(expired_only)s OR lease_until_ms < wanserve_now_ms(%(now_ms)s))
        RETURNING *
    ), billed AS (
        INSERT INTO ledger ({USAGE_COLUMNS})
        SELECT id, account, model, width, height, frames::float / fps, engine, ended_ms, chosen
        FROM settled WHERE state = 'SUCCEEDED'
    ), filed AS (
        INSERT INTO ledger_files (sha256, task_id, file)
        SELECT hashes.value, settled.id, hashes.key
        FROM settled, jsonb_each_text(%(hashes)s) AS hashes WHERE settled.state = 'SUCCEEDED'
    ), told AS (
        SELECT pg_notify('{WAKE_CHANNEL}', '') FROM settled
    )
    SELECT count(*) FROM settled LEFT JOIN told ON TRUE
"""
_FILES: Final = f"SELECT {MADE_COLUMNS} FROM ledger_files JOIN ledger USING (task_id)"
FIND_FILES: Final = f"{_FILES} WHERE sha256 = %(sha256)s ORDER BY task_id, file"

ADD_TIMES: Final = f"""
    INSERT INTO stage_times ({TIMES_COLUMNS}, ended_ms) VALUES ({_marks(TIMES_COLUMNS)}, wanserve_now_ms(NULL))
"""
# Of each kind only the newest are kept.
FORGET_TIMES: Final = f"""
    DELETE FROM stage_times
    WHERE ({KIND_COLUMNS}) = ({_marks(KIND_COLUMNS)}) AND id NOT IN (
        SELECT id FROM stage_times WHERE ({KIND_COLUMNS}) = ({_marks(KIND_COLUMNS)})
        ORDER BY id DESC LIMIT {KEPT_TIMES}
    )
"""
ALL_TIMES: Final = f"SELECT {TIMES_COLUMNS} FROM stage_times ORDER BY id"

# Needs no attempt and no lease. The worker that runs the task is told, and the next heartbeat would tell it too.
CANCEL_TASK: Final = f"""
    WITH canceled AS (
        UPDATE tasks SET
            state = 'CANCELED', ended_ms = greatest(wanserve_now_ms(%(now_ms)s), coalesce(started_ms, submitted_ms)),
            lease_until_ms = NULL, stage = NULL, step = 0, steps = 0, ends_ms = NULL, preview = 0,
            changes = changes + 1
        WHERE id = %(task_id)s AND account = %(account)s AND state = ANY(%(states)s)
        RETURNING *
    ), told AS (
        SELECT pg_notify('{CANCEL_CHANNEL}', id) FROM canceled WHERE worker_id IS NOT NULL
    )
    SELECT {TASK_COLUMNS} FROM canceled LEFT JOIN told ON TRUE
"""

# The worker of a canceled attempt has stopped. A later attempt, or another end, changes no row. It is not counted as a
# change of the task: streams tell of an end once.
FREE_TASK: Final = """
    UPDATE tasks SET worker_id = NULL WHERE id = %(task_id)s AND attempt = %(attempt)s AND state = 'CANCELED'
        AND started_ms IS NOT NULL AND worker_id IS NOT NULL
"""

REMOVE_TASK: Final = f"""
    WITH removed AS (
        DELETE FROM tasks WHERE id = %(task_id)s AND account = %(account)s RETURNING id, worker_id
    ), told AS (
        SELECT pg_notify('{CANCEL_CHANNEL}', id) FROM removed WHERE worker_id IS NOT NULL
    )
    SELECT count(*) FROM removed LEFT JOIN told ON TRUE
"""

# What a worker runs, which runs one task at a time: after a claim whose answer was lost.
CLAIMED_BY: Final = f"SELECT {TASK_COLUMNS} FROM tasks WHERE state = 'RUNNING' AND worker_id = %(worker_id)s"

# Whether the attempt's end was written as it is to be written now: after a settle whose answer was lost.
IS_SETTLED: Final = """
    SELECT count(*) FROM tasks WHERE id = %(task_id)s AND attempt = %(attempt)s AND state = %(state)s
        AND video_key IS NOT DISTINCT FROM %(video_key)s
"""

EXPIRED_TASKS: Final = f"""
    SELECT {TASK_COLUMNS} FROM tasks WHERE state = 'RUNNING' AND lease_until_ms < wanserve_now_ms(%(now_ms)s)
"""

# The tasks that the installation's workers ran, and those that were claimed before workers had ids.
ABANDONED_TASKS: Final = f"""
    SELECT {TASK_COLUMNS} FROM tasks
    WHERE state = 'RUNNING'
        AND (worker_id IS NULL OR worker_id IN (SELECT id FROM workers WHERE installation = %(installation)s))
"""

SAVE_WORKER: Final = f"""
    INSERT INTO workers ({WORKER_COLUMNS})
    VALUES ({_marks(WORKER_COLUMNS).removesuffix("%s")}wanserve_now_ms(%s))
    ON CONFLICT (id) DO UPDATE SET
        {", ".join(f"{name.strip()} = excluded.{name.strip()}" for name in WORKER_COLUMNS.split(",")[1:])}
"""

# Keeps the row of a worker that still has a RUNNING task: the next start takes that task back.
REMOVE_WORKERS: Final = """
    DELETE FROM workers
    WHERE installation = %(installation)s
        AND id NOT IN (SELECT worker_id FROM tasks WHERE state = 'RUNNING' AND worker_id IS NOT NULL)
"""
FORGET_WORKERS: Final = """
    DELETE FROM workers
    WHERE seen_ms < wanserve_now_ms(%(now_ms)s) - %(within_ms)s
        AND id NOT IN (SELECT worker_id FROM tasks WHERE state = 'RUNNING' AND worker_id IS NOT NULL)
"""
SEEN_WORKERS: Final = f"""
    SELECT {WORKER_COLUMNS} FROM workers
    WHERE seen_ms >= wanserve_now_ms(%(now_ms)s) - %(within_ms)s ORDER BY id COLLATE "C"
"""

# Leaves the ledger as it is: it tells what was used, not what is kept. The accounts are locked first, like everywhere.
LOCK_FORGOTTEN: Final = """
    SELECT id FROM accounts WHERE id IN (
        SELECT account FROM tasks WHERE seq IN (
            SELECT seq FROM tasks WHERE ended_ms < %(before_ms)s ORDER BY ended_ms LIMIT %(limit)s
        )
    ) ORDER BY id FOR UPDATE
"""
FORGET_TASKS: Final = f"""
    DELETE FROM tasks WHERE seq IN (
        SELECT seq FROM tasks
        WHERE ended_ms < %(before_ms)s AND account = ANY(%(accounts)s) ORDER BY ended_ms LIMIT %(limit)s
    )
    RETURNING {TASK_COLUMNS}
"""
FORGET_KEYS: Final = """
    DELETE FROM idempotency_keys WHERE (account, key) IN (
        SELECT account, key FROM idempotency_keys
        WHERE created_ms < wanserve_now_ms(%(now_ms)s) - %(ttl_ms)s ORDER BY created_ms LIMIT %(limit)s
    )
"""

# Reads the counts that the triggers keep. The oldest waiting task of a model is the oldest of one of its accounts.
STATE_COUNTS: Final = """
    SELECT model, state, sum(tasks)::bigint, min(CASE state WHEN 'PENDING' THEN (
        SELECT submitted_ms FROM tasks
        WHERE state = 'PENDING' AND account = lane.account AND model = lane.model ORDER BY seq LIMIT 1
    ) END)
    FROM lane_counts AS lane WHERE tasks > 0 GROUP BY model, state
"""

# Writes as many bytes as a submit with the longest prompts and its indexes does, and others each time.
PROBE: Final = """
    INSERT INTO probe (id, content) VALUES (1, %(content)s) ON CONFLICT (id) DO UPDATE SET content = excluded.content
"""

LEDGER: Final = f"""
    SELECT {USAGE_COLUMNS} FROM ledger WHERE %(account)s::text IS NULL OR account = %(account)s
    ORDER BY ended_ms, task_id COLLATE "C"
"""

FIND_KEYS: Final = f"""
    SELECT {KEY_COLUMNS} FROM keys JOIN accounts ON accounts.id = keys.account WHERE sha256 = ANY(%s)
"""
ALL_KEYS: Final = f"""
    SELECT {KEY_COLUMNS} FROM keys JOIN accounts ON accounts.id = keys.account
    ORDER BY keys.created_ms, keys.name COLLATE "C"
"""
ALL_ACCOUNTS: Final = f'SELECT {ACCOUNT_COLUMNS} FROM accounts ORDER BY created_ms, id COLLATE "C"'
LIMIT_ACCOUNT: Final = """
    UPDATE accounts SET (submit_rps, query_rps, max_queued, max_running) = (%s, %s, %s, %s) WHERE id = %s
"""
SET_OWNER: Final = "UPDATE accounts SET owner = %s WHERE id = %s"
ADD_ACCOUNT: Final = """
    INSERT INTO accounts (id, created_ms) VALUES (%s, wanserve_now_ms(%s)) ON CONFLICT (id) DO NOTHING
"""
ADD_KEY: Final = """
    INSERT INTO keys (sha256, name, account, created_ms, models) VALUES (%s, %s, %s, wanserve_now_ms(%s), %s)
    ON CONFLICT (name) DO NOTHING
"""
RESTRICT_KEY: Final = "UPDATE keys SET models = %s WHERE name = %s"
REVOKE_KEY: Final = "UPDATE keys SET revoked_ms = coalesce(revoked_ms, wanserve_now_ms(%s)) WHERE name = %s"

ADD_SESSION: Final = """
    INSERT INTO sessions (sha256, key_sha256, created_ms, expires_ms)
    SELECT %(sha256)s, %(key_sha256)s, now_ms, now_ms + %(valid_ms)s FROM wanserve_now_ms(%(now_ms)s) AS now_ms
    ON CONFLICT (sha256) DO NOTHING
"""
# The key is looked up with the session, so that it is as it is now: with what changed since the session began.
FIND_SESSION: Final = f"""
    SELECT {KEY_COLUMNS}
    FROM sessions JOIN keys ON keys.sha256 = sessions.key_sha256 JOIN accounts ON accounts.id = keys.account
    WHERE sessions.sha256 = %(sha256)s AND sessions.expires_ms > wanserve_now_ms(%(now_ms)s)
"""
REMOVE_SESSION: Final = "DELETE FROM sessions WHERE sha256 = %s"
FORGET_SESSIONS: Final = """
    DELETE FROM sessions WHERE sha256 IN (
        SELECT sha256 FROM sessions WHERE expires_ms <= wanserve_now_ms(%(now_ms)s) ORDER BY expires_ms LIMIT %(limit)s
    )
"""

DATABASE_ID: Final = "SELECT id FROM database_id"
TAKE_DATABASE_ID: Final = "UPDATE database_id SET id = %s"

# The first of all servers stores its value under the name; every other one reads that.
KEEP_NAMED: Final = "INSERT INTO secrets (name, value) VALUES (%s, %s) ON CONFLICT (name) DO NOTHING"
READ_NAMED: Final = "SELECT value FROM secrets WHERE name = %s"

TAKE_TOKENS: Final = """
    SELECT account, kind, granted, tokens
    FROM take_tokens(%(accounts)s::text[], %(kinds)s::text[], %(wanted)s::int[], %(rates)s::float8[], %(now_ms)s)
"""
# Deletes those that nobody can be repeating any more, as it goes.
NOTE_REFUSED: Final = """
    WITH old AS (DELETE FROM refused_submits WHERE until_ms < wanserve_now_ms(NULL))
    INSERT INTO refused_submits (account, fingerprint, retries, follows, until_ms) VALUES (%s, %s, %s, %s, %s)
"""
# Gives each refusal to one repetition.
TAKE_REFUSED: Final = """
    DELETE FROM refused_submits WHERE seq = (
        SELECT seq FROM refused_submits
        WHERE account = %(account)s AND fingerprint = %(fingerprint)s AND retries = %(retries)s AND until_ms >= %(now_ms)s
        ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING follows
"""
