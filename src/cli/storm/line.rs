//! One connection: TLS over TCP, HTTP/1.1, one request at a time.
//!
//! As small as thousands of them need: a `Content-Length`, bounded, nothing else is understood. A
//! line has tickets of its own, so that it resumes as one player would. Must not know: what is
//! asked.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use crate::crypto::SecretText;

/// Where lines lead.
#[derive(Clone)]
pub(super) struct Destination {
    /// What is connected to.
    pub(super) address: SocketAddr,
    /// What the certificate must be for.
    pub(super) name: ServerName<'static>,
    /// What stands in `Host`.
    pub(super) authority: String,
    /// What stands before every path, without a slash at its end.
    pub(super) prefix: String,
    /// Whom to trust.
    pub(super) tls: ClientConfig,
}

/// A connection that is made when it is needed, and again when the server has closed it.
pub(super) struct Line {
    to: Arc<Destination>,
    /// Whom it comes from; the system chooses where there is nothing to choose from.
    source: Option<Ipv4Addr>,
    connector: TlsConnector,
    open: Option<TlsStream<TcpStream>>,
    /// How often it was made.
    pub(super) made: Made,
}

/// Handshakes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) full: u64,
    pub(super) resumed: u64,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("the server ended the connection before TLS began: too many of one address?")]
    TurnedAway,
    #[error("no TLS, `--ca FILE` trusts a CA of one's own: {0}")]
    Handshake(io::Error),
    #[error("the connection broke")]
    Broken,
    #[error("the answer is not HTTP/1.1 with a length of at most 64 KiB")]
    Malformed,
}

/// The longest answer read: a schedule of a few periods.
const MOST_ANSWER: usize = 64 * 1024;
/// What an answer with a key takes.
const USUAL_ANSWER: usize = 1024;
const MOST_FIELDS: usize = 48;
/// The first player's address on this machine, where all of 127.0.0.0/8 is ours.
const FIRST_PLAYER: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 0);

impl Destination {
    /// Whether players can have an address each, as they do in the world. A server counts the
    /// connections of an address, and bounds them.
    pub(super) fn tells_players_apart(&self) -> bool {
        self.address.is_ipv4() && self.address.ip().is_loopback()
    }
}

impl Line {
    pub(super) fn new(to: &Arc<Destination>) -> Self {
        let mut tls = to.tls.clone();
        tls.resumption = Resumption::in_memory_sessions(1);
        Self {
            to: Arc::clone(to),
            source: None,
            connector: Arc::new(tls).into(),
            open: None,
            made: Made::default(),
        }
    }

    /// A player's, from an address of its own where that can be.
    pub(super) fn of_player(to: &Arc<Destination>, number: u32) -> Self {
        let source = Ipv4Addr::from_bits(FIRST_PLAYER.to_bits() + number);
        Self {
            source: to.tells_players_apart().then_some(source),
            ..Self::new(to)
        }
    }

    /// Asks for `path` in the name of `bearer`. When this is dropped halfway the connection goes
    /// with it.
    pub(super) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        bearer: &SecretText,
    ) -> Result<Answer, LineError> {
        let request = self.request(method, path, bearer);
        if let Some(open) = self.open.take() {
            match self.exchange(open, &request).await {
                // A connection that was idle may have been closed meanwhile.
                Err(LineError::Broken) => {}
                answered => return answered,
            }
        }
        let fresh = self.connect().await?;
        self.exchange(fresh, &request).await
    }

    fn request(&self, method: &str, path: &str, bearer: &SecretText) -> Zeroizing<String> {
        let Destination {
            prefix, authority, ..
        } = &*self.to;
        let length = if method == "POST" {
            "content-length: 0\r\n"
        } else {
            ""
        };
        Zeroizing::new(format!(
            "{method} {prefix}{path} HTTP/1.1\r\nhost: {authority}\r\n\
             authorization: Bearer {}\r\nuser-agent: hlskey-storm\r\naccept: */*\r\n{length}\r\n",
            bearer.expose()
        ))
    }

    async fn connect(&mut self) -> Result<TlsStream<TcpStream>, LineError> {
        let socket = self.dial().await.map_err(LineError::Connect)?;
        // A request is one small packet that must not wait for the one before to be acknowledged.
        socket.set_nodelay(true).map_err(LineError::Connect)?;
        let secured = self.connector.connect(self.to.name.clone(), socket).await;
        let secured = secured.map_err(LineError::of_handshake)?;
        match secured.get_ref().1.handshake_kind() {
            Some(HandshakeKind::Resumed) => self.made.resumed += 1,
            _ => self.made.full += 1,
        }
        Ok(secured)
    }

    async fn dial(&self) -> io::Result<TcpStream> {
        let socket = match self.to.address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(source) = self.source {
            socket.bind((source, 0).into())?;
        }
        socket.connect(self.to.address).await
    }

    async fn exchange(
        &mut self,
        mut open: TlsStream<TcpStream>,
        request: &str,
    ) -> Result<Answer, LineError> {
        let broken = |_| LineError::Broken;
        open.write_all(request.as_bytes()).await.map_err(broken)?;
        open.flush().await.map_err(broken)?;
        let mut got = Zeroizing::new(Vec::with_capacity(USUAL_ANSWER));
        let head = loop {
            match Head::read(&got)? {
                Some(head) if got.len() >= head.end => break head,
                Some(head) if head.end > MOST_ANSWER => return Err(LineError::Malformed),
                None if got.len() > MOST_ANSWER => return Err(LineError::Malformed),
                _ => {}
            }
            if open.read_buf(&mut *got).await.map_err(broken)? == 0 {
                return Err(LineError::Broken);
            }
        };
        if got.len() > head.end {
            return Err(LineError::Malformed);
        }
        if !head.closes {
            self.open = Some(open);
        }
        got.drain(..head.body);
        Ok(Answer {
            status: head.status,
            body: got,
        })
    }
}

impl LineError {
    fn of_handshake(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => Self::TurnedAway,
            _ => Self::Handshake(error),
        }
    }
}

/// What an answer's head says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Where the body begins, and where it ends.
    body: usize,
    end: usize,
    closes: bool,
}

impl Head {
    /// `None` if it is not all there.
    fn read(got: &[u8]) -> Result<Option<Self>, LineError> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut answer = httparse::Response::new(&mut fields);
        let body = match answer.parse(got) {
            Ok(httparse::Status::Complete(body)) => body,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(LineError::Malformed),
        };
        let text = |name| value(answer.headers, name);
        let length: Option<usize> = text("content-length").and_then(|text| text.parse().ok());
        let length = length.filter(|_| text("transfer-encoding").is_none());
        let end = length.and_then(|length| body.checked_add(length));
        Ok(Some(Self {
            status: answer.code.ok_or(LineError::Malformed)?,
            body,
            end: end.ok_or(LineError::Malformed)?,
            closes: text("connection").is_some_and(|text| text.eq_ignore_ascii_case("close")),
        }))
    }
}

fn value<'a>(fields: &[httparse::Header<'a>], name: &str) -> Option<&'a str> {
    let named = |field: &&httparse::Header<'a>| field.name.eq_ignore_ascii_case(name);
    std::str::from_utf8(fields.iter().find(named)?.value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_where_the_body_is() {
        let key = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n";
        let head = Head {
            status: 200,
            body: key.len(),
            end: key.len() + 16,
            closes: false,
        };
        assert_eq!(Head::read(key).ok(), Some(Some(head)));
        assert_eq!(Head::read(&key[..30]).ok(), Some(None));
        let last = b"HTTP/1.1 503 x\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n";
        assert!(Head::read(last).ok().flatten().unwrap().closes);
    }

    #[test]
    fn what_has_no_one_length_is_refused() {
        for bad in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            "SSH-2.0-x\r\n\r\n",
        ] {
            let read = Head::read(bad.as_bytes());
            assert!(matches!(read, Err(LineError::Malformed)), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_ends_before_tls_is_told_from_a_bad_handshake() {
        let door = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = door.local_addr().unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let to = Arc::new(Destination {
            address,
            name: "localhost".try_into().unwrap(),
            authority: "localhost".to_owned(),
            prefix: String::new(),
            tls,
        });
        let (mut one, mut other) = (Line::of_player(&to, 1), Line::of_player(&to, 2));
        let serve = async {
            let (first, from) = door.accept().await.unwrap();
            drop(first);
            let (mut second, also_from) = door.accept().await.unwrap();
            assert!(second.read(&mut [0; 4096]).await.unwrap() > 0);
            second
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
            (from.ip(), also_from.ip())
        };
        let token = SecretText::new("x".to_owned());
        let ask = async {
            let first = one.ask("GET", "/", &token).await.err();
            (first, other.ask("GET", "/", &token).await.err())
        };
        let ((from, also_from), (first, second)) = tokio::join!(serve, ask);
        assert!(matches!(first, Some(LineError::TurnedAway)), "{first:?}");
        assert!(
            matches!(second, Some(LineError::Handshake(_))),
            "{second:?}"
        );
        assert_ne!(from, also_from);
    }
}
