//! One handshake with a server, on which nothing is sent: what it shows, and what a player's
//! system would say of it.
//!
//! Must not know: what is served behind it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use reqwest::Url;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};
use tokio_rustls::TlsConnector;

use super::certificate;
use super::code;
use super::fault::{Faults, Place};
use crate::outbound::Client;

/// Looks at servers' certificates.
pub(super) struct Handshakes {
    verifier: Arc<Verifier>,
    patience: Duration,
}

impl Handshakes {
    pub(super) fn new(ca: Option<&Path>, patience: Duration) -> anyhow::Result<Self> {
        let extra = match ca {
            Some(path) => authorities(path).with_context(|| path.display().to_string())?,
            None => Vec::new(),
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        Ok(Self {
            verifier: Arc::new(Verifier::new_with_extra_roots(extra, provider)?),
            patience,
        })
    }

    /// Shakes hands with the server of `url` and judges what it shows; nothing where it cannot be
    /// reached at all, which the requests will tell.
    pub(super) async fn look(&self, http: &Client, url: &Url, faults: &mut Faults) {
        let host = url.host_str().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let Ok(name) = ServerName::try_from(host) else {
            return;
        };
        let Ok(places) = http.places(url).await else {
            return;
        };
        let mut connected = None;
        for place in places {
            let attempt = timeout(self.patience, TcpStream::connect(place)).await;
            if let Ok(Ok(stream)) = attempt {
                connected = Some(stream);
                break;
            }
        }
        let Some(stream) = connected else {
            return;
        };
        let verifier = Arc::new(Recording::new(Arc::clone(&self.verifier)));
        let place = Place::of_url(url);
        match self.shake(&verifier, name, stream).await {
            Ok(()) => {
                let shown = verifier.shown();
                certificate::judge(&shown.chain, shown.verdict.as_ref(), place, faults);
            }
            Err(why) => faults.add(&code::TLS_REFUSED, place, why),
        }
    }

    async fn shake(
        &self,
        verifier: &Arc<Recording>,
        name: ServerName<'static>,
        stream: TcpStream,
    ) -> Result<(), String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(verifier) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let shaken = timeout(self.patience, connector.connect(name, stream)).await;
        let shaken = shaken.map_err(|_| "no handshake in time".to_owned())?;
        shaken.map(drop).map_err(|error| error.to_string())
    }
}

fn authorities(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    Ok(CertificateDer::pem_file_iter(path)?.collect::<Result<_, _>>()?)
}

/// What a server showed, and the system's word on it.
#[derive(Debug, Default, Clone)]
struct Showing {
    chain: Vec<CertificateDer<'static>>,
    verdict: Option<Error>,
}

/// Lets every certificate pass and keeps what would have been said: the connection carries nothing.
#[derive(Debug)]
struct Recording {
    verifier: Arc<Verifier>,
    showing: Mutex<Showing>,
}

impl Recording {
    fn new(verifier: Arc<Verifier>) -> Self {
        Self {
            verifier,
            showing: Mutex::default(),
        }
    }

    fn shown(&self) -> Showing {
        let showing = self.showing.lock();
        showing.map(|showing| showing.clone()).unwrap_or_default()
    }
}

impl ServerCertVerifier for Recording {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self
            .verifier
            .verify_server_cert(leaf, rest, name, ocsp, now);
        if let Ok(mut showing) = self.showing.lock() {
            showing.verdict = verdict.err();
            let all = [leaf].into_iter().chain(rest);
            showing.chain = all.map(|it| it.clone().into_owned()).collect();
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
