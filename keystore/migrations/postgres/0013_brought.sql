-- Keys whose packager brought a kid of its own. The key is a row of `periods` as every other, with '//' and the
-- packager's kid for a rendition, which no rendition's path is; here stands what the packager said of
-- its period, by which the sweep tells when it is over.
CREATE TABLE brought (
    kid BYTEA NOT NULL PRIMARY KEY REFERENCES periods (kid),
    stream TEXT COLLATE "C" NOT NULL,
    incarnation BIGINT NOT NULL,
    -- the period's index at the packager, and its end in milliseconds
    ordinal BIGINT,
    ends BIGINT,
    noted BIGINT NOT NULL
);

CREATE INDEX brought_order ON brought (stream, incarnation, ordinal, noted);
