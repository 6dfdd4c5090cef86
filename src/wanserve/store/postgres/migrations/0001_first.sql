-- Accounts, keys, tasks, workers and the ledger. Times are milliseconds since 1970, UTC.

-- The clock of every write: the server's, or the given instant, which only tests give.
CREATE FUNCTION wanserve_now_ms(given bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(given, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
$$;

CREATE TABLE accounts (
    id          text PRIMARY KEY,
    -- The order in which the accounts came.
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    created_ms  bigint NOT NULL,
    -- The account's own limits; NULL: the server's setting applies.
    submit_rps  double precision,
    query_rps   double precision,
    max_queued  integer,
    max_running integer,
    -- The number of the claim that last served the account, from a sequence over all of them; 0: none yet.
    served      bigint NOT NULL DEFAULT 0,
    -- How many of its tasks are PENDING and RUNNING.
    waiting     integer NOT NULL DEFAULT 0,
    running     integer NOT NULL DEFAULT 0
);

-- The accounts that wait, in the order of their turns.
CREATE INDEX accounts_turn ON accounts (running, served, seq) WHERE waiting > 0;
-- A sequence and not a counter in a row: no claim waits for another.
CREATE SEQUENCE turns;

CREATE TABLE keys (
    -- The key's text is never stored.
    sha256     text PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    account    text NOT NULL REFERENCES accounts (id),
    created_ms bigint NOT NULL,
    -- A JSON list of model names; NULL: all of them.
    models     text,
    revoked_ms bigint
);

CREATE TABLE tasks (
    -- The order of acceptance, and so of the queue.
    seq             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              text NOT NULL UNIQUE,
    account         text NOT NULL,
    submitted_ms    bigint NOT NULL,
    -- The id of the task whose settings this one took over; that task may be deleted.
    remixed_from    text,
    model           text NOT NULL,
    prompt          text NOT NULL,
    negative_prompt text NOT NULL,
    width           integer NOT NULL,
    height          integer NOT NULL,
    frames          integer NOT NULL,
    fps             integer NOT NULL,
    seed            bigint NOT NULL,
    prompt_extend   boolean NOT NULL,
    watermark       boolean NOT NULL,
    state           text NOT NULL DEFAULT 'PENDING'
        CHECK (state IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED')),
    attempt         integer NOT NULL DEFAULT 0,
    attempts_spent  integer NOT NULL DEFAULT 0,
    losses          integer NOT NULL DEFAULT 0,
    progress        double precision NOT NULL DEFAULT 0,
    started_ms      bigint,
    ended_ms        bigint,
    lease_until_ms  bigint,
    worker_id       text,
    video_key       text,
    video_bytes     bigint,
    engine          text,
    notes           text,
    profile         text,
    actual_prompt   text,
    failure_code    text,
    failure_message text
)
-- Heartbeats change rows in place, with room for their new versions.
WITH (fillfactor = 80);

CREATE INDEX tasks_waiting ON tasks (account, model, seq) WHERE state = 'PENDING';
CREATE INDEX tasks_running ON tasks (worker_id) WHERE state = 'RUNNING';
CREATE INDEX tasks_ended ON tasks (ended_ms) WHERE ended_ms IS NOT NULL;
-- Lists are in the order of the submits; the columns of their filters are in the index too.
CREATE INDEX tasks_by_time ON tasks (account, submitted_ms, seq, model, state);

CREATE TABLE ledger (
    task_id  text PRIMARY KEY,
    account  text NOT NULL,
    model    text NOT NULL,
    width    integer NOT NULL,
    height   integer NOT NULL,
    seconds  double precision NOT NULL,
    engine   text NOT NULL,
    ended_ms bigint NOT NULL
);

CREATE INDEX ledger_of_account ON ledger (account, ended_ms);

-- How many tasks each account has of each model in each state.
CREATE TABLE lane_counts (
    account text NOT NULL,
    model   text NOT NULL,
    state   text NOT NULL,
    tasks   integer NOT NULL,
    PRIMARY KEY (account, model, state)
);

-- The same for each period of ten minutes, by the time of the submit: a list's total sums these.
CREATE TABLE period_counts (
    account text NOT NULL,
    period  bigint NOT NULL,
    model   text NOT NULL,
    state   text NOT NULL,
    tasks   integer NOT NULL,
    PRIMARY KEY (account, period, model, state)
);

-- Tasks that are added are counted by the transaction that adds them, many at once. Each change and each deletion is
-- counted here. The account's row comes first, also where it does not change: every transaction locks accounts before
-- counts, so that two of them never wait for each other.
CREATE FUNCTION count_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts SET
        waiting = waiting - (OLD.state = 'PENDING')::int + (TG_OP = 'UPDATE' AND NEW.state = 'PENDING')::int,
        running = running - (OLD.state = 'RUNNING')::int + (TG_OP = 'UPDATE' AND NEW.state = 'RUNNING')::int
    WHERE id = OLD.account;
    UPDATE lane_counts SET tasks = tasks - 1 WHERE account = OLD.account AND model = OLD.model AND state = OLD.state;
    UPDATE period_counts SET tasks = tasks - 1
        WHERE account = OLD.account AND period = OLD.submitted_ms / 600000 AND model = OLD.model AND state = OLD.state;
    DELETE FROM period_counts
        WHERE account = OLD.account AND period = OLD.submitted_ms / 600000 AND model = OLD.model AND state = OLD.state
            AND tasks = 0;
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO lane_counts VALUES (NEW.account, NEW.model, NEW.state, 1)
            ON CONFLICT (account, model, state) DO UPDATE SET tasks = lane_counts.tasks + 1;
        INSERT INTO period_counts VALUES (NEW.account, NEW.submitted_ms / 600000, NEW.model, NEW.state, 1)
            ON CONFLICT (account, period, model, state) DO UPDATE SET tasks = period_counts.tasks + 1;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER task_moved AFTER UPDATE OF state ON tasks
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION count_task();
CREATE TRIGGER task_removed AFTER DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION count_task();

-- The oldest waiting task of a model that the account may run now, or NULL.
CREATE FUNCTION head_of_lane(of_account text, of_model text, own_max integer, all_max integer) RETURNS bigint
LANGUAGE sql VOLATILE AS $$
    SELECT min(seq) FROM tasks
    WHERE state = 'PENDING' AND account = of_account AND model = of_model AND coalesce(
        coalesce((SELECT tasks FROM lane_counts WHERE account = of_account AND model = of_model AND state = 'RUNNING'), 0)
            < coalesce(own_max, all_max),
        TRUE
    )
$$;

-- Claims the next task for one attempt, or gives `busy`: an account whose turn it may be is locked by another
-- transaction, so the caller should try again. It waits for no lock.
--
-- Each statement of a function sees what was committed before that statement. So the limit of running tasks is checked
-- again once the account is locked, and holds under READ COMMITTED.
CREATE FUNCTION claim_task(
    by_worker text, of_models text[], lease_ms bigint, max_running_tasks integer, given_ms bigint, OUT claimed tasks,
    OUT busy boolean
) LANGUAGE plpgsql AS $$
DECLARE
    turn record;
    head bigint;
    now_ms bigint := wanserve_now_ms(given_ms);
BEGIN
    busy := FALSE;
    FOR turn IN
        SELECT id FROM accounts AS waiting_account
        WHERE waiting > 0 AND EXISTS (
            SELECT 1 FROM unnest(of_models) AS asked (model)
            WHERE head_of_lane(waiting_account.id, asked.model, waiting_account.max_running, max_running_tasks) IS NOT NULL
        )
        ORDER BY running, served, seq
    LOOP
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
            lease_until_ms = now_ms + lease_ms, worker_id = by_worker
        WHERE seq = head
        RETURNING * INTO claimed;
        UPDATE accounts SET served = nextval('turns') WHERE id = turn.id;
        busy := FALSE;
        RETURN;
    END LOOP;
END
$$;

-- The tasks of idempotency keys. A key outlives its task: it must not make a second one while it is valid.
CREATE TABLE idempotency_keys (
    account     text NOT NULL,
    key         text NOT NULL,
    -- SHA-256 of the request.
    fingerprint text NOT NULL,
    task_id     text NOT NULL,
    created_ms  bigint NOT NULL,
    PRIMARY KEY (account, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_ms);

-- The submits of clients that count their retries: the try that got each task last.
CREATE TABLE counted_submits (
    task_id     text PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
    account     text NOT NULL,
    fingerprint text NOT NULL,
    -- How often the client had sent it before: 0 for a first try.
    retries     integer NOT NULL,
    sent_ms     bigint NOT NULL
);

CREATE INDEX counted_submits_alike ON counted_submits (account, fingerprint, retries, sent_ms);

CREATE TABLE workers (
    id           text PRIMARY KEY,
    -- The data directory whose server started the worker.
    installation text NOT NULL,
    host         text NOT NULL,
    -- The name of its device or group, for people.
    device       text NOT NULL,
    -- A JSON list of the names that the driver gives its devices.
    devices      text NOT NULL,
    engine       text NOT NULL,
    -- A JSON list of the cards of the models that it serves.
    models       text NOT NULL,
    -- A JSON object: whether its engine is loaded, why it cannot make videos, which models did not load.
    health       text NOT NULL,
    -- Its last heartbeat.
    seen_ms      bigint NOT NULL
);

-- One row, written again to see whether the next submit could be stored.
CREATE TABLE probe (
    id      integer PRIMARY KEY CHECK (id = 1),
    content bytea NOT NULL
);
