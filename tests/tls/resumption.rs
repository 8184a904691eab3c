//! Players come back without a full handshake, by either version, and never with early data.
//!
//! Must not know: certificates.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::serve::Serve;
use crate::harness::wire::{Terms, Wire};

#[tokio::test(flavor = "multi_thread")]
async fn players_resume_by_either_version() {
    let serve = Serve::start("\"never\"", "").await;
    let pem = serve.authority.pem();
    for terms in [Terms::new(pem, None), Terms::old(pem, None)] {
        let mut first = Wire::connect(serve.port(), &terms).unwrap();
        assert!(!first.is_resumed());
        assert_eq!(
            first.ask("GET", "/v1/openapi.json", "").unwrap().status,
            200
        );
        let mut second = Wire::connect(serve.port(), &terms).unwrap();
        assert!(second.is_resumed());
        assert_eq!(
            second.ask("GET", "/v1/openapi.json", "").unwrap().status,
            200
        );
    }
}

/// What `openssl s_client` prints of a connection; with `request`, after an answer.
fn openssl(serve: &Serve, args: &[&str]) -> String {
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &format!("localhost:{}", serve.port()),
        ])
        .args(["-servername", "localhost", "-ign_eof", "-CAfile"])
        .arg(serve.ca())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl: `make tools` installs it");
    let request = b"GET /v1/openapi.json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    client.stdin.take().unwrap().write_all(request).unwrap();
    let output = client.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_client_resumes_too_and_is_offered_no_early_data() {
    let serve = Serve::start("\"never\"", "").await;
    let folder = tempfile::tempdir().unwrap();
    for version in ["-tls1_3", "-tls1_2"] {
        let session = folder.path().join(version);
        let session: &Path = &session;
        let name = session.to_str().unwrap();
        let first = openssl(&serve, &[version, "-sess_out", name]);
        assert!(
            first.contains("New, ") && first.contains("200 OK"),
            "{first}"
        );
        assert!(!first.contains("Max Early Data: ") || first.contains("Max Early Data: 0"));
        let second = openssl(&serve, &[version, "-sess_in", name]);
        assert!(
            second.contains("Reused, ") && second.contains("200 OK"),
            "{second}"
        );
    }
    let oldest = openssl(&serve, &["-tls1_1"]);
    assert!(!oldest.contains("200 OK"), "{oldest}");
}
