-- The seventh schema: people's access, and who stands in for whom.

-- What is kept of a person beside the settings. A password is there as its hash only, the second factor sealed.
CREATE TABLE credentials (
    person          TEXT PRIMARY KEY,
    password        TEXT,
    password_set_at INTEGER NOT NULL,
    -- Hashes of the passwords before it, the newest first.
    earlier         TEXT NOT NULL CHECK (json_valid(earlier)),
    seed            BLOB,
    -- Public name of the master key that it is sealed under.
    seed_key        TEXT,
    -- The last one-time code's time step: none is used twice (C07).
    last_step       INTEGER NOT NULL,
    used_at         INTEGER NOT NULL,
    disabled_at     INTEGER,
    disabled_by     TEXT,
    disabled_reason TEXT,
    CONSTRAINT both_factors CHECK ((password IS NULL) = (seed IS NULL) AND (seed IS NULL) = (seed_key IS NULL)),
    CONSTRAINT disabled_whole CHECK ((disabled_at IS NULL) = (disabled_by IS NULL)
        AND (disabled_at IS NULL) = (disabled_reason IS NULL))
) STRICT, WITHOUT ROWID;

-- One-time links, one a person. Tokens are there as their SHA-256 only, here and below.
CREATE TABLE invitations (
    person     TEXT PRIMARY KEY,
    token      TEXT NOT NULL UNIQUE CHECK (length(token) = 64),
    invited_by TEXT NOT NULL,
    at         INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- What was set and waits for the first code.
    password   TEXT,
    seed       BLOB,
    seed_key   TEXT,
    CONSTRAINT both_factors CHECK ((password IS NULL) = (seed IS NULL) AND (seed IS NULL) = (seed_key IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    token      TEXT PRIMARY KEY CHECK (length(token) = 64),
    id         TEXT NOT NULL UNIQUE,
    person     TEXT NOT NULL,
    stage      TEXT NOT NULL CHECK (stage IN ('password', 'full')),
    form       TEXT NOT NULL CHECK (form IN ('cookie', 'bearer')),
    began_at   INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    address    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_person ON sessions (person);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE api_keys (
    token      TEXT PRIMARY KEY CHECK (length(token) = 64),
    id         TEXT NOT NULL UNIQUE,
    person     TEXT NOT NULL,
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL CHECK (json_valid(scopes)),
    per_minute INTEGER NOT NULL CHECK (per_minute > 0),
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_person ON api_keys (person);

-- Wrong tries under a name or from an address (C09).
CREATE TABLE throttles (
    subject  TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    until    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX throttles_by_time ON throttles (last_at);

-- 授权代行 (R-36). Nothing is deleted: what was decided under one names it.
CREATE TABLE delegations (
    id         TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    unit       TEXT NOT NULL,
    -- NULL: the post is vacant.
    from_person TEXT,
    to_person  TEXT NOT NULL,
    begins     INTEGER NOT NULL,
    ends       INTEGER NOT NULL CHECK (ends > begins),
    reason     TEXT,
    given_by   TEXT NOT NULL,
    at         INTEGER NOT NULL,
    ended_by   TEXT,
    ended_at   INTEGER,
    CONSTRAINT ended_whole CHECK ((ended_by IS NULL) = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX delegations_by_end ON delegations (ends) WHERE ended_at IS NULL;

-- 代: under which delegation somebody decided, and for whom; of a vacant post there is only the first.
ALTER TABLE decisions ADD COLUMN delegation TEXT;
ALTER TABLE decisions ADD COLUMN on_behalf_of TEXT;
