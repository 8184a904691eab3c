-- Who may watch what: a viewer, by the name that its tokens have, and a pattern of streams.
CREATE TABLE entitlements (
    viewer TEXT COLLATE "C" NOT NULL CHECK (viewer <> ''),
    stream TEXT COLLATE "C" NOT NULL,
    -- from when on, and up to when
    begins BIGINT,
    ends BIGINT,
    -- how many sessions the viewer may have at once
    max_sessions BIGINT CHECK (max_sessions >= 1),
    note TEXT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (viewer, stream)
);
