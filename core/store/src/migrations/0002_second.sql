-- The second schema.

-- Times when this database was found to be an earlier one than the daemon had seen (P19).
CREATE TABLE restorations (
    number INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    -- Where the history that is left ends.
    since  INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;
-- Deliveries that may have been sent in the time between.
CREATE TABLE suspects (
    restoration INTEGER NOT NULL REFERENCES restorations (number),
    delivery    TEXT NOT NULL REFERENCES deliveries (id),
    -- Its state before.
    was         TEXT NOT NULL,
    PRIMARY KEY (restoration, delivery)
) STRICT, WITHOUT ROWID;
CREATE INDEX suspects_by_delivery ON suspects (delivery);

-- What people are told, each once. Written by the transaction that makes it true, handed out later (outbox).
CREATE TABLE notices (
    number     INTEGER PRIMARY KEY,
    -- The same for the same thing: also the id under which it is handed out, however often.
    id         TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    text       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    at         INTEGER NOT NULL,
    -- Not handed out (again) before; NULL once it was.
    next_at    INTEGER,
    emitted_at INTEGER CHECK ((emitted_at IS NULL) = (next_at IS NOT NULL)),
    tries      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX notices_to_emit ON notices (number) WHERE emitted_at IS NULL;

-- When each account's own list was looked at for posts that are not ours (P27).
CREATE TABLE watched (
    account   TEXT PRIMARY KEY,
    -- Stock was taken then: what was there before is no alarm. NULL until the first look has succeeded.
    since     INTEGER,
    looked_at INTEGER,
    -- The next look is somebody's turn from then on.
    next_at   INTEGER NOT NULL,
    -- Why the last look came to nothing.
    problem   TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE unknown_posts (
    account     TEXT NOT NULL,
    platform_id TEXT NOT NULL,
    url         TEXT,
    excerpt     TEXT NOT NULL,
    posted_at   INTEGER,
    first_seen  INTEGER NOT NULL,
    -- It was there when the account was looked at for the first time.
    is_stock    INTEGER NOT NULL,
    PRIMARY KEY (account, platform_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX unknown_posts_listed ON unknown_posts (first_seen) WHERE is_stock = 0;
CREATE INDEX deliveries_by_receipt ON deliveries (account, receipt_id) WHERE receipt_id IS NOT NULL;
CREATE INDEX deliveries_by_address ON deliveries (account, receipt_url) WHERE receipt_by = 'person';

-- Daemons that work on this database, one row a start.
CREATE TABLE workers (
    id          TEXT PRIMARY KEY,
    -- A name that only one process can hold at a time; NULL without one.
    node        TEXT,
    started_at  INTEGER NOT NULL,
    -- By the database's clock; NULL: as long as the row has not ended, since nobody else can be here.
    lease_until INTEGER,
    ended_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX workers_at_work ON workers (id) WHERE ended_at IS NULL;

-- What only one daemon does at a time, and who does it until when by the database's clock.
CREATE TABLE turns (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
