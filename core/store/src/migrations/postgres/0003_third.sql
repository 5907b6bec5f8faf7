-- The third schema: SQLite's, in PostgreSQL's words.

-- Accounts whose deliveries end badly one after another, and those that are paused (P20).
CREATE TABLE account_trouble (
    account   TEXT COLLATE "C" PRIMARY KEY,
    -- JSON: the bad ends since the last good one, oldest first.
    endings   TEXT NOT NULL,
    -- Nothing new leaves since then; NULL while it publishes.
    paused_at BIGINT,
    paused_by TEXT CHECK ((paused_by IS NULL) = (paused_at IS NULL)),
    reason    TEXT CHECK ((reason IS NULL) = (paused_at IS NULL))
);
CREATE INDEX accounts_paused ON account_trouble (account) WHERE paused_at IS NOT NULL;
