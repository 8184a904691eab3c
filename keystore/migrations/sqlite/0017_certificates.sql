-- Packagers that show a client certificate: whose it is, 'sha256:…', 'dns:…' or 'uri:…'. The digest of such a row is
-- that of this text.
ALTER TABLE credentials ADD COLUMN certificate TEXT;
CREATE UNIQUE INDEX credentials_by_certificate ON credentials (certificate);
