//! Whose address a request has: behind proxies that are believed, and behind those that are not.
//! A refusal's line in the log shows it, as an operator sees it.
//!
//! Must not know: how headers are parsed.

use std::io::Write as _;
use std::net::IpAddr;

use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::harness::wire::{Terms, Wire, dial, local};

const KEY: &str = "/v1/keys/00000000-0000-4000-8000-000000000000";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

async fn server(settings: &str) -> Serve {
    let mut serve = Serve::prepare("\"never\"", "[log]\nformat = \"json\"");
    serve.amend("[server.tls]", &format!("{settings}\n[server.tls]"));
    serve.resume().await;
    serve
}

/// Connects from `source`, says `preface` before TLS, asks for a key without a credential, and
/// gives the client's address as the log has it; `None` if there is no TLS to be had.
async fn seen(serve: &Serve, source: IpAddr, preface: &[u8], lines: &str) -> Option<String> {
    let mut stream = dial(source, serve.port()).unwrap();
    stream.write_all(preface).unwrap();
    let terms = Terms::new(serve.authority.pem(), None);
    let mut wire = Wire::over(stream, &terms).ok()?;
    let said = wire.ask("GET", KEY, lines).ok()?;
    assert_eq!(said.status, 401);
    let body: serde_json::Value = serde_json::from_slice(&said.body).unwrap();
    let id = body["request_id"].as_str().unwrap().to_owned();
    let log = &serve.process.as_ref().unwrap().stderr;
    let line = until("the refusal is logged", seconds(5), async || {
        log.all().into_iter().find(|line| line.contains(&id))
    })
    .await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    // The proxy itself is never blamed.
    Some(line["client"].as_str().unwrap_or("nobody").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_count_when_a_trusted_proxy_wrote_them() {
    let serve = server("trusted_proxies = [\"127.0.0.2\", \"10.0.0.0/8\"]").await;
    let (proxy, other) = (local(2), local(3));
    let from = async |source, lines: &str| seen(&serve, source, b"", lines).await.unwrap();
    for (lines, client) in [
        ("x-forwarded-for: 192.0.2.1\r\n", "192.0.2.1"),
        (
            "x-forwarded-for: 203.0.113.9, 192.0.2.1, 10.1.1.1\r\n",
            "192.0.2.1",
        ),
        (
            "x-forwarded-for: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.1\r\n",
            "192.0.2.1",
        ),
        (
            "forwarded: for=\"[2001:db8::1]:4711\";proto=https\r\n",
            "2001:db8::1",
        ),
        // None of these says who it is.
        ("", "nobody"),
        ("x-forwarded-for: unknown\r\n", "nobody"),
        ("x-forwarded-for: 192.0.2.1, \r\n", "nobody"),
        ("forwarded: for=x\r\n", "nobody"),
        (
            "x-forwarded-for: 192.0.2.1\r\nforwarded: for=203.0.113.9\r\n",
            "nobody",
        ),
        ("x-real-ip: 192.0.2.1\r\n", "nobody"),
    ] {
        assert_eq!(from(proxy, lines).await, client, "{lines}");
    }
    for lines in [
        "x-forwarded-for: 192.0.2.1\r\n",
        "forwarded: for=192.0.2.1\r\n",
    ] {
        assert_eq!(from(other, lines).await, "127.0.0.3", "{lines}");
    }
    // Who does not trust is not asked for trust.
    drop(serve);
    let serve = server("").await;
    let spoofed = seen(&serve, proxy, b"", "x-forwarded-for: 192.0.2.1\r\n").await;
    assert_eq!(spoofed.as_deref(), Some("127.0.0.2"));
}

fn header(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, addresses].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_header_comes_before_tls() {
    let serve = server("trusted_proxies = [\"127.0.0.2\"]\nproxy_protocol = true").await;
    let (proxy, other) = (local(2), local(3));
    let v4 = [192, 0, 2, 1, 127, 0, 0, 1, 0x12, 0x34, 0x01, 0xbb];
    let mut v6 = [0; 36];
    v6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    v6[15] = 1;
    let extended = [&v4[..], &[0x04, 0, 2, 0, 0]].concat();
    let known = |command, family, addresses: &[u8]| header(command, family, addresses);
    for (preface, client) in [
        (known(0x21, 0x11, &v4), Some("192.0.2.1")),
        (known(0x21, 0x21, &v6), Some("2001:db8::1")),
        (known(0x21, 0x11, &extended), Some("192.0.2.1")),
        (known(0x20, 0x00, &[]), Some("nobody")),
        (Vec::new(), None),
        (
            b"PROXY TCP4 192.0.2.1 127.0.0.1 4660 443\r\n".to_vec(),
            None,
        ),
        (known(0x21, 0x11, &v4[..8]), None),
        (known(0x21, 0x00, &[]), None),
        (known(0x31, 0x11, &v4), None),
        (known(0x21, 0x11, &[0; 600]), None),
        (b"\0".repeat(64), None),
    ] {
        let found = seen(&serve, proxy, &preface, "").await;
        assert_eq!(found.as_deref(), client, "{preface:?}");
    }
    // Anybody else speaks TLS from the first byte, and a header from him is not TLS.
    assert_eq!(
        seen(&serve, other, b"", "").await.as_deref(),
        Some("127.0.0.3")
    );
    assert_eq!(seen(&serve, other, &known(0x21, 0x11, &v4), "").await, None);
    // The client that the header names is no proxy: its own headers are its own invention.
    let lines = "x-forwarded-for: 203.0.113.9\r\n";
    let found = seen(&serve, proxy, &known(0x21, 0x11, &v4), lines).await;
    assert_eq!(found.as_deref(), Some("192.0.2.1"));
    let log = serve.process.as_ref().unwrap().stderr.text();
    assert_eq!(
        log.matches("a trusted proxy is turned away").count(),
        1,
        "{log}"
    );
    let scrape = serve.ops().get("/metrics").await.text();
    let count =
        "hlskey_connections_turned_away_total{listener=\"players\",reason=\"proxy_header\"} 7";
    assert!(scrape.contains(count), "{scrape}");
}
