-- The third schema.

-- Accounts whose deliveries end badly one after another, and those that are paused (P20).
CREATE TABLE account_trouble (
    account   TEXT PRIMARY KEY,
    -- JSON: the bad ends since the last good one, oldest first.
    endings   TEXT NOT NULL CHECK (json_valid(endings)),
    -- Nothing new leaves since then; NULL while it publishes.
    paused_at INTEGER,
    paused_by TEXT CHECK ((paused_by IS NULL) = (paused_at IS NULL)),
    reason    TEXT CHECK ((reason IS NULL) = (paused_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX accounts_paused ON account_trouble (account) WHERE paused_at IS NOT NULL;

-- Strange posts that a person has explained or seen to (P27).
ALTER TABLE unknown_posts ADD COLUMN closed_at INTEGER;
ALTER TABLE unknown_posts ADD COLUMN closed_by TEXT;
ALTER TABLE unknown_posts ADD COLUMN note TEXT;
-- A later attempt has sent the request again under the same key, so no single try can say that nothing of it has left.
ALTER TABLE effects ADD COLUMN asked_again INTEGER NOT NULL DEFAULT 0 CHECK (asked_again IN (0, 1));
-- The look before the last one: what a list left out is in the next.
ALTER TABLE watched ADD COLUMN looked_before INTEGER;

-- Notices on their way to an address outside.
CREATE TABLE notice_hooks (
    number  INTEGER PRIMARY KEY REFERENCES notices (number),
    -- Not sent there (again) before; NULL once it arrived.
    next_at INTEGER,
    sent_at INTEGER CHECK ((sent_at IS NULL) = (next_at IS NOT NULL)),
    tries   INTEGER NOT NULL DEFAULT 0,
    -- Why the last try came to nothing.
    problem TEXT
) STRICT;
CREATE INDEX notices_to_hook ON notice_hooks (next_at, number) WHERE next_at IS NOT NULL;

-- A platform can take down what it had published (F63). The words that a state may be are written as they are compared: of a
-- list SQLite makes a tree each time a row is changed, and a send changes five. Neither changes what is stored, so only the
-- text of the tables is changed, as SQLite's own manual does it (lang_altertable, section 7).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'state IN (
        ''due'', ''claimed'', ''sending'', ''accepted'', ''published'', ''refused'', ''waiting'', ''in_doubt'', ''needs_person'',
        ''held'', ''missed'', ''cancelled'')',
    'state = ''due'' OR state = ''claimed'' OR state = ''sending'' OR state = ''accepted''
        OR state = ''published'' OR state = ''refused'' OR state = ''waiting'' OR state = ''in_doubt''
        OR state = ''needs_person'' OR state = ''held'' OR state = ''missed'' OR state = ''cancelled''
        OR state = ''removed_by_platform''')
WHERE type = 'table' AND name = 'deliveries';
UPDATE sqlite_schema SET sql = replace(sql, 'receipt_by IN (''answer'', ''evidence'', ''person'')',
    'receipt_by = ''answer'' OR receipt_by = ''evidence'' OR receipt_by = ''person''')
WHERE type = 'table' AND name = 'deliveries';
UPDATE sqlite_schema SET sql = replace(sql, 'state IN (
        ''draft'', ''pending_secrecy'', ''pending_unit'', ''pending_office'', ''pending_leader'', ''pending_principal'',
        ''pending_decision'', ''approved'', ''scheduled'', ''held'', ''publishing'', ''published'', ''publish_failed'',
        ''returned'', ''rejected'', ''withdrawn'', ''merged'', ''expired'', ''retracted'')',
    'state = ''draft'' OR state = ''pending_secrecy'' OR state = ''pending_unit''
        OR state = ''pending_office'' OR state = ''pending_leader'' OR state = ''pending_principal''
        OR state = ''pending_decision'' OR state = ''approved'' OR state = ''scheduled'' OR state = ''held''
        OR state = ''publishing'' OR state = ''published'' OR state = ''publish_failed'' OR state = ''returned''
        OR state = ''rejected'' OR state = ''withdrawn'' OR state = ''merged'' OR state = ''expired''
        OR state = ''retracted''')
WHERE type = 'table' AND name = 'items';
PRAGMA writable_schema = RESET;
-- When the platform is asked next whether it stands by what it has published.
CREATE TABLE rechecks (
    delivery TEXT PRIMARY KEY REFERENCES deliveries (id),
    next_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX rechecks_by_time ON rechecks (next_at);

-- What platforms handed out, such as tokens; sealed before it comes here (P11). All of an account are from one renewal.
CREATE TABLE captured_secrets (
    account     TEXT NOT NULL,
    name        TEXT NOT NULL,
    sealed      BLOB NOT NULL,
    -- Rises with each renewal.
    generation  INTEGER NOT NULL,
    obtained_at INTEGER NOT NULL,
    expires_at  INTEGER,
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;
-- Accounts whose sign-in is in doubt (F10, F61).
CREATE TABLE sign_ins (
    account      TEXT PRIMARY KEY,
    failures     INTEGER NOT NULL,
    retry_at     INTEGER NOT NULL,
    -- What is due is held since then; NULL while it is only tried again.
    needed_since INTEGER,
    reason       TEXT NOT NULL,
    -- A fingerprint of the secrets that people had given at the last failure: others are tried at once.
    given        TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A send changes its delivery three times, and each time every index that names `state`: so these leave out what is under
-- way, or published.
DROP INDEX deliveries_listed;
CREATE INDEX deliveries_listed ON deliveries (state, id) WHERE state <> 'claimed' AND state <> 'sending';
DROP INDEX deliveries_by_state;
CREATE INDEX deliveries_by_state ON deliveries (state, next_at, id)
    WHERE state <> 'claimed' AND state <> 'sending' AND state <> 'published';
DROP INDEX deliveries_that_can_be_late;
CREATE INDEX deliveries_that_can_be_late ON deliveries (latest_at)
    WHERE state = 'due' OR state = 'waiting' OR state = 'held';

-- What is tried again later than it was due: few, of which a clock that ran ahead may have put some off for years (P14).
CREATE INDEX deliveries_put_off ON deliveries (next_at) WHERE state = 'due' AND next_at > due_at;

-- An attempt ends once, as before; FAIL instead of ABORT, since with ABORT SQLite copies every page that such a statement
-- changes, to take it back alone. Here the whole of a failed change is taken back.
DROP TRIGGER attempts_end_once;
CREATE TRIGGER attempts_end_once BEFORE UPDATE ON attempts
WHEN OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
BEGIN SELECT RAISE(FAIL, 'an attempt is changed only by ending it, once'); END;
DROP TRIGGER attempts_keep_their_start;
CREATE TRIGGER attempts_keep_their_start
BEFORE UPDATE OF id, delivery, account, number, fence, call, worker, started_at ON attempts
BEGIN SELECT RAISE(FAIL, 'an attempt is changed only by ending it, once'); END;
-- For the same reason every state has its count from the start, so that counting is no more than adding.
INSERT INTO tallies VALUES
    ('delivery', 'due', 0), ('delivery', 'claimed', 0), ('delivery', 'sending', 0), ('delivery', 'accepted', 0),
    ('delivery', 'published', 0), ('delivery', 'refused', 0), ('delivery', 'waiting', 0), ('delivery', 'in_doubt', 0),
    ('delivery', 'needs_person', 0), ('delivery', 'held', 0), ('delivery', 'missed', 0), ('delivery', 'cancelled', 0),
    ('delivery', 'removed_by_platform', 0),
    ('item', 'draft', 0), ('item', 'pending_secrecy', 0), ('item', 'pending_unit', 0), ('item', 'pending_office', 0),
    ('item', 'pending_leader', 0), ('item', 'pending_principal', 0), ('item', 'pending_decision', 0),
    ('item', 'approved', 0), ('item', 'scheduled', 0), ('item', 'held', 0), ('item', 'publishing', 0),
    ('item', 'published', 0), ('item', 'publish_failed', 0), ('item', 'returned', 0), ('item', 'rejected', 0),
    ('item', 'withdrawn', 0), ('item', 'merged', 0), ('item', 'expired', 0), ('item', 'retracted', 0)
ON CONFLICT DO NOTHING;
DROP TRIGGER items_counted;
CREATE TRIGGER items_counted AFTER INSERT ON items BEGIN
    UPDATE tallies SET n = n + 1 WHERE what = 'item' AND state = NEW.state;
END;
DROP TRIGGER items_counted_again;
CREATE TRIGGER items_counted_again AFTER UPDATE OF state ON items WHEN OLD.state <> NEW.state BEGIN
    UPDATE tallies SET n = n - 1 WHERE what = 'item' AND state = OLD.state;
    UPDATE tallies SET n = n + 1 WHERE what = 'item' AND state = NEW.state;
END;
DROP TRIGGER deliveries_counted;
CREATE TRIGGER deliveries_counted AFTER INSERT ON deliveries BEGIN
    UPDATE tallies SET n = n + 1 WHERE what = 'delivery' AND state = NEW.state;
END;
DROP TRIGGER deliveries_counted_again;
CREATE TRIGGER deliveries_counted_again AFTER UPDATE OF state ON deliveries WHEN OLD.state <> NEW.state BEGIN
    UPDATE tallies SET n = n - 1 WHERE what = 'delivery' AND state = OLD.state;
    UPDATE tallies SET n = n + 1 WHERE what = 'delivery' AND state = NEW.state;
END;
