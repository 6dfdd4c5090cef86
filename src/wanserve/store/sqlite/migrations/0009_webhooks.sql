-- Who is told when a task ends, and the messages that wait to be sent.

-- The URL that came with a task, which is told of its end; NULL: none.
ALTER TABLE tasks ADD COLUMN webhook_url TEXT;

CREATE TABLE webhook_endpoints (
    id               TEXT PRIMARY KEY,
    account          TEXT NOT NULL,
    url              TEXT NOT NULL,
    -- A JSON list of the events that it is told.
    events           TEXT NOT NULL,
    secret           TEXT NOT NULL,
    created_ms       INTEGER NOT NULL,
    -- The secret before the last rotation, and until when it signs too.
    old_secret       TEXT,
    old_until_ms     INTEGER,
    disabled_ms      INTEGER,
    disabled_why     TEXT,
    -- The first failure since its last success.
    failing_since_ms INTEGER
) STRICT;

CREATE INDEX webhook_endpoints_of_account ON webhook_endpoints (account);

-- The secrets that sign the messages to the URLs of tasks.
CREATE TABLE webhook_secrets (
    account TEXT PRIMARY KEY,
    secret  TEXT NOT NULL
) STRICT;

-- The outbox: one message to one URL in each row.
CREATE TABLE webhook_deliveries (
    -- The id of the message, made of the task and the endpoint, so that every try of it has the same.
    id              TEXT PRIMARY KEY,
    task_id         TEXT NOT NULL,
    account         TEXT NOT NULL,
    event           TEXT NOT NULL,
    -- NULL: the URL is the task's own.
    endpoint_id     TEXT,
    url             TEXT,
    -- What shares its tries: the endpoint, or the account's URLs on one host.
    destination     TEXT NOT NULL,
    -- Of the task, which may be deleted before the message is sent.
    model           TEXT NOT NULL,
    failure_code    TEXT,
    failure_message TEXT,
    -- When the task ended.
    created_ms      INTEGER NOT NULL,
    state           TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    tries           INTEGER NOT NULL DEFAULT 0,
    -- When it is to be tried; NULL: no more.
    next_ms         INTEGER,
    tried_ms        INTEGER,
    status          INTEGER,
    error           TEXT
) STRICT;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (destination, account, next_ms) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (created_ms);

-- A task's end and its messages are one transaction: no end without them, and none without an end.
CREATE TRIGGER task_told AFTER UPDATE OF state ON tasks
WHEN OLD.state <> NEW.state AND NEW.state IN ('SUCCEEDED', 'FAILED', 'CANCELED') BEGIN
    INSERT INTO webhook_deliveries (
        id, task_id, account, event, endpoint_id, url, destination, model, failure_code, failure_message, created_ms, next_ms
    )
    SELECT
        'msg_' || replace(NEW.id, '-', '') || '_' || substr(endpoint.id, 4), NEW.id, NEW.account, ended.event, endpoint.id,
        NULL, endpoint.id, NEW.model, NEW.failure_code, NEW.failure_message, NEW.ended_ms, NEW.ended_ms
    FROM webhook_endpoints AS endpoint, (
        SELECT CASE NEW.state
            WHEN 'SUCCEEDED' THEN 'video.completed' WHEN 'FAILED' THEN 'video.failed' ELSE 'video.canceled'
        END AS event
    ) AS ended
    WHERE endpoint.account = NEW.account AND endpoint.disabled_ms IS NULL
        AND instr(endpoint.events, '"' || ended.event || '"') > 0
    UNION ALL
    SELECT
        'msg_' || replace(NEW.id, '-', ''), NEW.id, NEW.account, CASE NEW.state
            WHEN 'SUCCEEDED' THEN 'video.completed' WHEN 'FAILED' THEN 'video.failed' ELSE 'video.canceled'
        END, NULL, NEW.webhook_url,
        -- The URL up to its host. It begins with http:// or https:// and has a path.
        NEW.account || ' ' || substr(NEW.webhook_url, 1, instr(substr(NEW.webhook_url, 9), '/') + 7),
        NEW.model, NEW.failure_code, NEW.failure_message, NEW.ended_ms, NEW.ended_ms
    WHERE NEW.webhook_url IS NOT NULL;
END;
