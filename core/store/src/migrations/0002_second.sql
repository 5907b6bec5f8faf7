-- The second schema.

-- Times when this database was found to be an earlier one than the daemon had seen (P19).
CREATE TABLE restorations (
    number INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    -- Where the history that is left ends.
    since  INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;
-- Deliveries that may have been sent in the time between.
CREATE TABLE suspects (
    restoration INTEGER NOT NULL REFERENCES restorations (number),
    delivery    TEXT NOT NULL REFERENCES deliveries (id),
    -- Its state before.
    was         TEXT NOT NULL,
    PRIMARY KEY (restoration, delivery)
) STRICT, WITHOUT ROWID;
CREATE INDEX suspects_by_delivery ON suspects (delivery);
