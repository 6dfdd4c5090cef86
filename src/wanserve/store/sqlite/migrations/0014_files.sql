-- The SHA-256 of each file that an attempt has made, for as long as its ledger row lives.
CREATE TABLE ledger_files (
    sha256  TEXT NOT NULL,
    task_id TEXT NOT NULL REFERENCES ledger (task_id) ON DELETE CASCADE,
    -- The ending of its name.
    file    TEXT NOT NULL,
    PRIMARY KEY (sha256, task_id, file)
) STRICT, WITHOUT ROWID;

CREATE INDEX ledger_files_of_task ON ledger_files (task_id);
