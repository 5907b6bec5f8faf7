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
