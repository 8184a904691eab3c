-- How far each rendition of a stream has come: the last segment that was reported of it, that one's
-- programme time, and when it was first reported. Renditions may number their segments at speeds of
-- their own, and a key is wanted until the slowest that still moves is past it.
CREATE TABLE reaches (
    stream TEXT NOT NULL REFERENCES streams (stream),
    rendition TEXT NOT NULL,
    segment INTEGER NOT NULL CHECK (segment >= 0),
    time INTEGER,
    moved INTEGER NOT NULL,
    PRIMARY KEY (stream, rendition)
) STRICT, WITHOUT ROWID;

INSERT INTO reaches (stream, rendition, segment, time, moved)
SELECT p.stream, u.rendition, max(u.last), NULL, max(u.last_listed)
FROM usages u JOIN periods p ON p.kid = u.kid JOIN streams s ON s.stream = p.stream
WHERE u.kept = 0 AND p.incarnation = s.incarnation AND s.removed IS NULL
GROUP BY p.stream, u.rendition;

-- Times of segments that carry none go by numbers, which renditions share, '', unless one's run at a
-- speed of their own: it has times of its own, by its path, from then on.
ALTER TABLE claims RENAME TO shared_claims;
CREATE TABLE claims (
    stream TEXT NOT NULL REFERENCES streams (stream),
    numbering TEXT NOT NULL DEFAULT '',
    segment INTEGER NOT NULL CHECK (segment >= 0),
    time INTEGER NOT NULL,
    made INTEGER NOT NULL,
    PRIMARY KEY (stream, numbering, segment)
) STRICT, WITHOUT ROWID;
INSERT INTO claims (stream, numbering, segment, time, made)
SELECT stream, '', segment, time, made FROM shared_claims;
DROP TABLE shared_claims;

-- The furthest segment of a rendition whose time was told by the shared numbers.
CREATE TABLE claimants (
    stream TEXT NOT NULL REFERENCES streams (stream),
    rendition TEXT NOT NULL,
    segment INTEGER NOT NULL CHECK (segment >= 0),
    PRIMARY KEY (stream, rendition)
) STRICT, WITHOUT ROWID;
