//! A small HTTPS server of a stream that has no fault, until a test amends its answers.
//!
//! Must not know: which fault an amendment makes.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write};
use std::net::{IpAddr, TcpListener};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::harness::authority::Issued;
use crate::independent::cipher::encrypt;

/// The key of all its segments.
pub(crate) const KEY: &[u8; 16] = b"obviously-a-fake";
/// The first segment's number.
pub(crate) const FIRST: u64 = 7;
/// A page on another site.
pub(crate) const PAGE: &str = "https://page.example";

/// One request.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) peer: IpAddr,
    pub(crate) port: u16,
    /// How often this path was asked for by GET, this time included.
    pub(crate) count: usize,
}

/// One answer, to be amended.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Compressed for whoever takes it.
    pub(crate) gzip: bool,
}

/// Changes answers.
pub(crate) type Amend = fn(&Request, &mut Reply);

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn is_key(&self) -> bool {
        self.path.starts_with("/keys/")
    }

    pub(crate) fn is_list(&self) -> bool {
        self.path.ends_with(".m3u8")
    }

    pub(crate) fn is_media(&self) -> bool {
        self.path.ends_with("/index.m3u8")
    }

    pub(crate) fn is_segment(&self) -> bool {
        self.path.ends_with(".ts")
    }

    /// The segment's number.
    pub(crate) fn msn(&self) -> u64 {
        let name = self.path.rsplit('/').next().unwrap();
        name.trim_end_matches(".ts").parse().unwrap()
    }
}

impl Reply {
    pub(crate) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), kind.to_owned())],
            body: body.into(),
            gzip: false,
        }
    }

    /// Sets a header, or takes it away with an empty value.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(it, _)| it != name);
        if !value.is_empty() {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Refuses or fails; headers of CORS stay.
    pub(crate) fn fail(&mut self, status: u16) {
        self.status = status;
        self.body = b"no".to_vec();
        self.gzip = false;
    }

    pub(crate) fn replace(&mut self, from: &str, to: &str) {
        let text = String::from_utf8(std::mem::take(&mut self.body)).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        self.body = text.replace(from, to).into_bytes();
    }

    pub(crate) fn compress(&mut self) {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(&self.body).unwrap();
        self.body = out.finish().unwrap();
        self.set("content-encoding", "gzip");
    }
}

/// The server.
pub(crate) struct Site {
    pub(crate) port: u16,
}

impl Site {
    /// Serves with this certificate, or by plain HTTP; answers are amended in this order.
    pub(crate) fn start(issued: Option<&Issued>, amends: Vec<Amend>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let tls = issued.map(|issued| Arc::new(config(issued)));
        let counts = Arc::new(Mutex::new(HashMap::new()));
        let amends = Arc::new(amends);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, counts, amends) = (tls.clone(), Arc::clone(&counts), Arc::clone(&amends));
                std::thread::spawn(move || {
                    let peer = stream.peer_addr().unwrap().ip();
                    let at = At {
                        peer,
                        port,
                        counts,
                        amends,
                    };
                    match tls {
                        None => at.serve(stream),
                        Some(tls) => {
                            let connection = ServerConnection::new(tls).unwrap();
                            at.serve(StreamOwned::new(connection, stream))
                        }
                    }
                });
            }
        });
        Self { port }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}/live/master.m3u8", self.port)
    }
}

fn config(issued: &Issued) -> ServerConfig {
    let chain = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    config.with_single_cert(vec![chain], key).unwrap()
}

struct At {
    peer: IpAddr,
    port: u16,
    counts: Arc<Mutex<HashMap<String, usize>>>,
    amends: Arc<Vec<Amend>>,
}

impl At {
    /// One request a connection; `None` if it broke.
    fn serve(&self, mut stream: impl std::io::Read + Write) -> Option<()> {
        let request = self.request(&mut stream)?;
        let mut reply = answer(&request);
        self.amends
            .iter()
            .for_each(|amend| amend(&request, &mut reply));
        if reply.gzip && request.header("accept-encoding").contains("gzip") {
            reply.compress();
        }
        let mut head = format!("HTTP/1.1 {} X\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = reply.body.len();
        head.push_str(&format!(
            "content-length: {length}\r\nconnection: close\r\n\r\n"
        ));
        stream.write_all(head.as_bytes()).ok()?;
        if request.method != "HEAD" {
            stream.write_all(&reply.body).ok()?;
        }
        stream.flush().ok()
    }

    fn request(&self, stream: impl std::io::Read) -> Option<Request> {
        let mut lines = BufReader::new(stream.take(65536)).lines();
        let first = lines.next()?.ok()?;
        let head = lines
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty());
        let headers = head.filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_lowercase(), value.to_owned()))
        });
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(format!("{method} {path}")).or_default();
        *count += 1;
        Some(Request {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.collect(),
            peer: self.peer,
            port: self.port,
            count: *count,
        })
    }
}

/// What a stream without fault answers.
fn answer(request: &Request) -> Reply {
    let mut reply = match request.path.as_str() {
        _ if request.method == "OPTIONS" => Reply::new(204, "text/plain", ""),
        "/live/master.m3u8" => list(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-STREAM-INF:BANDWIDTH=1000\nv0/index.m3u8\n\
             #EXT-X-STREAM-INF:BANDWIDTH=2000\nv1/index.m3u8\n",
        ),
        _ if request.is_media() => list(&media(request, FIRST, true)),
        _ if request.is_key() => key(request),
        _ if request.is_segment() => segment(request),
        _ => Reply::new(404, "text/plain", "no"),
    };
    reply.set("date", &now());
    let origin = request.header("origin");
    if !origin.is_empty() {
        reply.set("access-control-allow-origin", origin);
        reply.set("access-control-allow-credentials", "true");
        reply.set("access-control-allow-headers", "authorization");
        reply.set("vary", "origin");
    }
    reply
}

fn list(text: &str) -> Reply {
    let mut reply = Reply::new(200, "application/vnd.apple.mpegurl", text);
    reply.gzip = true;
    reply.set("cache-control", "max-age=1");
    reply
}

/// Three segments from number `first` on.
pub(crate) fn media(request: &Request, first: u64, ended: bool) -> String {
    let port = request.port;
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{first}\n# {}\n",
        "a comment that makes it long ".repeat(40)
    );
    for msn in first..first + 3 {
        text.push_str(&format!(
            "#EXT-X-KEY:METHOD=AES-128,URI=\"https://localhost:{port}/keys/1?grant=good\",\
             IV=0x{msn:032x}\n#EXTINF:1.0,\n{msn}.ts\n"
        ));
    }
    if ended {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    text
}

fn key(request: &Request) -> Reply {
    let is_good = request
        .query
        .split('&')
        .any(|pair| matches!(pair, "grant=good" | "token=good"))
        || request.header("authorization") == "Bearer good"
        || request.header("cookie").contains("s=good");
    if !is_good {
        return Reply::new(401, "application/problem+json", "{}");
    }
    let mut reply = Reply::new(200, "application/octet-stream", *KEY);
    reply.set("cache-control", "private, max-age=60");
    reply
}

fn segment(request: &Request) -> Reply {
    let body = encrypt(KEY, &iv(request.msn()), &clear());
    let mut reply = Reply::new(200, "video/mp2t", body);
    if request.header("range") == "bytes=16-31" {
        reply.status = 206;
        reply.body = reply.body[16..32].to_vec();
    }
    reply
}

pub(crate) fn iv(msn: u64) -> [u8; 16] {
    u128::from(msn).to_be_bytes()
}

/// Four packets: a multiple of 16 bytes.
pub(crate) fn clear() -> Vec<u8> {
    let mut bytes = vec![0; 4 * 188];
    bytes.iter_mut().step_by(188).for_each(|byte| *byte = 0x47);
    bytes
}

/// An HTTP date.
#[expect(clippy::disallowed_methods, reason = "a server's own clock")]
fn now() -> String {
    let form = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    time::OffsetDateTime::now_utc().format(&form).unwrap()
}
