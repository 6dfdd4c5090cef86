-- Who is told when a task ends, and the messages that wait to be sent.

-- The URL that came with a task, which is told of its end; NULL: none.
ALTER TABLE tasks ADD COLUMN webhook_url text;

CREATE TABLE webhook_endpoints (
    id               text PRIMARY KEY,
    account          text NOT NULL,
    url              text NOT NULL,
    -- A JSON list of the events that it is told.
    events           text NOT NULL,
    secret           text NOT NULL,
    created_ms       bigint NOT NULL,
    -- The secret before the last rotation, and until when it signs too.
    old_secret       text,
    old_until_ms     bigint,
    disabled_ms      bigint,
    disabled_why     text,
    -- The first failure since its last success.
    failing_since_ms bigint
);

CREATE INDEX webhook_endpoints_of_account ON webhook_endpoints (account);

-- The secrets that sign the messages to the URLs of tasks.
CREATE TABLE webhook_secrets (
    account text PRIMARY KEY,
    secret  text NOT NULL
);

-- The outbox: one message to one URL in each row.
CREATE TABLE webhook_deliveries (
    -- The id of the message, made of the task and the endpoint, so that every try of it has the same.
    id              text PRIMARY KEY,
    task_id         text NOT NULL,
    account         text NOT NULL,
    event           text NOT NULL,
    -- NULL: the URL is the task's own.
    endpoint_id     text,
    url             text,
    -- What shares its tries: the endpoint, or the account's URLs on one host.
    destination     text NOT NULL,
    -- Of the task, which may be deleted before the message is sent.
    model           text NOT NULL,
    failure_code    text,
    failure_message text,
    -- When the task ended.
    created_ms      bigint NOT NULL,
    state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    tries           integer NOT NULL DEFAULT 0,
    -- When it is to be tried; NULL: no more.
    next_ms         bigint,
    tried_ms        bigint,
    status          integer,
    error           text
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (destination, account, next_ms) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (created_ms);

-- A task's end and its messages are one transaction: no end without them, and none without an end.
CREATE FUNCTION tell_end_of_task() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ended text := CASE NEW.state
        WHEN 'SUCCEEDED' THEN 'video.completed' WHEN 'FAILED' THEN 'video.failed' ELSE 'video.canceled'
    END;
BEGIN
    INSERT INTO webhook_deliveries (
        id, task_id, account, event, endpoint_id, url, destination, model, failure_code, failure_message, created_ms, next_ms
    )
    SELECT
        'msg_' || replace(NEW.id, '-', '') || '_' || substr(endpoint.id, 4), NEW.id, NEW.account, ended, endpoint.id,
        NULL, endpoint.id, NEW.model, NEW.failure_code, NEW.failure_message, NEW.ended_ms, NEW.ended_ms
    FROM webhook_endpoints AS endpoint
    WHERE endpoint.account = NEW.account AND endpoint.disabled_ms IS NULL
        AND position('"' || ended || '"' IN endpoint.events) > 0
    UNION ALL
    SELECT
        'msg_' || replace(NEW.id, '-', ''), NEW.id, NEW.account, ended, NULL, NEW.webhook_url,
        -- The URL up to its host. It begins with http:// or https:// and has a path.
        NEW.account || ' ' || split_part(NEW.webhook_url, '/', 1) || '//' || split_part(NEW.webhook_url, '/', 3),
        NEW.model, NEW.failure_code, NEW.failure_message, NEW.ended_ms, NEW.ended_ms
    WHERE NEW.webhook_url IS NOT NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER task_told AFTER UPDATE OF state ON tasks
    FOR EACH ROW WHEN (
        OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('SUCCEEDED', 'FAILED', 'CANCELED')
    ) EXECUTE FUNCTION tell_end_of_task();
