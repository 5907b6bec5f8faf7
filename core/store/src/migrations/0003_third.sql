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

-- A platform can take down what it had published (F63). A longer list of words changes nothing that is stored, so only the
-- text of the table is changed, as SQLite's own manual does it (lang_altertable, section 7).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''held'', ''missed'', ''cancelled'')',
    '''held'', ''missed'', ''cancelled'', ''removed_by_platform'')')
WHERE type = 'table' AND name = 'deliveries';
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
-- way, and a list of three words, which SQLite would make a tree of for each row, is written as it is compared.
DROP INDEX deliveries_listed;
CREATE INDEX deliveries_listed ON deliveries (state, id) WHERE state <> 'claimed' AND state <> 'sending';
DROP INDEX deliveries_that_can_be_late;
CREATE INDEX deliveries_that_can_be_late ON deliveries (latest_at)
    WHERE state = 'due' OR state = 'waiting' OR state = 'held';

-- What is tried again later than it was due: few, of which a clock that ran ahead may have put some off for years (P14).
CREATE INDEX deliveries_put_off ON deliveries (next_at) WHERE state = 'due' AND next_at > due_at;
