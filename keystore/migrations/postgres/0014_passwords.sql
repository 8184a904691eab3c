-- Packagers that show a user and a password: the user, and an Argon2id verifier in PHC's form. The digest of
-- such a row is that of its verifier.
ALTER TABLE credentials ADD COLUMN user_name TEXT;
ALTER TABLE credentials ADD COLUMN verifier TEXT;
CREATE UNIQUE INDEX credentials_by_user ON credentials (user_name);
