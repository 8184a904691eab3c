//! Counts while clients ask. A client is another process, this binary again, so that none of its own
//! allocations count.
//!
//! Must not know: how the server is set up.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::ALLOCATOR;
use crate::served::{Kind, Served, served};

/// Requests of a connection without, and with those that count; what the two have in common
/// (handshake, buffers, the client's process) cancels out.
const FEW: u64 = 100;
const MANY: u64 = FEW + 500;

/// What asks: a row each in `docs/PERFORMANCE.md`.
const KINDS: [&str; 7] = [
    "token",
    "grant",
    "token whose sessions a policy limits",
    "legacy token (`securetoken`)",
    "Common Access Token (`cat`)",
    "token that a service said yes to",
    "token that a row of the table says yes to",
];

/// `make bench` writes the rows; one that is missing was counted after it was last run.
#[test]
fn what_is_counted_stands_in_the_page() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PERFORMANCE.md");
    let page = std::fs::read_to_string(page).unwrap();
    for kind in KINDS {
        assert!(page.contains(&format!("\n| {kind} | ")), "{kind}");
    }
}

/// The bounds were measured, and have room for a timer and a cache at their own work. Whoever raises
/// one says in the commit what the new allocation is for.
#[test]
fn a_warm_key_request_allocates_little_and_asks_nobody() {
    let folders = [0; 4].map(|_| tempfile::tempdir().unwrap());
    let at = |folder: usize, kind| served(folders[folder].path(), kind);

    let [token, grant, limited, legacy, cat, asked, row] = KINDS;
    let plain = at(0, Kind::Plain);
    let granted = format!("{}?token={}", plain.path(0), plain.grant);
    bounded(&plain, token, &plain.path(0), &plain.bearer(), 28.0);
    bounded(&plain, grant, &granted, "", 39.0);
    bounded(&plain, limited, &plain.path(1), &plain.bearer(), 28.0);

    let signed = at(1, Kind::Signed);
    let query =
        |scheme, stream| format!("{}?{}", signed.path(stream), signed.signed(scheme, stream));
    bounded(&signed, legacy, &query("securetoken", 2), "", 114.0);
    bounded(&signed, cat, &query("cat", 3), "", 57.0);

    let (http, table) = (at(2, Kind::Http), at(3, Kind::Table));
    bounded(&http, asked, &http.path(0), &http.bearer(), 28.0);
    assert_eq!(http.asked().1, 1, "the service is asked while it is new");
    bounded(&table, row, &table.path(0), &table.bearer(), 28.0);
}

/// Holds a kind of request to its bound, and to asking neither the store nor anybody else.
fn bounded(served: &Served, what: &str, target: &str, field: &str, most: f64) {
    let ask = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n{field}\r\n");
    let Cost { allocations, asked } = least(served, &ask);
    println!("{allocations} allocations for a warm key request with a {what}");
    assert!(
        allocations <= most,
        "{what}: {allocations} allocations, at most {most}"
    );
    assert_eq!(asked, 0, "{what}: the store or somebody else was asked");
}

/// What requests cost: allocations for each, and how often all of them together asked the store or the
/// service.
struct Cost {
    allocations: f64,
    asked: u64,
}

/// The least of some runs, since timers, caches and what is written behind count too.
fn least(served: &Served, ask: &str) -> Cost {
    let one = || {
        let few = allocations(served, ask, FEW);
        let before = served.asked();
        let many = allocations(served, ask, MANY);
        let after = served.asked();
        Cost {
            allocations: (many as f64 - few as f64) / (MANY - FEW) as f64,
            asked: (after.0 - before.0) + (after.1 - before.1),
        }
    };
    one();
    let runs = [0; 3].map(|_| one());
    Cost {
        allocations: runs
            .iter()
            .map(|run| run.allocations)
            .fold(f64::INFINITY, f64::min),
        asked: runs.iter().map(|run| run.asked).min().unwrap(),
    }
}

/// Allocations while a client asks so often.
fn allocations(served: &Served, ask: &str, times: u64) -> u64 {
    let before = ALLOCATOR.stats();
    let mut client = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "count::client", "--ignored"])
        .env("HLSKEY_ALLOCATIONS_CA", &served.ca)
        .env("HLSKEY_ALLOCATIONS_ADDRESS", served.address.to_string())
        .env("HLSKEY_ALLOCATIONS_TIMES", times.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    client
        .stdin
        .take()
        .unwrap()
        .write_all(ask.as_bytes())
        .unwrap();
    assert!(client.wait().unwrap().success(), "the client failed");
    let after = ALLOCATOR.stats();
    let counted = |stats: stats_alloc::Stats| stats.allocations + stats.reallocations;
    (counted(after) - counted(before)) as u64
}

/// The other process: asks the same again and again, one after the other, on one connection.
#[test]
#[ignore = "a part of the test above, which starts it"]
fn client() {
    let mut ask = Vec::new();
    std::io::stdin().read_to_end(&mut ask).unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(told("CA")).unwrap())
        .unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let socket = TcpStream::connect(told("ADDRESS")).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut stream = StreamOwned::new(tls, socket);
    let mut got = vec![0; 4096];
    for _ in 0..told("TIMES").parse().unwrap() {
        stream.write_all(&ask).unwrap();
        // A key's answer is one record.
        let length = stream.read(&mut got).unwrap();
        let text = String::from_utf8_lossy(&got[..length]);
        assert!(
            text.starts_with("HTTP/1.1 200 ") && text.contains("content-length: 16\r\n"),
            "{text}"
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "how the client is told its task")]
fn told(what: &str) -> String {
    std::env::var(format!("HLSKEY_ALLOCATIONS_{what}")).unwrap()
}
