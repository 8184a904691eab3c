-- News for whoever holds rows in memory, as in ../sqlite. Numbers have no gaps and become visible in
-- their order, since writers queue for a lock until they commit. `mark` is drawn anew for each row:
-- where a database was put back from a backup, a number that comes again has another mark. There
-- is always a newest row.
CREATE TABLE changes (
    seq BIGINT NOT NULL PRIMARY KEY,
    mark BIGINT NOT NULL DEFAULT (random() * 4611686018427387904)::BIGINT,
    what TEXT NOT NULL,
    name TEXT NOT NULL
);

INSERT INTO changes (seq, what, name) VALUES (1, 'begin', '');
