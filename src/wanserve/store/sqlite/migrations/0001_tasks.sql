-- Accounts, keys, tasks and the ledger. Times are milliseconds since 1970, UTC.

CREATE TABLE accounts (
    id          TEXT PRIMARY KEY,
    created_ms  INTEGER NOT NULL,
    -- The account's own limits; NULL: the server's setting holds.
    submit_rps  REAL,
    query_rps   REAL,
    max_queued  INTEGER,
    max_running INTEGER
) STRICT;

CREATE TABLE keys (
    -- The key's text is never stored.
    sha256     TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    account    TEXT NOT NULL REFERENCES accounts (id),
    created_ms INTEGER NOT NULL,
    -- A JSON list of model names; NULL: all of them.
    models     TEXT,
    revoked_ms INTEGER
) STRICT;

CREATE TABLE tasks (
    -- The order of acceptance, and so of the queue.
    seq             INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    account         TEXT NOT NULL,
    model           TEXT NOT NULL,
    prompt          TEXT NOT NULL,
    negative_prompt TEXT NOT NULL,
    width           INTEGER NOT NULL,
    height          INTEGER NOT NULL,
    frames          INTEGER NOT NULL,
    fps             INTEGER NOT NULL,
    seed            INTEGER NOT NULL,
    submitted_ms    INTEGER NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED')),
    attempt         INTEGER NOT NULL,
    attempts_spent  INTEGER NOT NULL,
    progress        REAL NOT NULL,
    started_ms      INTEGER,
    ended_ms        INTEGER,
    lease_ms        INTEGER,
    video_key       TEXT,
    video_bytes     INTEGER,
    engine          TEXT,
    notes           TEXT,
    failure_code    TEXT,
    failure_message TEXT
) STRICT;

-- The queue: one lane for each account and model, the oldest first.
CREATE INDEX tasks_waiting ON tasks (account, model, seq) WHERE state = 'PENDING';
CREATE INDEX tasks_running ON tasks (account, model, lease_ms) WHERE state = 'RUNNING';
CREATE INDEX tasks_of_account ON tasks (account, seq);
CREATE INDEX tasks_ended ON tasks (ended_ms) WHERE ended_ms IS NOT NULL;

CREATE TABLE ledger (
    task_id  TEXT PRIMARY KEY,
    account  TEXT NOT NULL,
    model    TEXT NOT NULL,
    width    INTEGER NOT NULL,
    height   INTEGER NOT NULL,
    seconds  REAL NOT NULL,
    engine   TEXT NOT NULL,
    ended_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX ledger_of_account ON ledger (account, ended_ms);
