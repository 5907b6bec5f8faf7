-- The second schema.

-- Times when this database was found to be an earlier one than the daemon had seen (P19).
CREATE TABLE restorations (
    number BIGINT PRIMARY KEY,
    at     BIGINT NOT NULL,
    -- Where the history that is left ends.
    since  BIGINT NOT NULL,
    reason TEXT NOT NULL
);
-- Deliveries that may have been sent in the time between.
CREATE TABLE suspects (
    restoration BIGINT NOT NULL REFERENCES restorations (number),
    delivery    TEXT COLLATE "C" NOT NULL REFERENCES deliveries (id),
    -- Its state before.
    was         TEXT NOT NULL,
    PRIMARY KEY (restoration, delivery)
);
CREATE INDEX suspects_by_delivery ON suspects (delivery);

-- What people are told, each once. Written by the transaction that makes it true, handed out later (outbox).
CREATE TABLE notices (
    number     BIGINT PRIMARY KEY,
    -- The same for the same thing: also the id under which it is handed out, however often.
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    text       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    at         BIGINT NOT NULL,
    -- Not handed out (again) before; NULL once it was.
    next_at    BIGINT,
    emitted_at BIGINT CHECK ((emitted_at IS NULL) = (next_at IS NOT NULL)),
    tries      BIGINT NOT NULL DEFAULT 0
);
-- Two transactions would count to the same number; neither waits for the other when a sequence counts.
CREATE SEQUENCE notice_numbers OWNED BY notices.number;
CREATE FUNCTION number_notice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.number := nextval('notice_numbers');
    RETURN NEW;
END $$;
CREATE TRIGGER notices_are_numbered BEFORE INSERT ON notices FOR EACH ROW EXECUTE FUNCTION number_notice();
CREATE INDEX notices_to_emit ON notices (number) WHERE emitted_at IS NULL;

-- When each account's own list was looked at for posts that are not ours (P27).
CREATE TABLE watched (
    account   TEXT COLLATE "C" PRIMARY KEY,
    -- Stock was taken then: what was there before is no alarm. NULL until the first look has succeeded.
    since     BIGINT,
    looked_at BIGINT,
    -- The next look is somebody's turn from then on.
    next_at   BIGINT NOT NULL,
    -- Why the last look came to nothing.
    problem   TEXT
);
CREATE TABLE unknown_posts (
    account     TEXT COLLATE "C" NOT NULL,
    platform_id TEXT COLLATE "C" NOT NULL,
    url         TEXT,
    excerpt     TEXT NOT NULL,
    posted_at   BIGINT,
    first_seen  BIGINT NOT NULL,
    -- It was there when the account was looked at for the first time.
    is_stock    BIGINT NOT NULL,
    PRIMARY KEY (account, platform_id)
);
CREATE INDEX unknown_posts_listed ON unknown_posts (first_seen) WHERE is_stock = 0;
CREATE INDEX deliveries_by_receipt ON deliveries (account, receipt_id) WHERE receipt_id IS NOT NULL;
CREATE INDEX deliveries_by_address ON deliveries (account, receipt_url) WHERE receipt_by = 'person';

-- Daemons that work on this database, one row a start.
CREATE TABLE workers (
    id          TEXT COLLATE "C" PRIMARY KEY,
    -- A name that only one process can hold at a time; NULL without one.
    node        TEXT COLLATE "C",
    started_at  BIGINT NOT NULL,
    -- By the server's clock.
    lease_until BIGINT,
    ended_at    BIGINT
);
CREATE INDEX workers_at_work ON workers (id) WHERE ended_at IS NULL;

-- What only one daemon does at a time, and who does it until when by the server's clock.
CREATE TABLE turns (
    name   TEXT COLLATE "C" PRIMARY KEY,
    holder TEXT NOT NULL,
    until  BIGINT NOT NULL
);
