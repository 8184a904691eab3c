-- Tokens that may be used a few times only, and how many of those are spent; a row goes some time
-- after its token has ended.
CREATE TABLE token_uses (
    scheme TEXT NOT NULL,
    token TEXT NOT NULL,
    used INTEGER NOT NULL CHECK (used >= 1),
    expires INTEGER,
    PRIMARY KEY (scheme, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_uses_expires ON token_uses (expires) WHERE expires IS NOT NULL;
