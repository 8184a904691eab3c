-- Numberings of a stream's source after the first, which needs no row: from the source's number
-- `first` on, segments are published under the numbers from `output` on.
CREATE TABLE runs (
    stream TEXT NOT NULL REFERENCES streams (stream),
    run INTEGER NOT NULL CHECK (run >= 1),
    first INTEGER NOT NULL CHECK (first >= 0),
    output INTEGER NOT NULL CHECK (output >= 0),
    discontinuities INTEGER NOT NULL CHECK (discontinuities >= 0),
    -- milliseconds that programme times are put off by
    shift INTEGER NOT NULL CHECK (shift >= 0),
    version INTEGER NOT NULL,
    begun INTEGER NOT NULL,
    PRIMARY KEY (stream, run)
) STRICT, WITHOUT ROWID;

-- What published segments were made of, by the source's numbers; run 0 is the first numbering.
CREATE TABLE marks (
    stream TEXT NOT NULL REFERENCES streams (stream),
    run INTEGER NOT NULL CHECK (run >= 0),
    rendition TEXT NOT NULL,
    segment INTEGER NOT NULL CHECK (segment >= 0),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 16),
    PRIMARY KEY (stream, run, rendition, segment)
) STRICT, WITHOUT ROWID;
