-- Viewing sessions that fetched something within a lease; `ends` is when one that lost its slot has
-- to end, `displaced` when that was decided. Rows go when their lease has ended. Times are
-- milliseconds since the Unix epoch, UTC.
CREATE TABLE live_sessions (
    scheme TEXT COLLATE "C" NOT NULL,
    session TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    -- a digest of address and user agent
    device BIGINT NOT NULL,
    -- the last address, and the first
    address TEXT COLLATE "C",
    home TEXT COLLATE "C",
    started BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    ends BIGINT CHECK ((ends IS NULL) = (displaced IS NULL)),
    displaced BIGINT,
    PRIMARY KEY (scheme, session, subject)
);

CREATE INDEX live_sessions_of_viewer ON live_sessions (subject, scheme);
CREATE INDEX live_sessions_seen ON live_sessions (seen);
CREATE INDEX live_sessions_displaced ON live_sessions (displaced) WHERE displaced IS NOT NULL;
