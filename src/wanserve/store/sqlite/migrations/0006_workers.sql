-- Who runs an attempt, so that a start takes back only what its own former workers ran.

CREATE TABLE workers (
    id           TEXT PRIMARY KEY,
    -- The data directory whose server started the worker.
    installation TEXT NOT NULL,
    host         TEXT NOT NULL,
    -- The name of its device or group, for people.
    device       TEXT NOT NULL,
    -- A JSON list of the names that the driver gives its devices.
    devices      TEXT NOT NULL,
    engine       TEXT NOT NULL,
    -- A JSON list of the cards of the models that it serves.
    models       TEXT NOT NULL,
    -- A JSON object: whether its engine is loaded, why it cannot make videos, which models did not load.
    health       TEXT NOT NULL,
    -- Its last heartbeat.
    seen_ms      INTEGER NOT NULL
) STRICT;

-- The worker of the newest attempt; NULL: the task was not claimed since workers have ids.
ALTER TABLE tasks ADD COLUMN worker_id TEXT;
-- An instant; what is a duration has another name.
ALTER TABLE tasks RENAME COLUMN lease_ms TO lease_until_ms;
