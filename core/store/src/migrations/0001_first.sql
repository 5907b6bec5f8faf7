-- The first schema. Times are whole milliseconds since 1970 UTC; hashes are lower-case hexadecimal SHA-256.
-- The words in the CHECK lists are those of the enums in core/domain; a test compares them.

-- environment_id, generation, ping.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- 稿件. While it is scheduled or later, `state` is what its deliveries make of it.
CREATE TABLE items (
    id           TEXT PRIMARY KEY,
    unit         TEXT NOT NULL,
    author       TEXT NOT NULL,
    column_id    TEXT,
    procedure    TEXT NOT NULL,
    content      TEXT NOT NULL CHECK (json_valid(content)),
    hash         TEXT NOT NULL CHECK (length(hash) = 64),
    version      INTEGER NOT NULL CHECK (version >= 1),
    state        TEXT NOT NULL CONSTRAINT item_state CHECK (state IN (
        'draft', 'pending_secrecy', 'pending_unit', 'pending_office', 'pending_leader', 'pending_principal',
        'pending_decision', 'approved', 'scheduled', 'held', 'publishing', 'published', 'publish_failed',
        'returned', 'rejected', 'withdrawn', 'merged', 'expired', 'retracted')),
    submitted_at INTEGER NOT NULL,
    row_version  INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX items_by_state ON items (state, id);
CREATE INDEX items_by_unit ON items (unit, id);

-- What reviewers said, on which bytes. Only ever added.
CREATE TABLE decisions (
    item    TEXT NOT NULL REFERENCES items (id),
    number  INTEGER NOT NULL,
    person  TEXT NOT NULL,
    step    TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('approve', 'return', 'reject')),
    hash    TEXT NOT NULL CHECK (length(hash) = 64),
    reason  TEXT,
    at      INTEGER NOT NULL,
    PRIMARY KEY (item, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER decisions_stay BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are only ever added'); END;
CREATE TRIGGER decisions_do_not_change BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are only ever added'); END;

-- 发布任务: one item on one account.
CREATE TABLE deliveries (
    id           TEXT PRIMARY KEY,
    item         TEXT NOT NULL REFERENCES items (id),
    account      TEXT NOT NULL,
    platform     TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('publish', 'forward')),
    origin       TEXT REFERENCES deliveries (id) CHECK ((kind = 'forward') = (origin IS NOT NULL)),
    hops         INTEGER NOT NULL,
    route        TEXT,
    item_hash    TEXT NOT NULL CHECK (length(item_hash) = 64),
    payload_hash TEXT NOT NULL CHECK (length(payload_hash) = 64),
    revision     TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    latest_at    INTEGER NOT NULL,
    next_at      INTEGER NOT NULL,
    state        TEXT NOT NULL CONSTRAINT delivery_state CHECK (state IN (
        'due', 'claimed', 'sending', 'accepted', 'published', 'refused', 'waiting', 'in_doubt', 'needs_person',
        'held', 'missed', 'cancelled')),
    reason       TEXT,
    -- While held: the word before the colon of `reason`, by which it is released.
    hold         TEXT CHECK (hold IS NULL OR state = 'held'),
    tries        INTEGER NOT NULL CHECK (tries >= 0),
    -- Rises with every claim; an attempt's number is the fence it was made under.
    fence        INTEGER NOT NULL CHECK (fence >= 0),
    ticket       TEXT,
    receipt_id   TEXT,
    receipt_url  TEXT,
    receipt_at   INTEGER CHECK (state <> 'published' OR receipt_at IS NOT NULL),
    receipt_by   TEXT CHECK (receipt_by IN ('answer', 'evidence', 'person')),
    -- The call that the next attempt continues: its answered requests are not sent again.
    resume_call  TEXT,
    doubt_since  INTEGER CHECK (state <> 'in_doubt' OR doubt_since IS NOT NULL),
    looks        INTEGER NOT NULL DEFAULT 0,
    worker       TEXT,
    lease_until  INTEGER,
    changed_at   INTEGER NOT NULL,
    row_version  INTEGER NOT NULL DEFAULT 1
) STRICT;
-- P23: whatever routes say, an item is at most once on an account. A cancelled delivery never went out.
CREATE UNIQUE INDEX deliveries_once ON deliveries (item, account) WHERE state <> 'cancelled';
-- The order of an account is kept by sending one at a time.
CREATE UNIQUE INDEX deliveries_one_under_way ON deliveries (account) WHERE state IN ('claimed', 'sending');
-- Statements that run all the time name their index (INDEXED BY): without statistics SQLite takes another one for some,
-- and would read every waiting delivery.
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
    account    TEXT PRIMARY KEY,
    -- Caps, or an adapter that is not ready: nothing of this account before then.
    not_before INTEGER NOT NULL DEFAULT 0,
    -- When its first due delivery may be claimed; NULL while one is under way or none is due.
    wake_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_by_time ON queue (wake_at, account) WHERE wake_at IS NOT NULL;

-- One try of a delivery. Only ever added; ended once.
CREATE TABLE attempts (
    id         TEXT PRIMARY KEY,
    delivery   TEXT NOT NULL REFERENCES deliveries (id),
    account    TEXT NOT NULL,
    number     INTEGER NOT NULL,
    fence      INTEGER NOT NULL,
    call       TEXT NOT NULL,
    worker     TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    outcome    TEXT CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    detail     TEXT,
    adapter    TEXT,
    UNIQUE (delivery, number)
) STRICT;
-- R3: at most one attempt of a delivery is open.
CREATE UNIQUE INDEX attempts_one_open ON attempts (delivery) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX attempts_open_call ON attempts (call) WHERE ended_at IS NULL;
CREATE INDEX attempts_of_account ON attempts (account, started_at);
CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'attempts are only ever added'); END;
CREATE TRIGGER attempts_end_once BEFORE UPDATE ON attempts
WHEN OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
BEGIN SELECT RAISE(ABORT, 'an attempt is changed only by ending it, once'); END;
CREATE TRIGGER attempts_keep_their_start
BEFORE UPDATE OF id, delivery, account, number, fence, call, worker, started_at ON attempts
BEGIN SELECT RAISE(ABORT, 'an attempt is changed only by ending it, once'); END;

-- What a worker said that no longer held the delivery (R9).
CREATE TABLE late_news (
    id          INTEGER PRIMARY KEY,
    delivery    TEXT NOT NULL REFERENCES deliveries (id),
    attempt     TEXT REFERENCES attempts (id),
    fence       INTEGER NOT NULL,
    says        TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    detail      TEXT,
    platform_id TEXT,
    url         TEXT,
    at          INTEGER NOT NULL
) STRICT;
CREATE INDEX late_news_of_delivery ON late_news (delivery);
CREATE TRIGGER late_news_stays BEFORE DELETE ON late_news
BEGIN SELECT RAISE(ABORT, 'late news is only ever added'); END;
CREATE TRIGGER late_news_does_not_change BEFORE UPDATE ON late_news
BEGIN SELECT RAISE(ABORT, 'late news is only ever added'); END;

-- The effect ledger: the intent of every mutating request before it leaves, its answer after.
CREATE TABLE effects (
    id              INTEGER PRIMARY KEY,
    call            TEXT NOT NULL,
    -- Place in the call, from 1.
    number          INTEGER NOT NULL,
    fingerprint     TEXT NOT NULL,
    occurrence      INTEGER NOT NULL,
    delivery        TEXT NOT NULL REFERENCES deliveries (id),
    -- The attempt that asked for it last: a resumed call has to come past every recorded effect before a new one.
    asked_by        TEXT NOT NULL REFERENCES attempts (id),
    idempotency_key TEXT,
    method          TEXT NOT NULL,
    url             TEXT NOT NULL,
    body_sha256     TEXT NOT NULL,
    adapter         TEXT NOT NULL,
    adapter_sha256  TEXT NOT NULL,
    began_at        INTEGER NOT NULL,
    answered_at     INTEGER,
    status          INTEGER,
    headers         TEXT,
    body            BLOB,
    complete        INTEGER,
    nothing_left    INTEGER,
    UNIQUE (call, fingerprint, occurrence),
    UNIQUE (call, number)
) STRICT;
CREATE INDEX effects_of_delivery ON effects (delivery);
CREATE TRIGGER effects_stay BEFORE DELETE ON effects
BEGIN SELECT RAISE(ABORT, 'effects are only ever added'); END;

-- Who did what. Chained by hash; only ever added.
CREATE TABLE audit (
    number  INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL,
    request TEXT,
    hash    TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject, number);
CREATE TRIGGER audit_stays BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END;
CREATE TRIGGER audit_does_not_change BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END;

-- Requests that have their effect once (P21).
CREATE TABLE once (
    person         TEXT NOT NULL,
    key            TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,
    -- Id of the item or the delivery that it changed.
    subject        TEXT NOT NULL,
    at             INTEGER NOT NULL,
    PRIMARY KEY (person, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX once_by_time ON once (at);

-- Sets of settings that ran; the newest is the last good one.
CREATE TABLE settings (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    revision TEXT NOT NULL,
    sources  TEXT NOT NULL CHECK (json_valid(sources)),
    at       INTEGER NOT NULL
) STRICT;

-- STOP ALL: on while there is a row.
CREATE TABLE stop (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    person TEXT NOT NULL,
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
CREATE TABLE stop_lifting (
    number INTEGER PRIMARY KEY,
    person TEXT NOT NULL UNIQUE,
    at     INTEGER NOT NULL
) STRICT;

-- What adapters keep, per account.
CREATE TABLE adapter_values (
    adapter TEXT NOT NULL,
    account TEXT NOT NULL,
    key     TEXT NOT NULL,
    value   BLOB NOT NULL,
    PRIMARY KEY (adapter, account, key)
) STRICT, WITHOUT ROWID;

-- Pictures and videos, by the hash of their bytes.
CREATE TABLE blobs (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    mime   TEXT NOT NULL,
    bytes  BLOB NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

-- How many are in each state, kept with every change: counting a million rows for a gauge would cost more than sending.
CREATE TABLE tallies (
    what  TEXT NOT NULL CHECK (what IN ('item', 'delivery')),
    state TEXT NOT NULL,
    n     INTEGER NOT NULL CHECK (n >= 0),
    PRIMARY KEY (what, state)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER items_counted AFTER INSERT ON items BEGIN
    INSERT INTO tallies VALUES ('item', NEW.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER items_counted_again AFTER UPDATE OF state ON items WHEN OLD.state <> NEW.state BEGIN
    UPDATE tallies SET n = n - 1 WHERE what = 'item' AND state = OLD.state;
    INSERT INTO tallies VALUES ('item', NEW.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER deliveries_counted AFTER INSERT ON deliveries BEGIN
    INSERT INTO tallies VALUES ('delivery', NEW.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER deliveries_counted_again AFTER UPDATE OF state ON deliveries WHEN OLD.state <> NEW.state BEGIN
    UPDATE tallies SET n = n - 1 WHERE what = 'delivery' AND state = OLD.state;
    INSERT INTO tallies VALUES ('delivery', NEW.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
