-- The stage of the newest attempt at its last heartbeat, with its steps, and when it was then estimated to end; and how
-- often the task has changed: a reader that has seen this number has seen all of them.
ALTER TABLE tasks
    ADD COLUMN stage text,
    ADD COLUMN step integer NOT NULL DEFAULT 0,
    ADD COLUMN steps integer NOT NULL DEFAULT 0,
    ADD COLUMN ends_ms bigint,
    -- The step of the newest attempt's newest preview; 0: none.
    ADD COLUMN preview integer NOT NULL DEFAULT 0,
    ADD COLUMN changes bigint NOT NULL DEFAULT 0;

-- How long attempts took that have made a video, by their kind; the newest of each kind are kept.
CREATE TABLE stage_times (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model    text NOT NULL,
    width    integer NOT NULL,
    height   integer NOT NULL,
    frames   integer NOT NULL,
    device   text NOT NULL,
    ended_ms bigint NOT NULL,
    -- A JSON object: the seconds of each stage.
    seconds  text NOT NULL
);

CREATE INDEX stage_times_of_a_kind ON stage_times (model, width, height, frames, device);

-- As before, except that a claim is counted as a change.
CREATE OR REPLACE FUNCTION claim_task(
    by_worker text, of_models text[], lease_ms bigint, max_running_tasks integer, given_ms bigint, OUT claimed tasks,
    OUT busy boolean
) LANGUAGE plpgsql AS $$
DECLARE
    turn record;
    head bigint;
    now_ms bigint := wanserve_now_ms(given_ms);
BEGIN
    busy := FALSE;
    FOR turn IN SELECT id, max_running FROM accounts WHERE waiting > 0 ORDER BY running, served, seq LOOP
        -- Nothing is locked of an account that has no task for this worker.
        CONTINUE WHEN NOT EXISTS (
            SELECT 1 FROM unnest(of_models) AS asked (model)
            WHERE head_of_lane(turn.id, asked.model, turn.max_running, max_running_tasks) IS NOT NULL
        );
        PERFORM 1 FROM accounts WHERE id = turn.id FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            busy := TRUE;
            CONTINUE;
        END IF;
        SELECT min(head_of_lane(turn.id, asked.model, own.max_running, max_running_tasks)) INTO head
            FROM unnest(of_models) AS asked (model), accounts AS own WHERE own.id = turn.id;
        CONTINUE WHEN head IS NULL;
        -- A transaction that cancels this task waits for the account's row, so this one must not wait for it.
        PERFORM 1 FROM tasks WHERE seq = head AND state = 'PENDING' FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            busy := TRUE;
            CONTINUE;
        END IF;
        UPDATE tasks SET
            state = 'RUNNING', attempt = attempt + 1, started_ms = greatest(now_ms, submitted_ms),
            lease_until_ms = now_ms + lease_ms, worker_id = by_worker, changes = changes + 1
        WHERE seq = head
        RETURNING * INTO claimed;
        UPDATE accounts SET served = nextval('turns') WHERE id = turn.id;
        busy := FALSE;
        RETURN;
    END LOOP;
END
$$;
