-- The fifth schema: SQLite's, in PostgreSQL's words.

-- Secrets that people give (P11, C19): each sealed under a data key of its own, and that under the master key, which is not
-- here. Both are bound to this database, the name and the accounts, so that a row that is moved or changed opens nowhere.
CREATE TABLE given_secrets (
    name     TEXT COLLATE "C" PRIMARY KEY,
    -- JSON: the accounts whose calls get it; empty for every account whose settings name it.
    accounts TEXT NOT NULL,
    -- A nonce and a tag are 40 bytes: a secret is never nothing (I8).
    sealed   BYTEA NOT NULL CHECK (length(sealed) > 40),
    data_key BYTEA NOT NULL CHECK (length(data_key) > 40),
    -- Public name of the master key that the data key is sealed under.
    key      TEXT NOT NULL,
    -- Rises each time that somebody gives another value.
    version  BIGINT NOT NULL,
    set_at   BIGINT NOT NULL,
    set_by   TEXT NOT NULL
);
