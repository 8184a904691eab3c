-- Leases of named encryptors, changes that they have yet to acknowledge, and the retention of keys.
-- Times are milliseconds since the Unix epoch, UTC.

-- When the encryptor's lease ends; without one, nobody waits for it.
ALTER TABLE encryptors ADD COLUMN lease_end INTEGER;

-- The last era of a stream, while not everybody has acknowledged it: it still may be taken back.
CREATE TABLE announced (
    stream TEXT NOT NULL PRIMARY KEY REFERENCES streams (stream),
    version INTEGER NOT NULL,
    made INTEGER NOT NULL,
    settle_by INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The longest playlist that listed the key, in milliseconds, and whether one keeps it for good.
ALTER TABLE usages ADD COLUMN duration INTEGER NOT NULL DEFAULT 0 CHECK (duration >= 0);
ALTER TABLE usages ADD COLUMN kept INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0, 1));
-- 0.1.0 reported neither: what its finished assets list cannot be told from the rest, and nobody
-- would report it again.
UPDATE usages SET kept = 1;

-- Since when a key is in its present condition, as the sweep saw it: the period over, the key no
-- longer delivered, destroyed. And until when the sweep need not look at it again.
ALTER TABLE periods ADD COLUMN since INTEGER;
ALTER TABLE periods ADD COLUMN look INTEGER NOT NULL DEFAULT 0;
CREATE INDEX periods_look ON periods (look);

-- How far retention's time has come, and the clock at the last sweep: one row.
CREATE TABLE sweeps (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    reckoned INTEGER NOT NULL,
    clock INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
