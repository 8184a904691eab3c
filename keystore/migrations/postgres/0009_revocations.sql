-- Viewers, sessions and tokens that are refused, and moments before which what was issued is. Times
-- are milliseconds since the Unix epoch, UTC. Ids begin with the time, so that their order is the
-- order of making.
CREATE TABLE revocations (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('viewer', 'session', 'token', 'before')),
    name TEXT COLLATE "C",
    moment BIGINT,
    -- the scheme whose credentials it is for; without, all
    scheme TEXT COLLATE "C",
    -- when it ends; without, when it is lifted
    until BIGINT,
    made BIGINT NOT NULL,
    maker TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    CHECK ((kind = 'before') = (name IS NULL) AND (kind = 'before') = (moment IS NOT NULL))
);
