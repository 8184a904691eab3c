-- Which master key a key is sealed under stands in its first 5 bytes: the form and the key's tag.
CREATE INDEX periods_master ON periods (substr(sealed_key, 1, 5), kid)
WHERE sealed_key IS NOT NULL;
-- The oldest and the newest key that is not wiped, for a server that shows that it opens them.
CREATE INDEX periods_sealed ON periods (issued) WHERE sealed_key IS NOT NULL;

-- Master keys, by those 5 bytes, under which no server may seal any more: a rekey moved on from them.
CREATE TABLE retired_masters (
    header BLOB NOT NULL PRIMARY KEY CHECK (length(header) = 5),
    retired INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
