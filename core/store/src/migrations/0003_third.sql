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
