-- The audit trail (docs/AUDIT.md): what was refused, delivered and changed. Rows are added and, once
-- they are old, taken away from a chain's beginning; none is ever changed.
CREATE TABLE audit (
    -- one for each run of a server, 32 hex digits
    chain TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL CHECK (seq >= 1),
    time BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    scheme TEXT COLLATE "C" NOT NULL,
    viewer TEXT COLLATE "C" NOT NULL,
    session TEXT COLLATE "C" NOT NULL,
    token TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    kid TEXT COLLATE "C" NOT NULL,
    ip TEXT COLLATE "C" NOT NULL,
    policy TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    -- of the row before and this one
    hash BYTEA NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (chain, seq)
);

CREATE INDEX audit_by_time ON audit (time, chain, seq);
CREATE INDEX audit_by_stream ON audit (stream, time, chain, seq) WHERE stream <> '';
CREATE INDEX audit_by_viewer ON audit (viewer, time, chain, seq) WHERE viewer <> '';
CREATE INDEX audit_by_session ON audit (session, time, chain, seq) WHERE session <> '';
CREATE INDEX audit_by_request ON audit (request_id) WHERE request_id <> '';

-- How far each chain goes: the number and the hash of its last row, signed with every batch.
CREATE TABLE audit_chains (
    chain TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    began BIGINT NOT NULL,
    seq BIGINT NOT NULL CHECK (seq >= 1),
    hash BYTEA NOT NULL CHECK (octet_length(hash) = 32),
    at BIGINT NOT NULL,
    -- 1: the server stopped, and nothing may follow
    ended BIGINT NOT NULL CHECK (ended IN (0, 1)),
    -- the tag of the master key that signed
    signer TEXT COLLATE "C" NOT NULL,
    mac BYTEA NOT NULL CHECK (octet_length(mac) = 32)
);

-- The heads of all chains together, as far as they changed, each checkpoint bound to the one before:
-- no chain's end can be taken back without the checkpoints after it.
CREATE TABLE audit_checkpoints (
    number BIGINT NOT NULL PRIMARY KEY CHECK (number >= 1),
    at BIGINT NOT NULL,
    -- the first checkpoint that is kept
    first BIGINT NOT NULL CHECK (first BETWEEN 1 AND number),
    -- a line for each: chain, number and hash of its last row
    heads TEXT COLLATE "C" NOT NULL,
    previous BYTEA NOT NULL CHECK (octet_length(previous) = 32),
    signer TEXT COLLATE "C" NOT NULL,
    mac BYTEA NOT NULL CHECK (octet_length(mac) = 32)
);

-- Up to which row a chain was taken away because its rows were old.
CREATE TABLE audit_pruned (
    chain TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL CHECK (seq >= 1),
    hash BYTEA NOT NULL CHECK (octet_length(hash) = 32),
    signer TEXT COLLATE "C" NOT NULL,
    mac BYTEA NOT NULL CHECK (octet_length(mac) = 32)
);
