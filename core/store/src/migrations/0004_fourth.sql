-- The fourth schema.

-- What readers write to an account or about it: each once, however often and in whatever order it comes (P22).
CREATE TABLE messages (
    id           TEXT PRIMARY KEY,
    account      TEXT NOT NULL,
    kind         TEXT NOT NULL CONSTRAINT message_kind CHECK (
        kind = 'comment' OR kind = 'mention' OR kind = 'mention_in_comment' OR kind = 'private' OR kind = 'other'),
    -- Unique within account and kind.
    platform_id  TEXT NOT NULL,
    -- The post that it is on, by the platform's id, and the delivery that made it if it is ours.
    post         TEXT,
    delivery     TEXT REFERENCES deliveries (id),
    -- The comment that it answers.
    parent       TEXT,
    author_id    TEXT NOT NULL,
    author_name  TEXT NOT NULL,
    text         TEXT NOT NULL,
    -- JSON: pictures, sound, films and links.
    media        TEXT NOT NULL CHECK (json_valid(media)),
    url          TEXT,
    -- Whether the public sees it; NULL when the platform does not say.
    shown        INTEGER CHECK (shown IN (0, 1)),
    -- How long, and how often, the platform lets the account answer.
    reply_until  INTEGER,
    replies_left INTEGER,
    -- By the platform's clock; NULL when it does not say.
    written_at   INTEGER,
    received_at  INTEGER NOT NULL,
    via          TEXT NOT NULL CHECK (via = 'push' OR via = 'poll'),
    UNIQUE (account, kind, platform_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_of_account ON messages (account, id);
CREATE INDEX messages_by_kind ON messages (kind, id);
CREATE INDEX messages_by_time ON messages (received_at, id);
CREATE INDEX messages_of_delivery ON messages (delivery) WHERE delivery IS NOT NULL;

-- Requests of platforms that were believed: one that comes again is a replay. Kept until its signature is too old anyway.
CREATE TABLE callbacks_seen (
    account    TEXT NOT NULL,
    -- SHA-256 of what makes the request one of a kind.
    mark       TEXT NOT NULL CHECK (length(mark) = 64),
    first_at   INTEGER NOT NULL,
    -- How often the platform itself seems to have tried it again.
    again      INTEGER NOT NULL DEFAULT 0,
    keep_until INTEGER NOT NULL,
    PRIMARY KEY (account, mark)
) STRICT, WITHOUT ROWID;
CREATE INDEX callbacks_seen_by_time ON callbacks_seen (keep_until);

-- How far each account was read.
CREATE TABLE intake (
    account   TEXT PRIMARY KEY,
    -- What its adapter answered last, as it stood.
    cursor    TEXT,
    -- The last poll that succeeded, and the last request of the platform that was believed.
    polled_at INTEGER,
    pushed_at INTEGER,
    -- The next poll is somebody's turn from then on.
    next_at   INTEGER NOT NULL,
    -- Polls that came to nothing since, and why the last one did.
    failures  INTEGER NOT NULL DEFAULT 0,
    problem   TEXT,
    -- JSON: what the last poll could not read, in words for people.
    gaps      TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(gaps))
) STRICT, WITHOUT ROWID;

-- Sign-ins that people have begun in a browser: the newest one of each account.
CREATE TABLE authorizations (
    account    TEXT PRIMARY KEY,
    -- SHA-256 of what the browser has to bring back: who reads this table cannot finish one.
    state      TEXT NOT NULL CHECK (length(state) = 64),
    person     TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the last look at each account found, and until when it is signed in (F61).
CREATE TABLE account_looks (
    account         TEXT PRIMARY KEY,
    looked_at       INTEGER NOT NULL,
    -- The daily look is due then.
    next_at         INTEGER NOT NULL,
    signed_in_until INTEGER,
    -- The end that people were told of last, and how many days before it.
    warned_until    INTEGER,
    warned_days     INTEGER CHECK ((warned_days IS NULL) = (warned_until IS NULL)),
    -- JSON: what is missing, and what is good to know.
    findings        TEXT NOT NULL CHECK (json_valid(findings))
) STRICT, WITHOUT ROWID;
