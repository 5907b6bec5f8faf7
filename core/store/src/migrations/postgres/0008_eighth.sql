-- The eighth schema: SQLite's, in PostgreSQL's words.

-- How a decision was given and what was declared with it; empty for what was decided before that was written down.
ALTER TABLE decisions ADD COLUMN record TEXT NOT NULL DEFAULT '{}' CHECK (record::json IS NOT NULL);

-- 备案号, given once and kept whatever becomes of the item.
ALTER TABLE items ADD COLUMN register_no TEXT;
ALTER TABLE items ADD COLUMN merged_into TEXT COLLATE "C" REFERENCES items (id);
-- Of an event that is told in stages.
ALTER TABLE items ADD COLUMN event_id TEXT;
ALTER TABLE items ADD COLUMN stage_no BIGINT;
CREATE INDEX items_by_event ON items (event_id, stage_no) WHERE event_id IS NOT NULL;
CREATE UNIQUE INDEX items_stage_once ON items (event_id, stage_no)
    WHERE stage_no IS NOT NULL AND state NOT IN ('rejected', 'withdrawn', 'merged');

-- How far the register of each year goes. Taken in the transaction that approves, so that a number is never lost.
CREATE TABLE register_years (
    year BIGINT PRIMARY KEY,
    last BIGINT NOT NULL CHECK (last >= 0)
);
CREATE TABLE register (
    year   BIGINT NOT NULL,
    number BIGINT NOT NULL CHECK (number >= 1),
    text   TEXT NOT NULL UNIQUE,
    item   TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES items (id),
    at     BIGINT NOT NULL,
    PRIMARY KEY (year, number)
);
CREATE TRIGGER register_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON register
    EXECUTE FUNCTION only_ever_added();

-- Every text that an item had, and each time that it was handed in. Only ever added.
CREATE TABLE item_versions (
    item    TEXT COLLATE "C" NOT NULL REFERENCES items (id),
    number  BIGINT NOT NULL,
    version BIGINT NOT NULL,
    hash    TEXT NOT NULL CHECK (length(hash) = 64),
    content TEXT NOT NULL CHECK (content::json IS NOT NULL),
    action  TEXT NOT NULL,
    person  TEXT NOT NULL,
    detail  TEXT NOT NULL CHECK (detail::json IS NOT NULL),
    at      BIGINT NOT NULL,
    PRIMARY KEY (item, number)
);
-- Of what is there the present text is all that is known.
INSERT INTO item_versions (item, number, version, hash, content, action, person, detail, at)
    SELECT id, 1, version, hash, content, 'item.submitted', author, '{}', submitted_at FROM items;
CREATE TRIGGER item_versions_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON item_versions
    EXECUTE FUNCTION only_ever_added();
