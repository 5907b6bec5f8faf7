-- The first schema, as PostgreSQL says it. Times are whole milliseconds since 1970 UTC; hashes are lower-case hexadecimal SHA-256.
-- The words in the CHECK lists are those of the enums in core/domain; a test compares them.

-- environment_id, generation, ping.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- 稿件. While it is scheduled or later, `state` is what its deliveries make of it.
CREATE TABLE items (
    id           TEXT COLLATE "C" PRIMARY KEY,
    unit         TEXT NOT NULL,
    author       TEXT NOT NULL,
    column_id    TEXT,
    procedure    TEXT NOT NULL,
    content      TEXT NOT NULL CHECK (content::json IS NOT NULL),
    hash         TEXT NOT NULL CHECK (length(hash) = 64),
    version      BIGINT NOT NULL CHECK (version >= 1),
    state        TEXT NOT NULL CONSTRAINT item_state CHECK (state IN (
        'draft', 'pending_secrecy', 'pending_unit', 'pending_office', 'pending_leader', 'pending_principal',
        'pending_decision', 'approved', 'scheduled', 'held', 'publishing', 'published', 'publish_failed',
        'returned', 'rejected', 'withdrawn', 'merged', 'expired', 'retracted')),
    submitted_at BIGINT NOT NULL,
    row_version  BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX items_by_state ON items (state, id);
CREATE INDEX items_by_unit ON items (unit, id);

-- What reviewers said, on which bytes. Only ever added.
CREATE TABLE decisions (
    item    TEXT COLLATE "C" NOT NULL REFERENCES items (id),
    number  BIGINT NOT NULL,
    person  TEXT NOT NULL,
    step    TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('approve', 'return', 'reject')),
    hash    TEXT NOT NULL CHECK (length(hash) = 64),
    reason  TEXT,
    at      BIGINT NOT NULL,
    PRIMARY KEY (item, number)
);

-- 发布任务: one item on one account.
CREATE TABLE deliveries (
    id           TEXT COLLATE "C" PRIMARY KEY,
    item         TEXT COLLATE "C" NOT NULL REFERENCES items (id),
    account      TEXT COLLATE "C" NOT NULL,
    platform     TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('publish', 'forward')),
    origin       TEXT REFERENCES deliveries (id) CHECK ((kind = 'forward') = (origin IS NOT NULL)),
    hops         BIGINT NOT NULL,
    route        TEXT,
    item_hash    TEXT NOT NULL CHECK (length(item_hash) = 64),
    payload_hash TEXT NOT NULL CHECK (length(payload_hash) = 64),
    revision     TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    due_at       BIGINT NOT NULL,
    latest_at    BIGINT NOT NULL,
    next_at      BIGINT NOT NULL,
    state        TEXT NOT NULL CONSTRAINT delivery_state CHECK (state IN (
        'due', 'claimed', 'sending', 'accepted', 'published', 'refused', 'waiting', 'in_doubt', 'needs_person',
        'held', 'missed', 'cancelled')),
    reason       TEXT,
    -- While held: the word before the colon of `reason`, by which it is released.
    hold         TEXT CHECK (hold IS NULL OR state = 'held'),
    tries        BIGINT NOT NULL CHECK (tries >= 0),
    -- Rises with every claim; an attempt's number is the fence it was made under.
    fence        BIGINT NOT NULL CHECK (fence >= 0),
    ticket       TEXT,
    receipt_id   TEXT,
    receipt_url  TEXT,
    receipt_at   BIGINT CHECK (state <> 'published' OR receipt_at IS NOT NULL),
    receipt_by   TEXT CHECK (receipt_by IN ('answer', 'evidence', 'person')),
    -- The call that the next attempt continues: its answered requests are not sent again.
    resume_call  TEXT,
    doubt_since  BIGINT CHECK (state <> 'in_doubt' OR doubt_since IS NOT NULL),
    looks        BIGINT NOT NULL DEFAULT 0,
    worker       TEXT,
    lease_until  BIGINT,
    changed_at   BIGINT NOT NULL,
    row_version  BIGINT NOT NULL DEFAULT 1,
    -- The order in which they were made, which SQLite keeps by itself.
    rowid        BIGINT GENERATED ALWAYS AS IDENTITY
);
-- P23: whatever routes say, an item is at most once on an account. A cancelled delivery never went out.
CREATE UNIQUE INDEX deliveries_once ON deliveries (item, account) WHERE state <> 'cancelled';
-- The order of an account is kept by sending one at a time.
CREATE UNIQUE INDEX deliveries_one_under_way ON deliveries (account) WHERE state IN ('claimed', 'sending');
CREATE INDEX deliveries_of_item ON deliveries (item);
CREATE INDEX deliveries_due ON deliveries (account, next_at, id) WHERE state = 'due';
CREATE INDEX deliveries_by_state ON deliveries (state, next_at, id);
CREATE INDEX deliveries_listed ON deliveries (state, id);
CREATE INDEX deliveries_by_account ON deliveries (account, id);
CREATE INDEX deliveries_that_can_be_late ON deliveries (latest_at) WHERE state IN ('due', 'waiting', 'held');
CREATE INDEX deliveries_on_hold ON deliveries (hold, account) WHERE hold IS NOT NULL;
CREATE INDEX deliveries_in_doubt ON deliveries (doubt_since) WHERE state = 'in_doubt';

-- The head of every account's queue, so that a claim reads only what it can take: neither a million deliveries of
-- next month nor the backlog of one account stand before the others.
CREATE TABLE queue (
    account    TEXT COLLATE "C" PRIMARY KEY,
    -- Caps, or an adapter that is not ready: nothing of this account before then.
    not_before BIGINT NOT NULL DEFAULT 0,
    -- When its first due delivery may be claimed; NULL while one is under way or none is due.
    wake_at    BIGINT
);
CREATE INDEX queue_by_time ON queue (wake_at, account) WHERE wake_at IS NOT NULL;

-- One try of a delivery. Only ever added; ended once.
CREATE TABLE attempts (
    id         TEXT COLLATE "C" PRIMARY KEY,
    delivery   TEXT COLLATE "C" NOT NULL REFERENCES deliveries (id),
    account    TEXT COLLATE "C" NOT NULL,
    number     BIGINT NOT NULL,
    fence      BIGINT NOT NULL,
    call       TEXT NOT NULL,
    worker     TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    outcome    TEXT CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    detail     TEXT,
    adapter    TEXT,
    UNIQUE (delivery, number)
);
-- R3: at most one attempt of a delivery is open.
CREATE UNIQUE INDEX attempts_one_open ON attempts (delivery) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX attempts_open_call ON attempts (call) WHERE ended_at IS NULL;
CREATE INDEX attempts_of_account ON attempts (account, started_at);

-- What a worker said that no longer held the delivery (R9).
CREATE TABLE late_news (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery    TEXT COLLATE "C" NOT NULL REFERENCES deliveries (id),
    attempt     TEXT REFERENCES attempts (id),
    fence       BIGINT NOT NULL,
    says        TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    detail      TEXT,
    platform_id TEXT,
    url         TEXT,
    at          BIGINT NOT NULL
);
CREATE INDEX late_news_of_delivery ON late_news (delivery);

-- The effect ledger: the intent of every mutating request before it leaves, its answer after.
CREATE TABLE effects (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call            TEXT NOT NULL,
    -- Place in the call, from 1.
    number          BIGINT NOT NULL,
    fingerprint     TEXT NOT NULL,
    occurrence      BIGINT NOT NULL,
    delivery        TEXT COLLATE "C" NOT NULL REFERENCES deliveries (id),
    -- The attempt that asked for it last: a resumed call has to come past every recorded effect before a new one.
    asked_by        TEXT NOT NULL REFERENCES attempts (id),
    idempotency_key TEXT,
    method          TEXT NOT NULL,
    url             TEXT NOT NULL,
    body_sha256     TEXT NOT NULL,
    adapter         TEXT NOT NULL,
    adapter_sha256  TEXT NOT NULL,
    began_at        BIGINT NOT NULL,
    answered_at     BIGINT,
    status          BIGINT,
    headers         TEXT,
    body            BYTEA,
    complete        BOOLEAN,
    nothing_left    BOOLEAN,
    UNIQUE (call, fingerprint, occurrence),
    UNIQUE (call, number)
);
CREATE INDEX effects_of_delivery ON effects (delivery);

-- Who did what. Chained by hash; only ever added.
CREATE TABLE audit (
    number  BIGINT PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    detail  TEXT NOT NULL,
    request TEXT,
    hash    TEXT NOT NULL CHECK (length(hash) = 64)
);
CREATE INDEX audit_by_subject ON audit (subject, number);

-- Requests that have their effect once (P21).
CREATE TABLE once (
    person         TEXT NOT NULL,
    key            TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,
    -- Id of the item or the delivery that it changed.
    subject        TEXT COLLATE "C" NOT NULL,
    at             BIGINT NOT NULL,
    PRIMARY KEY (person, key)
);
CREATE INDEX once_by_time ON once (at);

-- Sets of settings that ran; the newest is the last good one.
CREATE TABLE settings (
    number   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    revision TEXT NOT NULL,
    sources  TEXT NOT NULL CHECK (sources::json IS NOT NULL),
    at       BIGINT NOT NULL
);

-- STOP ALL: on while there is a row.
CREATE TABLE stop (
    "only" BIGINT PRIMARY KEY CHECK ("only" = 1),
    person TEXT NOT NULL,
    reason TEXT NOT NULL,
    at     BIGINT NOT NULL
);
CREATE TABLE stop_lifting (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person TEXT NOT NULL UNIQUE,
    at     BIGINT NOT NULL
);

-- What adapters keep, per account.
CREATE TABLE adapter_values (
    adapter TEXT NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    key     TEXT NOT NULL,
    value   BYTEA NOT NULL,
    PRIMARY KEY (adapter, account, key)
);

-- Pictures and videos, by the hash of their bytes.
CREATE TABLE blobs (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    mime   TEXT NOT NULL,
    bytes  BYTEA NOT NULL,
    at     BIGINT NOT NULL
);

-- How many are in each state: every change adds steps, a count is their sum. One row a state would make all writers wait
-- for each other. The steps are added up now and then (`postgres/presence.rs`).
CREATE TABLE steps (
    what  TEXT NOT NULL CHECK (what IN ('item', 'delivery')),
    state TEXT NOT NULL,
    n     BIGINT NOT NULL
);
CREATE VIEW tallies AS SELECT what, state, sum(n)::bigint AS n FROM steps GROUP BY what, state;
CREATE FUNCTION count_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.state = NEW.state THEN RETURN NULL; END IF;
        INSERT INTO steps VALUES (TG_ARGV[0], OLD.state, -1);
    END IF;
    INSERT INTO steps VALUES (TG_ARGV[0], NEW.state, 1);
    RETURN NULL;
END $$;
CREATE TRIGGER items_counted AFTER INSERT OR UPDATE OF state ON items
    FOR EACH ROW EXECUTE FUNCTION count_state('item');
CREATE TRIGGER deliveries_counted AFTER INSERT OR UPDATE OF state ON deliveries
    FOR EACH ROW EXECUTE FUNCTION count_state('delivery');

-- What is only ever added.
CREATE FUNCTION only_ever_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME;
END $$;
CREATE TRIGGER decisions_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions
    EXECUTE FUNCTION only_ever_added();
CREATE TRIGGER late_news_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON late_news
    EXECUTE FUNCTION only_ever_added();
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit EXECUTE FUNCTION only_ever_added();
CREATE TRIGGER effects_stay BEFORE DELETE OR TRUNCATE ON effects EXECUTE FUNCTION only_ever_added();
CREATE TRIGGER attempts_stay BEFORE DELETE OR TRUNCATE ON attempts EXECUTE FUNCTION only_ever_added();
CREATE FUNCTION ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
        OR (OLD.id, OLD.delivery, OLD.account, OLD.number, OLD.fence, OLD.call, OLD.worker, OLD.started_at)
            IS DISTINCT FROM
            (NEW.id, NEW.delivery, NEW.account, NEW.number, NEW.fence, NEW.call, NEW.worker, NEW.started_at)
    THEN
        RAISE EXCEPTION 'an attempt is changed only by ending it, once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER attempts_end_once BEFORE UPDATE ON attempts FOR EACH ROW EXECUTE FUNCTION ends_once();

-- What other daemons have to hear of: something to send sooner than was known, the stop, new settings. It is heard once
-- the transaction is committed; who misses it looks by himself a little later.
CREATE FUNCTION tell_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('juzhen', TG_TABLE_NAME);
    RETURN NULL;
END $$;
CREATE TRIGGER queue_is_told_of AFTER INSERT ON queue
    FOR EACH ROW WHEN (NEW.wake_at IS NOT NULL) EXECUTE FUNCTION tell_others();
CREATE TRIGGER sooner_is_told_of AFTER UPDATE ON queue
    FOR EACH ROW WHEN (NEW.wake_at < OLD.wake_at OR (OLD.wake_at IS NULL AND NEW.wake_at IS NOT NULL))
    EXECUTE FUNCTION tell_others();
CREATE TRIGGER stop_is_told_of AFTER INSERT OR DELETE ON stop EXECUTE FUNCTION tell_others();
CREATE TRIGGER settings_are_told_of AFTER INSERT ON settings EXECUTE FUNCTION tell_others();

-- SQLite's maximum of two.
CREATE FUNCTION max(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT greatest($1, $2) $$;
