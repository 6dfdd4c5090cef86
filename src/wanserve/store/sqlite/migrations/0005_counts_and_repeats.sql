-- Counts that are kept as they change, attempts that were lost without the task's doing, and submits that come twice.

-- Attempts that ended through no fault of the task: its server or its machine failed.
ALTER TABLE tasks ADD COLUMN losses INTEGER NOT NULL DEFAULT 0;

-- How many tasks each account has of each model in each state. Kept by the triggers below; those that are added are
-- counted by who adds them, many at once.
CREATE TABLE lane_counts (
    account TEXT NOT NULL,
    model   TEXT NOT NULL,
    state   TEXT NOT NULL,
    tasks   INTEGER NOT NULL,
    PRIMARY KEY (account, model, state)
) STRICT, WITHOUT ROWID;

-- The same for each period of ten minutes, by the time of the submit: a list's total adds these up.
CREATE TABLE period_counts (
    account TEXT NOT NULL,
    period  INTEGER NOT NULL,
    model   TEXT NOT NULL,
    state   TEXT NOT NULL,
    tasks   INTEGER NOT NULL,
    PRIMARY KEY (account, period, model, state)
) STRICT, WITHOUT ROWID;

INSERT INTO lane_counts SELECT account, model, state, count(*) FROM tasks GROUP BY 1, 2, 3;
INSERT INTO period_counts SELECT account, submitted_ms / 600000, model, state, count(*) FROM tasks GROUP BY 1, 2, 3, 4;

CREATE TRIGGER task_recounted AFTER UPDATE OF state ON tasks WHEN OLD.state <> NEW.state BEGIN
    UPDATE lane_counts SET tasks = tasks - 1 WHERE account = OLD.account AND model = OLD.model AND state = OLD.state;
    INSERT INTO lane_counts VALUES (NEW.account, NEW.model, NEW.state, 1)
        ON CONFLICT DO UPDATE SET tasks = tasks + 1;
    UPDATE period_counts SET tasks = tasks - 1
        WHERE account = OLD.account AND period = OLD.submitted_ms / 600000 AND model = OLD.model AND state = OLD.state;
    DELETE FROM period_counts
        WHERE account = OLD.account AND period = OLD.submitted_ms / 600000 AND model = OLD.model AND state = OLD.state
            AND tasks = 0;
    INSERT INTO period_counts VALUES (NEW.account, NEW.submitted_ms / 600000, NEW.model, NEW.state, 1)
        ON CONFLICT DO UPDATE SET tasks = tasks + 1;
END;

CREATE TRIGGER task_uncounted AFTER DELETE ON tasks BEGIN
    UPDATE lane_counts SET tasks = tasks - 1 WHERE account = OLD.account AND model = OLD.model AND state = OLD.state;
    UPDATE period_counts SET tasks = tasks - 1
        WHERE account = OLD.account AND period = OLD.submitted_ms / 600000 AND model = OLD.model AND state = OLD.state;
    DELETE FROM period_counts
        WHERE account = OLD.account AND period = OLD.submitted_ms / 600000 AND model = OLD.model AND state = OLD.state
            AND tasks = 0;
END;

-- Lists are in the order of the submits' times, and so a page of any period is found without a walk to it. With what
-- they are filtered by in the index, only the rows of the page itself are read.
CREATE INDEX tasks_by_time ON tasks (account, submitted_ms, seq, model, state);
DROP INDEX tasks_of_account;

-- What idempotency keys brought. A key outlives its task: it must not make a second one while it counts.
CREATE TABLE idempotency_keys (
    account     TEXT NOT NULL,
    key         TEXT NOT NULL,
    -- SHA-256 of what was asked.
    fingerprint TEXT NOT NULL,
    task_id     TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_ms);

INSERT INTO idempotency_keys
    SELECT account, key, fingerprint, task_id, created_ms FROM submits WHERE substr(key, 1, 1) <> char(10);
DROP TABLE submits;

-- The submits of clients that count their tries: the try by which each task was last handed out.
CREATE TABLE counted_submits (
    task_id     TEXT PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
    account     TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    -- How often the client had sent it before: 0 for a first try.
    retries     INTEGER NOT NULL,
    sent_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX counted_submits_alike ON counted_submits (account, fingerprint, retries, sent_ms);

-- One row, written anew to see whether the next submit could be stored.
CREATE TABLE probe (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    content BLOB NOT NULL
) STRICT;
