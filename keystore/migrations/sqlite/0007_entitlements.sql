-- Who may watch what: a viewer, by the name that its tokens have, and a pattern of streams.
CREATE TABLE entitlements (
    viewer TEXT NOT NULL CHECK (viewer <> ''),
    stream TEXT NOT NULL,
    -- from when on, and up to when
    begins INTEGER,
    ends INTEGER,
    -- how many sessions the viewer may have at once
    max_sessions INTEGER CHECK (max_sessions >= 1),
    note TEXT NOT NULL,
    changed INTEGER NOT NULL,
    PRIMARY KEY (viewer, stream)
) STRICT, WITHOUT ROWID;
