//! The development CA and the server certificate it signs, made on the first run.
//!
//! For a machine of one's own, never for viewers: the CA's key lies beside it. Must not know:
//! how TLS is served.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::OffsetDateTime;

use crate::cli::private_file;
use crate::domain::Timestamp;

/// Where the development certificates lie.
#[derive(Debug, Clone)]
pub(crate) struct DevCertificates {
    /// What a client has to trust.
    pub(crate) ca: PathBuf,
    /// The server's chain.
    pub(crate) certificate: PathBuf,
    /// The server's private key.
    pub(crate) private_key: PathBuf,
}

/// Why they could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// A file could not be written or read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The generator refused.
    #[error("cannot make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
}

/// What the certificate is good for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const DAY: Duration = Duration::from_secs(86_400);
/// Apple's clients refuse server certificates that live longer than 825 days.
const LEAF_LIFE: u32 = 800;
const CA_LIFE: u32 = 3650;

impl DevCertificates {
    /// The ones in `dir`; what is missing, or past half its life, is made.
    pub(crate) fn ensure(dir: &Path, now: Timestamp) -> Result<Self, CertificateError> {
        let made = Self {
            ca: dir.join("ca.pem"),
            certificate: dir.join("server.pem"),
            private_key: dir.join("server.key"),
        };
        private_file::create_dir(dir).map_err(|source| failed(dir, source))?;
        let ca_key = dir.join("ca.key");
        let (issuer, fresh) = ensure_ca(&made.ca, &ca_key, now)?;
        if fresh || !made.private_key.exists() || is_half_over(&made.certificate, now) {
            made.issue(&issuer, now)?;
        }
        Ok(made)
    }

    fn issue(&self, issuer: &Issuer<'_, KeyPair>, now: Timestamp) -> Result<(), CertificateError> {
        let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
        params
            .distinguished_name
            .push(DnType::CommonName, "hlskey development server");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_life(&mut params, now, LEAF_LIFE);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, issuer)?;
        replace(&self.private_key, &key.serialize_pem())?;
        replace(&self.certificate, &certificate.pem())
    }
}

/// The CA of `certificate` and `key`, and whether it is new.
fn ensure_ca(
    certificate: &Path,
    key: &Path,
    now: Timestamp,
) -> Result<(Issuer<'static, KeyPair>, bool), CertificateError> {
    if certificate.exists() && key.exists() {
        let text = fs::read_to_string(key).map_err(|source| failed(key, source))?;
        return Ok((
            Issuer::new(ca_params(now), KeyPair::from_pem(&text)?),
            false,
        ));
    }
    let (params, pair) = (ca_params(now), KeyPair::generate()?);
    replace(key, &pair.serialize_pem())?;
    replace(certificate, &params.self_signed(&pair)?.pem())?;
    Ok((Issuer::new(params, pair), true))
}

fn ca_params(now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "hlskey development CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_life(&mut params, now, CA_LIFE);
    params
}

/// From a day ago, for machines whose clocks differ.
fn set_life(params: &mut CertificateParams, now: Timestamp, days: u32) {
    let at = |time: Timestamp| OffsetDateTime::from_unix_timestamp(time.seconds());
    params.not_before = at(now.minus(DAY)).unwrap_or(params.not_before);
    params.not_after = at(now.plus(DAY * days)).unwrap_or(params.not_after);
}

fn is_half_over(certificate: &Path, now: Timestamp) -> bool {
    let made = fs::metadata(certificate)
        .and_then(|file| file.modified())
        .ok();
    let age = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    age.is_none_or(|since| now > Timestamp::from_millis(0).plus(since + DAY * (LEAF_LIFE / 2)))
}

fn replace(path: &Path, pem: &str) -> Result<(), CertificateError> {
    private_file::replace(path, pem.as_bytes()).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> CertificateError {
    CertificateError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Clock as _, SystemClock};

    #[test]
    fn certificates_are_made_once_and_renewed_at_half_life() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemClock.now();
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let made = DevCertificates::ensure(dir.path(), now).unwrap();
        let (ca, leaf) = (read(&made.ca), read(&made.certificate));
        DevCertificates::ensure(dir.path(), now).unwrap();
        assert_eq!(
            (read(&made.ca), read(&made.certificate)),
            (ca.clone(), leaf.clone())
        );
        DevCertificates::ensure(dir.path(), now.plus(DAY * 401)).unwrap();
        assert_eq!(read(&made.ca), ca);
        assert_ne!(read(&made.certificate), leaf);
    }
}
