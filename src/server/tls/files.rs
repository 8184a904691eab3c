//! The PEM files of one listener: read whole and together, told from what was there before.
//!
//! Must not know: what is made of them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use zeroize::{Zeroize as _, Zeroizing};

use super::TlsError;
use crate::crypto::Sha256;

/// Where a listener's files lie.
#[derive(Debug, Clone)]
pub(in crate::server) struct Files {
    /// The certificate, followed by its intermediates.
    pub(in crate::server) certificate: PathBuf,
    /// Its private key.
    pub(in crate::server) private_key: PathBuf,
    /// What clients' certificates are verified by; `None` where none are asked for.
    pub(in crate::server) clients: Option<ClientFiles>,
}

/// What clients' certificates are verified by.
#[derive(Debug, Clone)]
pub(in crate::server) struct ClientFiles {
    /// The authorities.
    pub(in crate::server) ca: PathBuf,
    /// What they revoked.
    pub(in crate::server) crl: Option<PathBuf>,
}

/// The files' bytes, as they stood at one look.
pub(super) struct Contents {
    certificate: Vec<u8>,
    private_key: Zeroizing<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
    crl: Option<Vec<u8>>,
}

/// SHA-256 over all bytes: equal where nothing changed.
pub(super) type Stamp = [u8; 32];

/// What is wrong with a PEM file, without a byte of it: the library's own errors quote the line that
/// they stumble over, and that of a private key which lost its line breaks is the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemFault {
    /// A section has no end, or its end does not stand on a line of its own.
    #[error("a section does not end with a line -----END …----- of its own")]
    NoEnd,
    /// A section's first line is something else.
    #[error("a section does not begin with a line -----BEGIN …----- of its own")]
    NoBegin,
    /// What stands between is not base64.
    #[error("a section is not base64")]
    NotBase64,
    /// There is nothing of what the file is for.
    #[error("the file holds no such item")]
    Nothing,
    /// A section is longer than any should be.
    #[error("a section is too long")]
    TooLong,
    /// Anything else.
    #[error("the file is not PEM")]
    Other,
}

impl From<pem::Error> for PemFault {
    fn from(mut error: pem::Error) -> Self {
        use pem::Error::{IllegalSectionStart, MissingSectionEnd};
        if let MissingSectionEnd { end_marker: quoted } | IllegalSectionStart { line: quoted } =
            &mut error
        {
            quoted.zeroize();
        }
        match error {
            MissingSectionEnd { .. } => Self::NoEnd,
            IllegalSectionStart { .. } => Self::NoBegin,
            pem::Error::Base64Decode(_) => Self::NotBase64,
            pem::Error::NoItemsFound => Self::Nothing,
            pem::Error::SectionTooLarge => Self::TooLong,
            _ => Self::Other,
        }
    }
}

/// The most bytes of a file.
const MOST: u64 = 8 << 20;
/// The same of a list of the revoked; the longest that are known have some ten million bytes.
const MOST_REVOKED: u64 = 64 << 20;
/// The mode's bits for those who are neither owner nor of the group. A private key's group is let
/// in: servers of one machine often share a key by one, as Debian's `ssl-cert`.
const OTHERS: u32 = 0o007;

impl Files {
    /// Reads them all. Two that belong together may have been changed in between; then they do
    /// not match, and the next look finds them complete.
    pub(super) fn read(&self) -> Result<Contents, TlsError> {
        let clients = self.clients.as_ref();
        let crl = clients.and_then(|clients| clients.crl.as_ref());
        Ok(Contents {
            certificate: read(&self.certificate, MOST)?,
            private_key: read_private(&self.private_key)?,
            client_ca: clients.map(|clients| read(&clients.ca, MOST)).transpose()?,
            crl: crl.map(|path| read(path, MOST_REVOKED)).transpose()?,
        })
    }

    /// The chain in `contents`.
    pub(super) fn chain(
        &self,
        contents: &Contents,
    ) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        all(&self.certificate, &contents.certificate)
    }

    /// The private key in `contents`.
    pub(super) fn key(&self, contents: &Contents) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_slice(&contents.private_key)
            .map_err(|source| pem_error(&self.private_key, source))
    }
}

impl ClientFiles {
    /// The authorities in `contents`.
    pub(super) fn authorities(
        &self,
        contents: &Contents,
    ) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        all(&self.ca, contents.client_ca.as_deref().unwrap_or_default())
    }

    /// The lists of the revoked in `contents`; none without a file.
    pub(super) fn revoked(
        &self,
        contents: &Contents,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
        match (&self.crl, &contents.crl) {
            (Some(path), Some(bytes)) => all(path, bytes),
            _ => Ok(Vec::new()),
        }
    }
}

impl Contents {
    pub(super) fn stamp(&self) -> Stamp {
        let mut sum = Sha256::default();
        let parts = [
            Some(&self.certificate),
            Some(&*self.private_key),
            self.client_ca.as_ref(),
            self.crl.as_ref(),
        ];
        for part in parts.into_iter().flatten() {
            sum.update(&part.len().to_be_bytes());
            sum.update(part);
        }
        sum.finish()
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, TlsError> {
    read_open(path, open(path)?, most)
}

fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let file = open(path)?;
    let about = file.metadata().map_err(unreadable(path))?;
    if about.mode() & OTHERS != 0 {
        return Err(TlsError::Exposed(path.to_owned()));
    }
    read_open(path, file, MOST).map(Zeroizing::new)
}

/// A pipe or a device would hold up every later look; opened so, a pipe does not even this one.
fn open(path: &Path) -> Result<File, TlsError> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path)
        .map_err(unreadable(path))?;
    match file.metadata().map_err(unreadable(path))?.is_file() {
        true => Ok(file),
        false => Err(TlsError::NotAFile(path.to_owned())),
    }
}

fn read_open(path: &Path, file: File, most: u64) -> Result<Vec<u8>, TlsError> {
    let length = file.metadata().map_err(unreadable(path))?.len();
    // One buffer, of which no copy is left behind when it grows.
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(most) + 1).unwrap_or(0));
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable(path))?;
    match bytes.len() as u64 > most {
        true => Err(TlsError::TooLong {
            path: path.to_owned(),
            most: most >> 20,
        }),
        false => Ok(bytes),
    }
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> TlsError {
    |source| TlsError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

/// Every item of a kind, at least one.
fn all<T: PemObject>(path: &Path, bytes: &[u8]) -> Result<Vec<T>, TlsError> {
    let found = T::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if found.is_empty() => Err(pem_error(path, pem::Error::NoItemsFound)),
        other => other.map_err(|source| pem_error(path, source)),
    }
}

fn pem_error(path: &Path, source: pem::Error) -> TlsError {
    TlsError::Pem {
        path: path.to_owned(),
        source: source.into(),
    }
}
