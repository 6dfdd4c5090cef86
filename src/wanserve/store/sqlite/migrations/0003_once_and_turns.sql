-- Whose turn it is, and which submits are repeats.

-- The number of the claim that last served the account, counted over all of them; 0: none yet.
ALTER TABLE accounts ADD COLUMN served INTEGER NOT NULL DEFAULT 0;
-- How many of its tasks are PENDING and RUNNING: kept by the triggers below, in whichever transaction changes a state.
ALTER TABLE accounts ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN running INTEGER NOT NULL DEFAULT 0;

INSERT OR IGNORE INTO accounts (id, created_ms) SELECT account, min(submitted_ms) FROM tasks GROUP BY account;
UPDATE accounts SET
    waiting = (SELECT count(*) FROM tasks WHERE state = 'PENDING' AND account = accounts.id),
    running = (SELECT count(*) FROM tasks WHERE state = 'RUNNING' AND account = accounts.id);

CREATE INDEX accounts_served ON accounts (served);
-- The accounts that wait, in the order of their turns.
CREATE INDEX accounts_turn ON accounts (running, served) WHERE waiting > 0;

CREATE TRIGGER task_added AFTER INSERT ON tasks BEGIN
    INSERT INTO accounts (id, created_ms, waiting, running)
    VALUES (NEW.account, NEW.submitted_ms, NEW.state = 'PENDING', NEW.state = 'RUNNING')
    ON CONFLICT (id) DO UPDATE SET waiting = waiting + excluded.waiting, running = running + excluded.running;
END;

CREATE TRIGGER task_moved AFTER UPDATE OF state ON tasks WHEN OLD.state <> NEW.state BEGIN
    UPDATE accounts SET
        waiting = waiting + (NEW.state = 'PENDING') - (OLD.state = 'PENDING'),
        running = running + (NEW.state = 'RUNNING') - (OLD.state = 'RUNNING')
    WHERE id = NEW.account;
END;

CREATE TRIGGER task_removed AFTER DELETE ON tasks WHEN OLD.state IN ('PENDING', 'RUNNING') BEGIN
    UPDATE accounts SET waiting = waiting - (OLD.state = 'PENDING'), running = running - (OLD.state = 'RUNNING')
    WHERE id = OLD.account;
END;

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
