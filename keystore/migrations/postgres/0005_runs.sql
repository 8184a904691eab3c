-- Numberings of a stream's source after the first, which needs no row: from the source's number
-- `first` on, segments are published under the numbers from `output` on.
CREATE TABLE runs (
    stream TEXT COLLATE "C" NOT NULL REFERENCES streams (stream),
    run BIGINT NOT NULL CHECK (run >= 1),
    first BIGINT NOT NULL CHECK (first >= 0),
    output BIGINT NOT NULL CHECK (output >= 0),
    discontinuities BIGINT NOT NULL CHECK (discontinuities >= 0),
    -- milliseconds that programme times are put off by
    shift BIGINT NOT NULL CHECK (shift >= 0),
    version BIGINT NOT NULL,
    begun BIGINT NOT NULL,
    PRIMARY KEY (stream, run)
);

-- What published segments were made of, by the source's numbers; run 0 is the first numbering.
CREATE TABLE marks (
    stream TEXT COLLATE "C" NOT NULL REFERENCES streams (stream),
    run BIGINT NOT NULL CHECK (run >= 0),
    rendition TEXT COLLATE "C" NOT NULL,
    segment BIGINT NOT NULL CHECK (segment >= 0),
    fingerprint BYTEA NOT NULL CHECK (octet_length(fingerprint) = 16),
    PRIMARY KEY (stream, run, rendition, segment)
);
