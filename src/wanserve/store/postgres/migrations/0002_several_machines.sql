-- What several servers on one database share besides the tasks.

-- Secrets of the installation by name: the one that signs links.
CREATE TABLE secrets (
    name  text PRIMARY KEY,
    value bytea NOT NULL
);

-- The token buckets of the rate limits. Unlogged: nothing waits for the disk, and after a crash all buckets are full.
CREATE UNLOGGED TABLE rate_buckets (
    account    text NOT NULL,
    kind       text NOT NULL,
    tokens     double precision NOT NULL,
    updated_ms bigint NOT NULL,
    PRIMARY KEY (account, kind)
);

-- Takes as many tokens as a bucket has, at most as many as are wanted, and tells how many are left. A bucket holds one
-- second's worth, and at least one. In the order of their names: two calls that lock the same buckets never wait for
-- each other in a circle.
CREATE FUNCTION take_tokens(
    accounts text[], kinds text[], wanted integer[], rates double precision[], given_ms bigint,
    OUT account text, OUT kind text, OUT granted integer, OUT tokens double precision
) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    asked record;
    bucket record;
    now_ms bigint;
BEGIN
    FOR asked IN
        SELECT each.* FROM unnest(accounts, kinds, wanted, rates) AS each (account, kind, wanted, rate) ORDER BY 1, 2
    LOOP
        INSERT INTO rate_buckets AS new VALUES (asked.account, asked.kind, greatest(1, asked.rate), wanserve_now_ms(given_ms))
            ON CONFLICT ON CONSTRAINT rate_buckets_pkey DO NOTHING;
        SELECT kept.* INTO bucket FROM rate_buckets AS kept
            WHERE kept.account = asked.account AND kept.kind = asked.kind FOR UPDATE;
        -- Read once the bucket is locked: another call may have filled it meanwhile.
        now_ms := greatest(wanserve_now_ms(given_ms), bucket.updated_ms);
        account := asked.account;
        kind := asked.kind;
        tokens := least(greatest(1, asked.rate), bucket.tokens + (now_ms - bucket.updated_ms) * asked.rate / 1000);
        granted := least(asked.wanted, floor(tokens));
        tokens := tokens - granted;
        UPDATE rate_buckets AS kept SET tokens = take_tokens.tokens, updated_ms = now_ms
            WHERE kept.account = asked.account AND kept.kind = asked.kind;
        RETURN NEXT;
    END LOOP;
END
$$;

-- The refused submits of clients that count their retries, until nobody can be repeating them.
CREATE TABLE refused_submits (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account     text NOT NULL,
    fingerprint text NOT NULL,
    retries     integer NOT NULL,
    -- The earlier try that the refused one followed; NULL: none.
    follows     integer,
    until_ms    bigint NOT NULL
);

CREATE INDEX refused_submits_by_request ON refused_submits (account, fingerprint, retries);
CREATE INDEX refused_submits_by_age ON refused_submits (until_ms);

-- As before, except that the tasks of an account are looked for in its turn. A condition of the query looked for those of
-- every account that waits, before the first one's turn came.
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
            lease_until_ms = now_ms + lease_ms, worker_id = by_worker
        WHERE seq = head
        RETURNING * INTO claimed;
        UPDATE accounts SET served = nextval('turns') WHERE id = turn.id;
        busy := FALSE;
        RETURN;
    END LOOP;
END
$$;
