-- Leases of named encryptors, changes that they have yet to acknowledge, and the retention of keys.
-- Times are milliseconds since the Unix epoch, UTC.

-- When the encryptor's lease ends; without one, nobody waits for it.
ALTER TABLE encryptors ADD COLUMN lease_end BIGINT;

-- The last era of a stream, while not everybody has acknowledged it: it still may be taken back.
CREATE TABLE announced (
    stream TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES streams (stream),
    version BIGINT NOT NULL,
    made BIGINT NOT NULL,
    settle_by BIGINT NOT NULL
);

-- The longest playlist that listed the key, in milliseconds, and whether one keeps it for good.
ALTER TABLE usages ADD COLUMN duration BIGINT NOT NULL DEFAULT 0 CHECK (duration >= 0);
ALTER TABLE usages ADD COLUMN kept BIGINT NOT NULL DEFAULT 0 CHECK (kept IN (0, 1));
-- 0.1.0 reported neither: what its finished assets list cannot be told from the rest, and nobody
-- would report it again.
UPDATE usages SET kept = 1;

-- Since when a key is in its present condition, as the sweep saw it: the period over, the key no
-- longer delivered, destroyed. And until when the sweep need not look at it again.
ALTER TABLE periods ADD COLUMN since BIGINT;
ALTER TABLE periods ADD COLUMN look BIGINT NOT NULL DEFAULT 0;
CREATE INDEX periods_look ON periods (look);

-- How far retention's time has come, and the clock at the last sweep: one row.
CREATE TABLE sweeps (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    reckoned BIGINT NOT NULL,
    clock BIGINT NOT NULL
);
