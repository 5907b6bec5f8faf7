-- The eighth schema: versions of items, the register, and how decisions were given.

-- How a decision was given and what was declared with it; empty for what was decided before that was written down.
ALTER TABLE decisions ADD COLUMN record TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(record));

-- 备案号, given once and kept whatever becomes of the item.
ALTER TABLE items ADD COLUMN register_no TEXT;
ALTER TABLE items ADD COLUMN merged_into TEXT REFERENCES items (id);
-- Of an event that is told in stages.
ALTER TABLE items ADD COLUMN event_id TEXT;
ALTER TABLE items ADD COLUMN stage_no INTEGER;
CREATE INDEX items_by_event ON items (event_id, stage_no) WHERE event_id IS NOT NULL;
CREATE UNIQUE INDEX items_stage_once ON items (event_id, stage_no)
    WHERE stage_no IS NOT NULL AND state NOT IN ('rejected', 'withdrawn', 'merged');

-- How far the register of each year goes. Taken in the transaction that approves, so that a number is never lost.
CREATE TABLE register_years (
    year INTEGER PRIMARY KEY,
    last INTEGER NOT NULL CHECK (last >= 0)
) STRICT;
CREATE TABLE register (
    year   INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    text   TEXT NOT NULL UNIQUE,
    item   TEXT NOT NULL UNIQUE REFERENCES items (id),
    at     INTEGER NOT NULL,
    PRIMARY KEY (year, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER register_stays BEFORE DELETE ON register
BEGIN SELECT RAISE(ABORT, 'numbers of the register are only ever added'); END;
CREATE TRIGGER register_does_not_change BEFORE UPDATE ON register
BEGIN SELECT RAISE(ABORT, 'numbers of the register are only ever added'); END;

-- Every text that an item had, and each time that it was handed in. Only ever added.
CREATE TABLE item_versions (
    item    TEXT NOT NULL REFERENCES items (id),
    number  INTEGER NOT NULL,
    version INTEGER NOT NULL,
    hash    TEXT NOT NULL CHECK (length(hash) = 64),
    content TEXT NOT NULL CHECK (json_valid(content)),
    action  TEXT NOT NULL,
    person  TEXT NOT NULL,
    detail  TEXT NOT NULL CHECK (json_valid(detail)),
    at      INTEGER NOT NULL,
    PRIMARY KEY (item, number)
) STRICT, WITHOUT ROWID;
-- Of what is there the present text is all that is known.
INSERT INTO item_versions (item, number, version, hash, content, action, person, detail, at)
    SELECT id, 1, version, hash, content, 'item.submitted', author, '{}', submitted_at FROM items;
CREATE TRIGGER item_versions_stay BEFORE DELETE ON item_versions
BEGIN SELECT RAISE(ABORT, 'versions are only ever added'); END;
CREATE TRIGGER item_versions_do_not_change BEFORE UPDATE ON item_versions
BEGIN SELECT RAISE(ABORT, 'versions are only ever added'); END;
