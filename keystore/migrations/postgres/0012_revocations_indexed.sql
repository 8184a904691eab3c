-- What is counted and looked for before a revocation is made: how many a viewer made, one that says the
-- same (names may be longer than an index takes), and those that have ended.
CREATE INDEX revocations_by_maker ON revocations (maker, scheme, viewer, until);
CREATE INDEX revocations_by_name ON revocations (kind, (coalesce(substr(name, 1, 64), '')));
CREATE INDEX revocations_by_end ON revocations (until);
