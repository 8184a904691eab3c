-- Viewers, sessions and tokens that are refused, and moments before which what was issued is. Times
-- are milliseconds since the Unix epoch, UTC. Ids begin with the time, so that their order is the
-- order of making.
CREATE TABLE revocations (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('viewer', 'session', 'token', 'before')),
    name TEXT,
    moment INTEGER,
    -- the scheme whose credentials it is for; without, all
    scheme TEXT,
    -- when it ends; without, when it is lifted
    until INTEGER,
    made INTEGER NOT NULL,
    maker TEXT NOT NULL,
    note TEXT NOT NULL,
    CHECK ((kind = 'before') = (name IS NULL) AND (kind = 'before') = (moment IS NOT NULL))
) STRICT, WITHOUT ROWID;
