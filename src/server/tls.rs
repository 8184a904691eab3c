//! TLS 1.2 and 1.3 by rustls on aws-lc: certificate, tickets, protocol versions.
//!
//! Must not know: HTTP.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::config::Tls;

/// Why TLS cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing, unreadable or not PEM.
    #[error("{path}: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// Certificate and private key do not belong together, or are of no kind we can use.
    #[error("{path}: {source}")]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The cryptographic provider refuses to start.
    #[error("TLS: {0}")]
    Provider(#[from] rustls::Error),
}

/// The listener's TLS: the certificate stands behind a pointer that can be swapped while serving.
pub(super) fn server_config(files: &Tls) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let certificate = Certificate::load(files, &provider)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate));
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    // One is enough for the one connection that a player comes back with; each costs CPU.
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// The certificate in force.
struct Certificate(ArcSwap<CertifiedKey>);

impl Certificate {
    fn load(files: &Tls, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let chain = certificates(&files.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&files.private_key)
            .map_err(|source| pem_error(&files.private_key, source))?;
        let certified = CertifiedKey::from_der(chain, key, provider);
        let certified = certified.map_err(|source| TlsError::Certificate {
            path: files.certificate.clone(),
            source,
        })?;
        Ok(Self(ArcSwap::from_pointee(certified)))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate")
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match chain {
        Ok(chain) if chain.is_empty() => Err(pem_error(path, pem::Error::NoItemsFound)),
        other => other.map_err(|source| pem_error(path, source)),
    }
}

fn pem_error(path: &Path, source: pem::Error) -> TlsError {
    TlsError::Pem {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path, name: &str) -> Tls {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let tls = Tls {
            certificate: folder.join(format!("{name}.pem")),
            private_key: folder.join(format!("{name}.key")),
        };
        std::fs::write(&tls.certificate, made.cert.pem()).unwrap();
        std::fs::write(&tls.private_key, made.signing_key.serialize_pem()).unwrap();
        tls
    }

    #[test]
    fn a_matching_pair_loads_with_tickets() {
        let folder = tempfile::tempdir().unwrap();
        let config = server_config(&files(folder.path(), "a")).unwrap();
        assert!(config.ticketer.enabled());
        assert_eq!(config.send_tls13_tickets, 1);
        assert_eq!(config.max_early_data_size, 0);
    }

    #[test]
    fn a_wrong_pair_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (files(folder.path(), "a"), files(folder.path(), "b"));
        let crossed = Tls {
            private_key: b.private_key,
            ..a.clone()
        };
        let error = server_config(&crossed).unwrap_err();
        assert!(matches!(error, TlsError::Certificate { .. }), "{error}");
        let missing = Tls {
            certificate: folder.path().join("none.pem"),
            ..a
        };
        let error = server_config(&missing).unwrap_err().to_string();
        assert!(error.contains("none.pem"), "{error}");
    }
}
