-- The first schema. Times are milliseconds since the Unix epoch, UTC. States, rules and kinds are
-- texts that `src/store/columns.rs` reads; a row that it cannot read is reported, never guessed.

-- A stream's row outlives its removal: versions never go back, and a stream that is registered
-- again is a new incarnation, so that it meets none of the retired keys.
CREATE TABLE streams (
    stream TEXT NOT NULL PRIMARY KEY,
    incarnation INTEGER NOT NULL CHECK (incarnation >= 1),
    version INTEGER NOT NULL CHECK (version >= 1),
    key_scope TEXT NOT NULL CHECK (key_scope IN ('stream', 'rendition')),
    iv TEXT NOT NULL CHECK (iv IN ('explicit', 'sequence')),
    created INTEGER NOT NULL,
    removed INTEGER
) STRICT, WITHOUT ROWID;

-- The schedule. The first era also covers everything before it.
CREATE TABLE eras (
    stream TEXT NOT NULL REFERENCES streams (stream),
    seq INTEGER NOT NULL,
    start_kind TEXT NOT NULL CHECK (start_kind IN ('segment', 'time')),
    start_at INTEGER NOT NULL,
    base INTEGER NOT NULL,
    rule TEXT NOT NULL CHECK (rule IN ('never', 'every', 'segments')),
    -- milliseconds for 'every', a count for 'segments'
    span INTEGER CHECK ((rule = 'never') = (span IS NULL) AND span > 0),
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- One key for each (stream, incarnation, rendition, boundary); rendition '' is the whole stream.
CREATE TABLE periods (
    kid BLOB NOT NULL PRIMARY KEY CHECK (length(kid) = 16),
    stream TEXT NOT NULL REFERENCES streams (stream),
    incarnation INTEGER NOT NULL,
    rendition TEXT NOT NULL,
    boundary_kind TEXT NOT NULL CHECK (boundary_kind IN ('segment', 'time')),
    boundary INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    state TEXT NOT NULL
    CHECK (state IN ('pending', 'active', 'retired', 'revoked', 'destroyed')),
    sealed_key BLOB CHECK ((state = 'destroyed') = (sealed_key IS NULL)),
    issued INTEGER NOT NULL,
    CHECK (boundary_kind = 'time' OR boundary >= 0)
) STRICT;

CREATE UNIQUE INDEX periods_boundary
ON periods (stream, incarnation, rendition, boundary_kind, boundary);
CREATE INDEX periods_issued ON periods (issued);

-- The retention ledger: which segments of which rendition a key encrypts, and when a published
-- playlist listed it last.
CREATE TABLE usages (
    kid BLOB NOT NULL REFERENCES periods (kid),
    rendition TEXT NOT NULL,
    first INTEGER NOT NULL CHECK (first >= 0),
    last INTEGER NOT NULL CHECK (last >= first),
    last_listed INTEGER NOT NULL,
    PRIMARY KEY (kid, rendition)
) STRICT, WITHOUT ROWID;

-- Each encryptor's last heartbeat.
CREATE TABLE encryptors (
    stream TEXT NOT NULL REFERENCES streams (stream),
    instance TEXT NOT NULL,
    acknowledged INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    -- the furthest segment that it lists, and the programme time of the furthest
    segment INTEGER CHECK (segment >= 0),
    time INTEGER,
    -- when that segment was first reported, and milliseconds a segment, smoothed
    advanced INTEGER,
    pace INTEGER CHECK (pace > 0),
    PRIMARY KEY (stream, instance)
) STRICT, WITHOUT ROWID;

-- Programme times that the server assigned to segments which carry none.
CREATE TABLE claims (
    stream TEXT NOT NULL REFERENCES streams (stream),
    segment INTEGER NOT NULL CHECK (segment >= 0),
    time INTEGER NOT NULL,
    made INTEGER NOT NULL,
    PRIMARY KEY (stream, segment)
) STRICT, WITHOUT ROWID;

-- API keys. The secret itself is nowhere; streams and actions are separated by spaces.
CREATE TABLE credentials (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    streams TEXT NOT NULL,
    actions TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER
) STRICT, WITHOUT ROWID;
