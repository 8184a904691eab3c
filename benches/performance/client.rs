//! One HTTPS connection, blocking: for checks, and for the time of a connection's first request.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Whom clients trust, and where they connect.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) bearer: Option<String>,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Client {
    /// Each connection is new to the server: no tickets are kept.
    pub(crate) fn new(address: SocketAddr, ca: &Path) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca)?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.resumption = Resumption::disabled();
        Ok(Self {
            address,
            tls: Arc::new(tls),
        })
    }

    /// Connects, asks once, and leaves: status and body.
    pub(crate) fn get(&self, ask: &Ask) -> anyhow::Result<(u16, Vec<u8>)> {
        let socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let tls = ClientConnection::new(Arc::clone(&self.tls), "localhost".try_into()?)?;
        let mut stream = StreamOwned::new(tls, socket);
        stream.write_all(ask.request().as_bytes())?;
        let mut got = Vec::new();
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some(answer) = whole(&got)? {
                return Ok(answer);
            }
            match stream.read(&mut chunk)? {
                0 => bail!("closed after {} bytes", got.len()),
                more => got.extend_from_slice(&chunk[..more]),
            }
        }
    }
}

impl Ask {
    fn request(&self) -> String {
        let bearer = self.bearer.as_ref();
        let bearer = bearer.map(|token| format!("authorization: Bearer {token}\r\n"));
        let (target, bearer) = (&self.target, bearer.unwrap_or_default());
        format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n{bearer}\r\n")
    }
}

/// Status and body, if all of the answer is there.
fn whole(got: &[u8]) -> anyhow::Result<Option<(u16, Vec<u8>)>> {
    let mut fields = [httparse::EMPTY_HEADER; 48];
    let mut answer = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(body) = answer.parse(got)? else {
        return Ok(None);
    };
    let mut lengths = answer.headers.iter();
    let length = lengths.find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let length = std::str::from_utf8(length.context("no length")?.value)?;
    let length: usize = length.parse()?;
    let status = answer.code.context("no status")?;
    let body = &got[body..];
    Ok((body.len() >= length).then(|| (status, body.to_vec())))
}
