-- The first schema, as in ../sqlite. Times are milliseconds since the Unix epoch, UTC. States, rules
-- and kinds are texts that `src/store/columns.rs` reads; a row that it cannot read is reported, never
-- guessed. Texts that are compared or ordered do so by their bytes, whatever the database's locale.

-- A stream's row outlives its removal: versions never go back, and a stream that is registered
-- again is a new incarnation, so that it meets none of the retired keys.
CREATE TABLE streams (
    stream TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    incarnation BIGINT NOT NULL CHECK (incarnation >= 1),
    version BIGINT NOT NULL CHECK (version >= 1),
    key_scope TEXT NOT NULL CHECK (key_scope IN ('stream', 'rendition')),
    iv TEXT NOT NULL CHECK (iv IN ('explicit', 'sequence')),
    created BIGINT NOT NULL,
    removed BIGINT
);

-- The schedule. The first era also covers everything before it.
CREATE TABLE eras (
    stream TEXT COLLATE "C" NOT NULL REFERENCES streams (stream),
    seq BIGINT NOT NULL,
    start_kind TEXT NOT NULL CHECK (start_kind IN ('segment', 'time')),
    start_at BIGINT NOT NULL,
    base BIGINT NOT NULL,
    rule TEXT NOT NULL CHECK (rule IN ('never', 'every', 'segments')),
    -- milliseconds for 'every', a count for 'segments'
    span BIGINT CHECK ((rule = 'never') = (span IS NULL) AND span > 0),
    PRIMARY KEY (stream, seq)
);

-- One key for each (stream, incarnation, rendition, boundary); rendition '' is the whole stream.
CREATE TABLE periods (
    kid BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(kid) = 16),
    stream TEXT COLLATE "C" NOT NULL REFERENCES streams (stream),
    incarnation BIGINT NOT NULL,
    rendition TEXT COLLATE "C" NOT NULL,
    boundary_kind TEXT COLLATE "C" NOT NULL CHECK (boundary_kind IN ('segment', 'time')),
    boundary BIGINT NOT NULL,
    slot BIGINT NOT NULL,
    state TEXT NOT NULL
    CHECK (state IN ('pending', 'active', 'retired', 'revoked', 'destroyed')),
    sealed_key BYTEA CHECK ((state = 'destroyed') = (sealed_key IS NULL)),
    issued BIGINT NOT NULL,
    CHECK (boundary_kind = 'time' OR boundary >= 0)
);

CREATE UNIQUE INDEX periods_boundary
ON periods (stream, incarnation, rendition, boundary_kind, boundary);
CREATE INDEX periods_issued ON periods (issued);

-- The retention ledger: which segments of which rendition a key encrypts, and when a published
-- playlist listed it last.
CREATE TABLE usages (
    kid BYTEA NOT NULL REFERENCES periods (kid),
    rendition TEXT COLLATE "C" NOT NULL,
    first BIGINT NOT NULL CHECK (first >= 0),
    last BIGINT NOT NULL CHECK (last >= first),
    last_listed BIGINT NOT NULL,
    PRIMARY KEY (kid, rendition)
);

-- Each encryptor's last heartbeat.
CREATE TABLE encryptors (
    stream TEXT COLLATE "C" NOT NULL REFERENCES streams (stream),
    instance TEXT COLLATE "C" NOT NULL,
    acknowledged BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    -- the furthest segment that it lists, and the programme time of the furthest
    segment BIGINT CHECK (segment >= 0),
    time BIGINT,
    -- when that segment was first reported, and milliseconds a segment, smoothed
    advanced BIGINT,
    pace BIGINT CHECK (pace > 0),
    PRIMARY KEY (stream, instance)
);

-- Programme times that the server assigned to segments which carry none.
CREATE TABLE claims (
    stream TEXT COLLATE "C" NOT NULL REFERENCES streams (stream),
    segment BIGINT NOT NULL CHECK (segment >= 0),
    time BIGINT NOT NULL,
    made BIGINT NOT NULL,
    PRIMARY KEY (stream, segment)
);

-- API keys. The secret itself is nowhere; streams and actions are separated by spaces.
CREATE TABLE credentials (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    digest BYTEA NOT NULL CHECK (octet_length(digest) = 32),
    streams TEXT NOT NULL,
    actions TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT
);
