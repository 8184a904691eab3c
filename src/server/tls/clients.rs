//! What a handshake told of the client: the certificate that it proved to hold.
//!
//! Must not know: what the certificate allows.

use std::sync::Arc;

use rustls::ServerConnection;
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::terms::Terms;
use crate::access::{ClientCertificate, Fingerprint};
use crate::crypto::sha256;
use crate::domain::Timestamp;

/// A connection after its handshake.
pub(in crate::server) type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// A client's chain, and the terms under which it was verified.
#[derive(Clone)]
pub(in crate::server) struct Shown {
    /// The first of the chain, read.
    pub(in crate::server) certificate: Arc<ClientCertificate>,
    pub(super) chain: Arc<[CertificateDer<'static>]>,
    pub(super) under: Arc<Terms>,
}

/// The certificate that a client showed under `terms`, if it showed one that can be read.
pub(in crate::server) fn shown(tls: &ServerConnection, terms: &Arc<Terms>) -> Option<Shown> {
    let chain = tls.peer_certificates()?;
    Some(Shown {
        certificate: Arc::new(read(chain.first()?)?),
        chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
        under: Arc::clone(terms),
    })
}

fn read(der: &CertificateDer<'_>) -> Option<ClientCertificate> {
    let (_, leaf) = X509Certificate::from_der(der).ok()?;
    let names = leaf.subject_alternative_name().ok()?;
    let (mut dns, mut uris) = (Vec::new(), Vec::new());
    for name in names.iter().flat_map(|names| &names.value.general_names) {
        match name {
            GeneralName::DNSName(name) => dns.push((*name).to_owned()),
            GeneralName::URI(uri) => uris.push((*uri).to_owned()),
            _ => {}
        }
    }
    let end = leaf.validity().not_after.timestamp();
    Some(ClientCertificate {
        fingerprint: Fingerprint(sha256(der)),
        dns,
        uris,
        expires: Timestamp::from_millis(end.saturating_mul(1000)),
    })
}
