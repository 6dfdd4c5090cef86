-- Whose page shows the whole server, and the sessions of browsers.

-- Whether this account is the server's owner, whose page shows every account.
ALTER TABLE accounts ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;

CREATE TABLE sessions (
    -- The session token's text is never stored.
    sha256     TEXT PRIMARY KEY,
    -- The key that the session was begun with: once it is revoked, the session is not valid any more.
    key_sha256 TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_expiry ON sessions (expires_ms);

-- What was used since a time, of all accounts. The ledger keeps its rows for ever, so no query may read all of it.
CREATE INDEX ledger_by_time ON ledger (ended_ms, account, seconds);
