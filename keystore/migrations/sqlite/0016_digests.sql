-- Packagers that can do nothing better than HTTP's digest: MD5 of user, realm and password, sealed by the master key
-- for this column of this row. Absent unless a credential was made for it.
ALTER TABLE credentials ADD COLUMN sealed_ha1 BLOB;
