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

-- Strange posts that a person has explained or seen to (P27).
ALTER TABLE unknown_posts ADD COLUMN closed_at BIGINT;
ALTER TABLE unknown_posts ADD COLUMN closed_by TEXT;
ALTER TABLE unknown_posts ADD COLUMN note TEXT;
-- A later attempt has sent the request again under the same key, so no single try can say that nothing of it has left.
ALTER TABLE effects ADD COLUMN asked_again BOOLEAN NOT NULL DEFAULT FALSE;
-- The look before the last one: what a list left out is in the next.
ALTER TABLE watched ADD COLUMN looked_before BIGINT;

-- Notices on their way to an address outside.
CREATE TABLE notice_hooks (
    number  BIGINT PRIMARY KEY REFERENCES notices (number),
    -- Not sent there (again) before; NULL once it arrived.
    next_at BIGINT,
    sent_at BIGINT CHECK ((sent_at IS NULL) = (next_at IS NOT NULL)),
    tries   BIGINT NOT NULL DEFAULT 0,
    -- Why the last try came to nothing.
    problem TEXT
);
CREATE INDEX notices_to_hook ON notice_hooks (next_at, number) WHERE next_at IS NOT NULL;

-- A platform can take down what it had published (F63).
ALTER TABLE deliveries DROP CONSTRAINT delivery_state;
ALTER TABLE deliveries ADD CONSTRAINT delivery_state CHECK (state IN (
    'due', 'claimed', 'sending', 'accepted', 'published', 'refused', 'waiting', 'in_doubt', 'needs_person',
    'held', 'missed', 'cancelled', 'removed_by_platform'));
-- When the platform is asked next whether it stands by what it has published.
CREATE TABLE rechecks (
    delivery TEXT COLLATE "C" PRIMARY KEY REFERENCES deliveries (id),
    next_at  BIGINT NOT NULL
);
CREATE INDEX rechecks_by_time ON rechecks (next_at);

-- What platforms handed out, such as tokens; sealed before it comes here (P11). All of an account are from one renewal.
CREATE TABLE captured_secrets (
    account     TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    sealed      BYTEA NOT NULL,
    -- Rises with each renewal.
    generation  BIGINT NOT NULL,
    obtained_at BIGINT NOT NULL,
    expires_at  BIGINT,
    PRIMARY KEY (account, name)
);
-- Accounts whose sign-in is in doubt (F10, F61).
CREATE TABLE sign_ins (
    account      TEXT COLLATE "C" PRIMARY KEY,
    failures     BIGINT NOT NULL,
    retry_at     BIGINT NOT NULL,
    -- What is due is held since then; NULL while it is only tried again.
    needed_since BIGINT,
    reason       TEXT NOT NULL,
    -- A fingerprint of the secrets that people had given at the last failure: others are tried at once.
    given        TEXT NOT NULL
);

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
