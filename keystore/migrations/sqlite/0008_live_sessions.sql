-- Viewing sessions that fetched something within a lease; `ends` is when one that lost its slot has
-- to end, `displaced` when that was decided. Rows go when their lease has ended. Times are
-- milliseconds since the Unix epoch, UTC.
CREATE TABLE live_sessions (
    scheme TEXT NOT NULL,
    session TEXT NOT NULL,
    subject TEXT NOT NULL,
    stream TEXT NOT NULL,
    -- a digest of address and user agent
    device INTEGER NOT NULL,
    -- the last address, and the first
    address TEXT,
    home TEXT,
    started INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    ends INTEGER CHECK ((ends IS NULL) = (displaced IS NULL)),
    displaced INTEGER,
    PRIMARY KEY (scheme, session, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX live_sessions_of_viewer ON live_sessions (subject, scheme);
CREATE INDEX live_sessions_seen ON live_sessions (seen);
CREATE INDEX live_sessions_displaced ON live_sessions (displaced) WHERE displaced IS NOT NULL;
