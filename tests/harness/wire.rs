//! One connection, byte by byte: TLS from a chosen address, under chosen terms, on which a test
//! says what no HTTP client would.
//!
//! Must not know: what is answered.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{ClientSessionMemoryCache, Resumption, Tls12Resumption};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use socket2::{Domain, Socket, Type};

use super::authority::Issued;

/// How a client shakes hands; clones share what they may resume.
#[derive(Clone)]
pub(crate) struct Terms(Arc<ClientConfig>);

/// A connection after its handshake.
pub(crate) struct Wire(StreamOwned<ClientConnection, TcpStream>);

/// One answer.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(40);

impl Terms {
    /// Trusts the CA in `pem`, and shows `client` if it is asked for a certificate.
    pub(crate) fn new(pem: &str, client: Option<&Issued>) -> Self {
        Self::of(pem, client, &[&rustls::version::TLS13])
    }

    /// The same by TLS 1.2.
    pub(crate) fn old(pem: &str, client: Option<&Issued>) -> Self {
        Self::of(pem, client, &[&rustls::version::TLS12])
    }

    fn of(
        pem: &str,
        client: Option<&Issued>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
            .unwrap();
        let config =
            ClientConfig::builder_with_protocol_versions(versions).with_root_certificates(roots);
        let mut config = match client {
            None => config.with_no_client_auth(),
            Some(issued) => {
                let der = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![der], key).unwrap()
            }
        };
        let store = Arc::new(ClientSessionMemoryCache::new(32));
        config.resumption =
            Resumption::store(store).tls12_resumption(Tls12Resumption::SessionIdOrTickets);
        config.enable_early_data = true;
        Self(Arc::new(config))
    }
}

/// A TCP connection to `port` here that comes from `source`.
pub(crate) fn dial(source: IpAddr, port: u16) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    socket.connect_timeout(&server.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// 127.0.0.n
pub(crate) fn local(n: u8) -> IpAddr {
    [127, 0, 0, n].into()
}

impl Wire {
    /// From the usual address.
    pub(crate) fn connect(port: u16, terms: &Terms) -> io::Result<Self> {
        Self::over(dial(local(1), port)?, terms)
    }

    /// Shakes hands on `stream`, on which something may have been said already.
    pub(crate) fn over(mut stream: TcpStream, terms: &Terms) -> io::Result<Self> {
        let name = "localhost".try_into().unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&terms.0), name).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        Ok(Self(StreamOwned::new(tls, stream)))
    }

    /// Whether the handshake was a resumed one.
    pub(crate) fn is_resumed(&self) -> bool {
        self.0.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The certificate that the server showed in this connection or the one that it resumes.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }

    /// TLS 1.3 tickets that came so far.
    pub(crate) fn tickets(&self) -> u32 {
        self.0.conn.tls13_tickets_received()
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    /// A whole request and its answer; `lines` are further header lines, each with its end.
    pub(crate) fn ask(&mut self, method: &str, path: &str, lines: &str) -> io::Result<Said> {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n");
        self.send(head.as_bytes())?;
        self.answer()
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> io::Result<Said> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let lower = head.to_lowercase();
        let length = lower.split("content-length: ").nth(1);
        let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok(Said { status, head, body })
    }

    /// Takes so many bytes, whatever they are.
    pub(crate) fn take(&mut self, count: u64) -> io::Result<()> {
        let taken = io::copy(&mut (&mut self.0).take(count), &mut io::sink())?;
        match taken == count {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Whether the other end closes before the deadline; what it says before is dropped.
    pub(crate) fn is_closed_within(&mut self, limit: Duration) -> bool {
        self.0.sock.set_read_timeout(Some(limit)).unwrap();
        let mut rest = [0; 4096];
        loop {
            match self.0.read(&mut rest) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return !is_timeout(&error),
            }
        }
    }
}

/// Whether a socket's own patience ended.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
