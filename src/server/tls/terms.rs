//! What a handshake is held under: one set of files, made into a rustls configuration.
//!
//! New files make new terms. With them come a new ticket key and an empty session store, so that
//! no client resumes its way past a changed certificate or authority. Must not know: when files
//! change.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::TlsError;
use super::files::{ClientFiles, Contents, Files, Stamp};
use crate::domain::Timestamp;

/// The terms of new handshakes.
pub(in crate::server) struct Terms {
    pub(in crate::server) config: Arc<ServerConfig>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    /// Of the certificate that the listener shows.
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) stamp: Stamp,
}

impl Terms {
    /// From the files' contents, whatever the time.
    pub(super) fn new(files: &Files, contents: &Contents) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = files.chain(contents)?;
        let (not_before, not_after) = validity(files, &chain)?;
        let certified = CertifiedKey::from_der(chain, files.key(contents)?, &provider);
        let certified = certified.map_err(|source| TlsError::Certificate {
            path: files.certificate.clone(),
            source,
        })?;
        let clients = files.clients.as_ref();
        let clients = clients.map(|files| verifier(files, contents, &provider));
        let clients = clients.transpose()?;
        let config = match &clients {
            None => open(certified, provider)?,
            Some(clients) => mutual(certified, provider, Arc::clone(clients))?,
        };
        Ok(Self {
            config: Arc::new(config),
            clients,
            not_before,
            not_after,
            stamp: contents.stamp(),
        })
    }

    /// Whether the certificate is good at `now`.
    pub(super) fn check_time(&self, files: &Files, now: Timestamp) -> Result<(), TlsError> {
        match self.not_before <= now && now <= self.not_after {
            true => Ok(()),
            false => Err(TlsError::Time {
                path: files.certificate.clone(),
                not_before: self.not_before,
                not_after: self.not_after,
            }),
        }
    }

    /// Whether a client with this chain could shake hands at `now`.
    pub(super) fn accept(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> bool {
        let (Some(clients), Some((leaf, rest))) = (&self.clients, chain.split_first()) else {
            return false;
        };
        let seconds = u64::try_from(now.seconds()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        clients.verify_client_cert(leaf, rest, now).is_ok()
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terms")
    }
}

/// For anybody. Players come back: one ticket is enough for the one connection that they come back
/// with, and each costs CPU. No early data, which could be replayed.
fn open(certified: CertifiedKey, provider: Arc<CryptoProvider>) -> Result<ServerConfig, TlsError> {
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    let mut config = http_alone(config);
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// For holders of a certificate. A resumed session would bring back an identity without a look at
/// whether it is still good: none is resumed.
fn mutual(
    certified: CertifiedKey,
    provider: Arc<CryptoProvider>,
    clients: Arc<dyn ClientCertVerifier>,
) -> Result<ServerConfig, TlsError> {
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    let mut config = http_alone(config);
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

fn http_alone(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// A client must show a certificate of one of the authorities, good now, and not revoked where
/// there are lists: the issuer of every certificate of the chain must then have one. A list that
/// is past its time still counts: its revocations are the last that are known.
fn verifier(
    files: &ClientFiles,
    contents: &Contents,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let refused = |source| TlsError::ClientCa {
        path: files.ca.clone(),
        source,
    };
    let mut roots = RootCertStore::empty();
    for authority in files.authorities(contents)? {
        roots
            .add(authority)
            .map_err(|_| refused(VerifierBuilderError::NoRootAnchors))?;
    }
    let roots = Arc::new(roots);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
    let verifier = verifier.with_crls(files.revoked(contents)?);
    verifier.build().map_err(refused)
}

/// From when to when the first certificate of a chain is good.
fn validity(
    files: &Files,
    chain: &[CertificateDer<'_>],
) -> Result<(Timestamp, Timestamp), TlsError> {
    let leaf = chain.first().map(|der| X509Certificate::from_der(der));
    let Some(Ok((_, leaf))) = leaf else {
        return Err(TlsError::Form(files.certificate.clone()));
    };
    let at = |time: x509_parser::time::ASN1Time| {
        Timestamp::from_millis(time.timestamp().saturating_mul(1000))
    };
    let validity = leaf.validity();
    Ok((at(validity.not_before), at(validity.not_after)))
}
