//! An HTTP server that says, byte by byte, what a test wants it to say.
//!
//! Must not know: why.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The server; clones are the same. Each connection has one request.
#[derive(Clone)]
pub(crate) struct Scripted {
    /// Where it listens.
    pub(crate) port: u16,
    said: Arc<Mutex<Said>>,
}

#[derive(Default)]
struct Said {
    answers: HashMap<String, Vec<u8>>,
    asked: Vec<String>,
}

impl Scripted {
    /// Listens, and says 404 to everything.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let said = Arc::new(Mutex::new(Said::default()));
        let server = Self { port, said };
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = own.clone();
                std::thread::spawn(move || server.answer(&stream));
            }
        });
        server
    }

    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next()?.ok()?;
        let head: Vec<String> = lines
            .map_while(Result::ok)
            .take_while(|it| !it.is_empty())
            .collect();
        let path = first.split(' ').nth(1)?.to_owned();
        let answer = {
            let mut said = self.said.lock().unwrap();
            said.asked.push(format!("{first}\n{}", head.join("\n")));
            said.answers.get(&path).cloned()
        };
        let none = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream
            .write_all(&answer.unwrap_or_else(|| none.to_vec()))
            .ok()
    }

    /// From now on `path`, its query included, is answered with exactly these bytes.
    pub(crate) fn says(&self, path: &str, answer: impl Into<Vec<u8>>) {
        let mut said = self.said.lock().unwrap();
        said.answers.insert(path.to_owned(), answer.into());
    }

    /// The same with 200 and this body.
    pub(crate) fn has(&self, path: &str, body: &[u8]) {
        self.says(path, whole("", body));
    }

    /// Every request's head so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.said.lock().unwrap().asked.clone()
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// A whole answer of 200; `lines` are further header lines, each with its end.
pub(crate) fn whole(lines: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n{lines}\r\n");
    [head.as_bytes(), body].concat()
}

/// A redirect.
pub(crate) fn elsewhere(to: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
    .into_bytes()
}
