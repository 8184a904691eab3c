-- Tokens that may be used a few times only, and how many of those are spent; a row goes some time
-- after its token has ended.
CREATE TABLE token_uses (
    scheme TEXT COLLATE "C" NOT NULL,
    token TEXT COLLATE "C" NOT NULL,
    used BIGINT NOT NULL CHECK (used >= 1),
    expires BIGINT,
    PRIMARY KEY (scheme, token)
);
CREATE INDEX token_uses_expires ON token_uses (expires) WHERE expires IS NOT NULL;
