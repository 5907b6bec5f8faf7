-- The second schema.

-- Times when this database was found to be an earlier one than the daemon had seen (P19).
CREATE TABLE restorations (
    number BIGINT PRIMARY KEY,
    at     BIGINT NOT NULL,
    -- Where the history that is left ends.
    since  BIGINT NOT NULL,
    reason TEXT NOT NULL
);
-- Deliveries that may have been sent in the time between.
CREATE TABLE suspects (
    restoration BIGINT NOT NULL REFERENCES restorations (number),
    delivery    TEXT COLLATE "C" NOT NULL REFERENCES deliveries (id),
    -- Its state before.
    was         TEXT NOT NULL,
    PRIMARY KEY (restoration, delivery)
);
CREATE INDEX suspects_by_delivery ON suspects (delivery);
