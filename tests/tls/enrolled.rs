//! Client certificates as credentials of the store: made, listed and removed by the command line and the API, and shown
//! by curl.
//!
//! Must not know: what the configuration's own entries allow; `packagers` has them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::packagers::Gatehouse;
use crate::harness::actor::{Actor, Answer};
use crate::harness::authority::{Authority, Issued, private};
use crate::harness::binary;
use crate::harness::wait::{seconds, until};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The client's files.
fn written(house: &Gatehouse, name: &str, client: &Issued) -> [PathBuf; 2] {
    let files = ["pem", "key"].map(|end| house.file(&format!("{name}.{end}")));
    private(&files[0], &client.certificate);
    private(&files[1], &client.key);
    files
}

/// The status that curl got, or nothing where the handshake failed.
fn curl(house: &Gatehouse, client: Option<&[PathBuf; 2]>, args: &[&str]) -> Option<u16> {
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
    ]);
    command.args(["--cacert", text(&house.serve.ca())]);
    if let Some([certificate, key]) = client {
        command.args(["--cert", text(certificate), "--key", text(key)]);
    }
    let (path, more) = args.split_last().unwrap();
    let url = format!("https://localhost:{}/v1/streams/{path}", house.port);
    let output = command.args(more).arg(url).output().unwrap();
    let status = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| status.parse().unwrap())
}

fn fingerprint(certificate: &Path) -> String {
    let args = [
        "x509",
        "-noout",
        "-fingerprint",
        "-sha256",
        "-in",
        text(certificate),
    ];
    let output = Command::new("openssl").args(args).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.trim().split('=').nth(1).unwrap().to_owned()
}

async fn add(operator: &Actor, body: &serde_json::Value) -> Answer {
    let body = body.to_string();
    let answer = operator.try_ask("POST", "/v1/credentials", &[], Some(&body));
    answer.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_a_credential_of_the_store() {
    let house = Gatehouse::open("", "").await;
    let config = house.serve.config();
    let a = written(&house, "a", &house.clients.client(2, &["A.Example"], &[]));
    let b = written(&house, "b", &house.clients.client(3, &["b.example"], &[]));
    let add_a = [
        "credential",
        "add",
        "--config",
        text(&config),
        "a",
        "--certificate",
    ];
    binary::printed(&[&add_a[..], &["dns:a.example", "--streams", "test/a"]].concat());
    let key = house.serve.credential("operator", "**", &["operate"]);
    let key = std::fs::read_to_string(key).unwrap();
    let operator = house.serve.ops().with(key.trim());
    let whose = format!("sha256:{}", fingerprint(&b[0]));
    let other = json!({"name": "b", "certificate": whose, "streams": ["test/b"], "actions": ["register", "lease"]});
    let made = add(&operator, &other).await.expect(201).json();
    let digits = fingerprint(&b[0]).replace(':', "").to_lowercase();
    assert_eq!(made["certificate"], format!("sha256:{digits}"));

    let put = |stream| {
        [
            "--request",
            "PUT",
            "--json",
            r#"{"rotation":"never"}"#,
            stream,
        ]
    };
    for (client, own, others) in [(&a, "test/a", "test/b"), (&b, "test/b", "test/a")] {
        assert_eq!(curl(&house, Some(client), &put(own)), Some(201), "{own}");
        let schedule = |stream: &str| format!("{stream}/schedule");
        assert_eq!(curl(&house, Some(client), &[&schedule(own)]), Some(200));
        assert_eq!(curl(&house, Some(client), &[&schedule(others)]), Some(403));
        assert_eq!(curl(&house, Some(client), &put(others)), Some(403));
    }
    assert_eq!(
        curl(&house, Some(&b), &["test/b"]),
        Some(403),
        "no action to read"
    );
    assert_eq!(curl(&house, None, &["test/a/schedule"]), None);
    let foreign = Authority::new().client(2, &["a.example"], &[]);
    let foreign = written(&house, "foreign", &foreign);
    assert_eq!(curl(&house, Some(&foreign), &["test/a/schedule"]), None);
    let nobody = written(
        &house,
        "nobody",
        &house.clients.client(4, &["c.example"], &[]),
    );
    assert_eq!(curl(&house, Some(&nobody), &["test/a/schedule"]), Some(401));

    let listed = operator.get("/v1/credentials").await.expect(200).json();
    assert_eq!(listed["credentials"][0]["certificate"], "dns:a.example");
    binary::printed(&["credential", "rm", "--config", text(&config), "a"]);
    until("it opens nothing any more", seconds(15), async || {
        (curl(&house, Some(&a), &["test/a/schedule"]) == Some(401)).then_some(())
    })
    .await;
    assert_eq!(curl(&house, Some(&b), &["test/b/schedule"]), Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_means_no_certificate_or_more_than_one_way_is_not_made() {
    let house = Gatehouse::open("", "").await;
    let key = house.serve.credential("operator", "**", &["operate"]);
    let key = std::fs::read_to_string(key).unwrap();
    let operator = house.serve.ops().with(key.trim());
    let body = |whose: &str| json!({"name": "a", "certificate": whose, "streams": ["test/a"], "actions": ["lease"]});
    let with = |name: &str, value: serde_json::Value| {
        let mut body = body("dns:a.example");
        body[name] = value;
        body
    };
    for bad in [
        body("dns:*.example"),
        body("sha256:abcd"),
        body("a.example"),
        body("uri:"),
        with("user", json!("a")),
        with("digest_legacy", json!(true)),
        with("actions", json!(["publish"])),
        with("actions", json!(["operate"])),
        with("certificate", json!(null)),
    ] {
        let refused = add(&operator, &bad).await.expect(400);
        assert!(
            !refused.json()["detail"].as_str().unwrap().is_empty(),
            "{bad}"
        );
    }
    add(&operator, &body("dns:a.example")).await.expect(201);
    add(&operator, &with("name", json!("b"))).await.expect(409);
}

/// A bad credential never masks a good one.
#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_is_wrong_takes_nothing_from_a_good_certificate() {
    let house = Gatehouse::open("", "").await;
    let config = house.serve.config();
    let add = ["credential", "add", "--config", text(&config)];
    let password = house.file("legacy.password");
    private(&password, "an-obviously-fake-password");
    let legacy = [
        "legacy",
        "--user",
        "legacy",
        "--digest-legacy",
        "--action",
        "lease",
    ];
    let more = ["--streams", "**", "--password-file", text(&password)];
    binary::printed(&[&add[..], &legacy, &more].concat());
    let enrolled = ["a", "--certificate", "dns:a.example", "--streams", "**"];
    binary::printed(&[&add[..], &enrolled].concat());
    let good = written(&house, "a", &house.clients.client(2, &["a.example"], &[]));
    let none = written(&house, "b", &house.clients.client(3, &["b.example"], &[]));
    let wrong = "Authorization: Digest username=\"legacy\", realm=\"hlskey\", nonce=\"fake\", \
                 uri=\"/speke/v1.0/heartbeat\", qop=auth, nc=00000001, cnonce=\"fake\", \
                 response=\"00000000000000000000000000000000\"";
    // curl takes the dots out (RFC 3986 §5.2.4).
    let heartbeat = ["--header", wrong, "../../speke/v1.0/heartbeat"];
    assert_eq!(curl(&house, Some(&good), &heartbeat), Some(200));
    assert_eq!(curl(&house, Some(&none), &heartbeat), Some(401));
}

/// An enrolment decides for the certificate's holder: of two rows that mean it one counts.
#[tokio::test(flavor = "multi_thread")]
async fn no_team_enrols_the_certificate_of_another_nor_does_a_row_that_is_over() {
    let house = Gatehouse::open("", "").await;
    let b = written(&house, "b", &house.clients.client(3, &["b.example"], &[]));
    let operator = |name: &str, streams: &str| {
        let key = house.serve.credential(name, streams, &["operate"]);
        let key = std::fs::read_to_string(key).unwrap();
        house.serve.ops().with(key.trim())
    };
    let (all, some) = (operator("all", "**"), operator("some", "test/a"));
    let whose = format!("sha256:{}", fingerprint(&b[0]));
    let body = |whose: &str, stream: &str| json!({"name": stream.replace('/', "-"), "certificate": whose, "streams": [stream], "actions": ["lease", "register"]});
    let refused = add(&some, &body(&whose, "test/a")).await.expect(403);
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("operator of all streams"), "{detail}");
    let mut over = body(&whose, "test/a");
    over["expires"] = json!("2026-01-01T00:00:00Z");
    add(&all, &over).await.expect(201);
    add(&all, &body("dns:b.example", "test/b"))
        .await
        .expect(201);
    let put = [
        "--request",
        "PUT",
        "--json",
        r#"{"rotation":"never"}"#,
        "test/b",
    ];
    assert_eq!(curl(&house, Some(&b), &put), Some(201));
    assert_eq!(curl(&house, Some(&b), &["test/a/schedule"]), Some(403));
}
