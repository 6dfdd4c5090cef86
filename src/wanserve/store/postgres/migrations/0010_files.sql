-- The SHA-256 of each file that an attempt has made, for as long as its ledger row lives.
CREATE TABLE ledger_files (
    sha256  text NOT NULL,
    task_id text NOT NULL REFERENCES ledger (task_id) ON DELETE CASCADE,
    -- The ending of its name.
    file    text NOT NULL,
    PRIMARY KEY (sha256, task_id, file)
);

CREATE INDEX ledger_files_of_task ON ledger_files (task_id);
