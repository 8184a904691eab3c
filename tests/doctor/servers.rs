//! Every fault of TLS and of certificates, provoked once; and what cannot be looked at at all.
//!
//! Must not know: how certificates are judged.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;

use rcgen::{CertificateParams, KeyPair};

use super::row::{Base, Bench, Found};
use super::site::Site;
use crate::harness::authority::{Authority, private};
use crate::harness::binary::run;
use crate::harness::process::Process;
use crate::harness::serve::free_port;
use crate::harness::wait::{seconds, until};

/// What this file provokes.
pub(crate) const CODES: [&str; 8] = [
    "cert-expired",
    "cert-key-weak",
    "cert-name",
    "cert-signature-weak",
    "cert-soon",
    "cert-untrusted",
    "playlist-http",
    "tls-refused",
];

fn has(found: &Found, code: &str) {
    assert!(found.codes().contains(code), "{code}: {}", found.text);
    assert_eq!(found.exit, 1, "{}", found.text);
}

#[test]
fn a_certificate_of_nobody_or_of_yesterday_is_found() {
    let bench = Bench::new();
    let site = bench.site(Base::Vod, |_, _| {});
    let found = bench.look(&site.url("https"), "");
    assert_eq!((found.codes().len(), found.exit), (0, 0), "{}", found.text);
    let other = bench.dir.path().join("other.pem");
    private(&other, Authority::new().pem());
    has(
        &bench.look_trusting(&site.url("https"), "", &other),
        "cert-untrusted",
    );
    let site = Site::start(Some(&bench.authority.server(2021)), vec![]);
    has(&bench.look(&site.url("https"), ""), "cert-expired");
}

#[test]
fn a_certificate_for_another_name_or_that_ends_soon_is_found() {
    let bench = Bench::new();
    let mut issued = bench.authority.server_named("other.example");
    let site = Site::start(Some(&issued), vec![]);
    has(&bench.look(&site.url("https"), ""), "cert-name");
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = soon();
    let key = KeyPair::generate().unwrap();
    issued.certificate = params.self_signed(&key).unwrap().pem();
    issued.key = key.serialize_pem();
    let site = Site::start(Some(&issued), vec![]);
    has(&bench.look(&site.url("https"), ""), "cert-soon");
}

#[expect(
    clippy::disallowed_methods,
    reason = "certificates go by the real clock"
)]
fn soon() -> time::OffsetDateTime {
    time::OffsetDateTime::now_utc() + time::Duration::days(5)
}

#[tokio::test(flavor = "multi_thread")]
async fn weak_keys_and_signatures_are_found() {
    let bench = Bench::new();
    let dir = bench.dir.path();
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:1024", "-sha1", "-nodes", "-days", "100",
        ])
        .args([
            "-subj",
            "/CN=weak",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-keyout", "weak.key", "-out", "weak.pem"])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let port = free_port();
    let mut command = Command::new("openssl");
    command
        .args([
            "s_server", "-quiet", "-cert", "weak.pem", "-key", "weak.key",
        ])
        .args([
            "-cipher",
            "DEFAULT:@SECLEVEL=0",
            "-accept",
            &format!("127.0.0.1:{port}"),
        ])
        .current_dir(dir);
    let _server = Process::start(command);
    until("openssl listens", seconds(10), async || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    })
    .await;
    let found = bench.look(
        &format!("https://127.0.0.1:{port}/master.m3u8"),
        "--patience 3s",
    );
    has(&found, "cert-key-weak");
    has(&found, "cert-signature-weak");
}

/// It answers every hello with the alert `protocol_version`, as a server of TLS 1.1 does.
#[test]
fn a_server_of_old_tls_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&[0x15, 3, 1, 0, 2, 2, 0x46]);
        }
    });
    let bench = Bench::new();
    let found = bench.look(&format!("https://127.0.0.1:{port}/master.m3u8"), "");
    has(&found, "tls-refused");
}

#[test]
fn a_playlist_in_the_clear_is_found() {
    let bench = Bench::new();
    let site = Site::start(None, vec![]);
    has(&bench.look(&site.url("http"), ""), "playlist-http");
}

#[test]
fn what_cannot_be_looked_at_is_told_apart() {
    let found = Found::of(&run(&[
        "doctor",
        "https://localhost:1/master.m3u8",
        "--json",
    ]));
    assert_eq!(found.exit, 2, "{}", found.text);
    let found = Found::of(&run(&["doctor", "ftp://localhost/master.m3u8"]));
    assert_eq!(found.exit, 2, "{}", found.text);
}
