//! Whom a client of ours trusts, and what it shows of itself: certificates out of files.
//!
//! Must not know: whom it asks.

use std::path::{Path, PathBuf};
use std::{fs, io};

use reqwest::{Certificate, Identity};

use crate::crypto::{PrivateFileError, read_private, sha256};

/// Why a file gives no certificate. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The CA file cannot be read.
    #[error("cannot read the certificate authorities in {path}")]
    Ca {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The CA file holds no certificate.
    #[error("{0} holds no PEM certificate")]
    NoCertificate(PathBuf),
    /// The file of the client certificate cannot be read, or others can read it too.
    #[error("the client certificate: {0}")]
    Private(#[from] PrivateFileError),
    /// It holds not both.
    #[error("{0} holds no certificate with its private key (PEM)")]
    NoIdentity(PathBuf),
}

/// The authorities in a PEM file, at least one.
pub fn authorities(path: &Path) -> Result<Vec<Certificate>, TrustError> {
    authorities_of(path).map(|(found, _)| found)
}

/// The same, and the SHA-256 of the file as it was read.
pub(super) fn authorities_of(path: &Path) -> Result<(Vec<Certificate>, [u8; 32]), TrustError> {
    let pem = fs::read(path).map_err(|source| TrustError::Ca {
        path: path.to_owned(),
        source,
    })?;
    let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if found.is_empty() {
        return Err(TrustError::NoCertificate(path.to_owned()));
    }
    Ok((found, sha256(&pem)))
}

/// A client certificate and its private key in one PEM file, mode 0600.
pub fn identity(path: &Path) -> Result<Identity, TrustError> {
    let pem = read_private(path)?;
    Identity::from_pem(pem.as_bytes()).map_err(|_| TrustError::NoIdentity(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_must_hold_a_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        assert!(matches!(authorities(&path), Err(TrustError::Ca { .. })));
        fs::write(&path, "nothing").unwrap();
        assert!(matches!(
            authorities(&path),
            Err(TrustError::NoCertificate(_))
        ));
    }
}
