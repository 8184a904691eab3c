-- News for whoever holds rows in memory: other processes on this file too. Numbers have no gaps.
-- `mark` is drawn anew for each row: where a database was put back from a backup, a number that
-- comes again has another mark. There is always a newest row.
CREATE TABLE changes (
    seq INTEGER NOT NULL PRIMARY KEY,
    mark INTEGER NOT NULL DEFAULT (random()),
    what TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;

INSERT INTO changes (seq, what, name) VALUES (1, 'begin', '');
