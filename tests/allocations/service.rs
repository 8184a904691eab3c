//! An entitlement service that says yes, and counts how often it is asked.
//!
//! Must not know: who asks.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const YES: &str = r#"{"allow":true,"ttl":3600}"#;

/// The service, for as long as this process lives.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) port: u16,
    asked: Arc<AtomicU64>,
}

impl Service {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = Self {
            port: listener.local_addr().unwrap().port(),
            asked: Arc::default(),
        };
        let own = service.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let service = own.clone();
                std::thread::spawn(move || service.answer(&stream));
            }
        });
        service
    }

    /// How often it was asked so far.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn answer(&self, mut stream: &TcpStream) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut from = BufReader::new(stream);
        let mut length = 0;
        for line in from.by_ref().lines().map_while(Result::ok) {
            if line.is_empty() {
                break;
            }
            let line = line.to_ascii_lowercase();
            if let Some(said) = line.strip_prefix("content-length:") {
                length = said.trim().parse().unwrap();
            }
        }
        from.read_exact(&mut vec![0; length]).unwrap();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{YES}",
            YES.len()
        );
        stream.write_all(answer.as_bytes()).unwrap();
    }
}
