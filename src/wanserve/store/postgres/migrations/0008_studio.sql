-- Whose page shows the whole server, and the sessions of browsers.

-- Whether this account is the server's owner, whose page shows every account.
ALTER TABLE accounts ADD COLUMN owner boolean NOT NULL DEFAULT FALSE;

CREATE TABLE sessions (
    -- The session token's text is never stored.
    sha256     text PRIMARY KEY,
    -- The key that the session was begun with: once it is revoked, the session is not valid any more.
    key_sha256 text NOT NULL,
    created_ms bigint NOT NULL,
    expires_ms bigint NOT NULL
);

CREATE INDEX sessions_by_expiry ON sessions (expires_ms);

-- What was used since a time, of all accounts. The ledger keeps its rows for ever, so no query may read all of it.
CREATE INDEX ledger_by_time ON ledger (ended_ms, account, seconds);
