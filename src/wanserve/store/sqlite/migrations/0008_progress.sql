-- The stage of the newest attempt at its last heartbeat, with its steps, and when it was then estimated to end.
ALTER TABLE tasks ADD COLUMN stage TEXT;
ALTER TABLE tasks ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN steps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN ends_ms INTEGER;
-- The step of the newest attempt's newest preview; 0: none.
ALTER TABLE tasks ADD COLUMN preview INTEGER NOT NULL DEFAULT 0;
-- How often the task has changed: a reader that has seen this number has seen all of them.
ALTER TABLE tasks ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;

-- How long attempts took that have made a video, by their kind; the newest of each kind are kept.
CREATE TABLE stage_times (
    model    TEXT NOT NULL,
    width    INTEGER NOT NULL,
    height   INTEGER NOT NULL,
    frames   INTEGER NOT NULL,
    device   TEXT NOT NULL,
    ended_ms INTEGER NOT NULL,
    -- A JSON object: the seconds of each stage.
    seconds  TEXT NOT NULL
) STRICT;

CREATE INDEX stage_times_of_a_kind ON stage_times (model, width, height, frames, device);
