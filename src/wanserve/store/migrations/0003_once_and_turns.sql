-- Whose turn it is, and which submits are repeats.

-- The number of the claim that last served the account, counted over all of them; 0: none yet.
ALTER TABLE accounts ADD COLUMN served INTEGER NOT NULL DEFAULT 0;
CREATE INDEX accounts_served ON accounts (served);

CREATE TABLE submits (
    account     TEXT NOT NULL,
    -- The client's idempotency key.
    key         TEXT NOT NULL,
    -- SHA-256 of what was asked.
    fingerprint TEXT NOT NULL,
    task_id     TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    created_ms  INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX submits_of_task ON submits (task_id);
