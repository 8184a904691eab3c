-- The audit trail (docs/AUDIT.md): what was refused, delivered and changed. Rows are added and, once
-- they are old, taken away from a chain's beginning; none is ever changed.
CREATE TABLE audit (
    -- one for each run of a server, 32 hex digits
    chain TEXT NOT NULL,
    seq INTEGER NOT NULL CHECK (seq >= 1),
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    scheme TEXT NOT NULL,
    viewer TEXT NOT NULL,
    session TEXT NOT NULL,
    token TEXT NOT NULL,
    stream TEXT NOT NULL,
    kid TEXT NOT NULL,
    ip TEXT NOT NULL,
    policy TEXT NOT NULL,
    count INTEGER NOT NULL,
    detail TEXT NOT NULL,
    -- of the row before and this one
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_by_time ON audit (time, chain, seq);
CREATE INDEX audit_by_stream ON audit (stream, time, chain, seq) WHERE stream <> '';
CREATE INDEX audit_by_viewer ON audit (viewer, time, chain, seq) WHERE viewer <> '';
CREATE INDEX audit_by_session ON audit (session, time, chain, seq) WHERE session <> '';
CREATE INDEX audit_by_request ON audit (request_id) WHERE request_id <> '';

-- How far each chain goes: the number and the hash of its last row, signed with every batch.
CREATE TABLE audit_chains (
    chain TEXT NOT NULL PRIMARY KEY,
    began INTEGER NOT NULL,
    seq INTEGER NOT NULL CHECK (seq >= 1),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    at INTEGER NOT NULL,
    -- 1: the server stopped, and nothing may follow
    ended INTEGER NOT NULL CHECK (ended IN (0, 1)),
    -- the tag of the master key that signed
    signer TEXT NOT NULL,
    mac BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT, WITHOUT ROWID;

-- The heads of all chains together, as far as they changed, each checkpoint bound to the one before:
-- no chain's end can be taken back without the checkpoints after it.
CREATE TABLE audit_checkpoints (
    number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
    at INTEGER NOT NULL,
    -- the first checkpoint that is kept
    first INTEGER NOT NULL CHECK (first BETWEEN 1 AND number),
    -- a line for each: chain, number and hash of its last row
    heads TEXT NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    signer TEXT NOT NULL,
    mac BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT;

-- Up to which row a chain was taken away because its rows were old.
CREATE TABLE audit_pruned (
    chain TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL CHECK (seq >= 1),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    signer TEXT NOT NULL,
    mac BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT, WITHOUT ROWID;
