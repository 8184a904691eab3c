//! The packagers' own listener: who gets in, what a certificate allows, and how it ends.
//!
//! Must not know: the routes' answers beyond their status.

use std::io;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::harness::authority::{Authority, Issued, private};
use crate::harness::binary::run;
use crate::harness::serve::{Serve, free_port};
use crate::harness::wait::{seconds, until};
use crate::harness::wire::{Terms, Wire};

/// A server with the listener, and the authority of its clients.
pub(super) struct Gatehouse {
    pub(super) serve: Serve,
    pub(super) port: u16,
    pub(super) clients: Authority,
}

const STREAM: &str = "/v1/streams/test/a";
const EMPTY: &str = "content-length: 0\r\n";

impl Gatehouse {
    /// `settings` go into `[server.packagers]`, `entries` stand below.
    pub(super) async fn open(settings: &str, entries: &str) -> Self {
        let port = free_port();
        let clients = Authority::new();
        let mut serve = Serve::prepare("\"never\"", entries);
        let listener = format!(
            "[server.packagers]\nlisten = \"127.0.0.1:{port}\"\nclient_ca = \"certs/clients.pem\"\n\
             {settings}\n[server.ops]"
        );
        serve.amend("[server.ops]", &listener);
        private(&serve.certs().join("clients.pem"), clients.pem());
        private(&serve.certs().join("revoked.pem"), &clients.revoked(&[]));
        serve.resume().await;
        Self {
            serve,
            port,
            clients,
        }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.serve.certs().join(name)
    }

    fn terms(&self, client: Option<&Issued>) -> Terms {
        Terms::new(self.serve.authority.pem(), client)
    }

    fn enter(&self, client: Option<&Issued>) -> io::Result<Wire> {
        let mut wire = Wire::connect(self.port, &self.terms(client))?;
        // A client of TLS 1.3 hears of a refusal only when it reads.
        wire.ask("GET", "/nothing", "")?;
        Ok(wire)
    }

    /// The status of one request on a connection of its own.
    fn status(&self, client: &Issued, method: &str, path: &str, lines: &str) -> u16 {
        let mut wire = self.enter(Some(client)).unwrap();
        wire.ask(method, path, lines).unwrap().status
    }

    /// Lets the server look at its files now.
    fn look(&mut self) {
        self.serve.process.as_mut().unwrap().signal(Signal::HUP);
    }
}

/// An entry for a name in certificates.
pub(super) fn entry(name: &str, whose: &str, streams: &str, more: &str) -> String {
    format!(
        "[[client_certificates]]\nname = \"{name}\"\n{whose}\nstreams = [\"{streams}\"]\n{more}\n"
    )
}

fn bearer(key: &std::path::Path) -> String {
    let text = std::fs::read_to_string(key).unwrap();
    format!("authorization: Bearer {}\r\n", text.trim())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_holders_of_a_certificate_get_in_and_none_comes_back_by_a_ticket() {
    let house = Gatehouse::open("", "").await;
    let client = house.clients.client(2, &["a.example"], &[]);
    assert!(house.enter(Some(&client)).is_ok());
    assert!(house.enter(None).is_err(), "without a certificate");
    let foreign = Authority::new().client(2, &["a.example"], &[]);
    assert!(house.enter(Some(&foreign)).is_err(), "of another authority");
    let servers = house.serve.authority.client(2, &["a.example"], &[]);
    assert!(
        house.enter(Some(&servers)).is_err(),
        "of the servers' authority"
    );
    let terms = house.terms(Some(&client));
    for _ in 0..2 {
        let mut wire = Wire::connect(house.port, &terms).unwrap();
        wire.ask("GET", "/nothing", "").unwrap();
        assert!(!wire.is_resumed());
        assert_eq!(wire.tickets(), 0);
    }
    // By TLS 1.2 neither a ticket nor a session's name brings anybody back.
    let old = Terms::old(house.serve.authority.pem(), Some(&client));
    for _ in 0..2 {
        let mut wire = Wire::connect(house.port, &old).unwrap();
        assert_eq!(wire.ask("GET", "/nothing", "").unwrap().status, 404);
        assert!(!wire.is_resumed());
    }
    let none = Terms::old(house.serve.authority.pem(), None);
    assert!(Wire::connect(house.port, &none).is_err());
    // The players' listener gives the same client a ticket.
    let mut wire = Wire::connect(house.serve.port(), &terms).unwrap();
    wire.ask("GET", "/nothing", "").unwrap();
    assert_eq!(wire.tickets(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_allows_what_its_entry_says() {
    let entries = [
        entry("a", "dns = \"a.example\"", "test/a", ""),
        entry(
            "b",
            "uri = \"spiffe://example/b\"",
            "test/b/*",
            "actions = [\"read\"]",
        ),
    ];
    let house = Gatehouse::open("", &entries.concat()).await;
    let a = house.clients.client(2, &["A.Example"], &[]);
    let b = house
        .clients
        .client(3, &["b.example"], &["spiffe://example/b"]);
    let nobody = house.clients.client(4, &["example", "spiffe.example"], &[]);
    let key = house.serve.credential("key", "test/**", &["read", "lease"]);
    let schedule = format!("{STREAM}/schedule");

    assert_eq!(house.status(&a, "GET", &schedule, ""), 200);
    assert_eq!(house.status(&a, "GET", STREAM, ""), 200);
    assert_eq!(
        house.status(&a, "POST", &format!("{STREAM}/rotate"), EMPTY),
        200
    );
    assert_eq!(house.status(&a, "GET", "/v1/streams/test/c", ""), 403);
    assert_eq!(house.status(&b, "GET", STREAM, ""), 403);
    assert_eq!(house.status(&b, "GET", &schedule, ""), 403);
    assert_eq!(house.status(&b, "GET", "/v1/streams/test/b/c", ""), 404);
    assert_eq!(house.status(&nobody, "GET", STREAM, ""), 401);

    // A certificate without an entry is a way in, and an API key says what for.
    let key = bearer(&key);
    assert_eq!(house.status(&nobody, "GET", &schedule, &key), 200);
    assert_eq!(
        house.status(
            &nobody,
            "POST",
            &format!("{STREAM}/rotate"),
            &format!("{key}{EMPTY}")
        ),
        403
    );
    // One that is there decides; a bad one hides nothing.
    assert_eq!(
        house.status(
            &a,
            "POST",
            &format!("{STREAM}/rotate"),
            &format!("{key}{EMPTY}")
        ),
        403
    );
    assert_eq!(
        house.status(&a, "GET", STREAM, "authorization: Bearer x\r\n"),
        200
    );
    // A page that makes a browser send its user's certificate gets nothing by it.
    assert_eq!(
        house.status(&a, "GET", STREAM, "origin: https://player.example\r\n"),
        401
    );
    assert_eq!(
        house.status(
            &nobody,
            "GET",
            STREAM,
            &format!("{key}origin: https://a.example\r\n")
        ),
        200
    );
    // The same certificate on the players' listener says nothing.
    let mut wire = Wire::connect(house.serve.port(), &house.terms(Some(&a))).unwrap();
    assert_eq!(wire.ask("GET", STREAM, "").unwrap().status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_certificate_is_meant_by_its_fingerprint() {
    let clients = Authority::new();
    let (one, other) = (
        clients.client(2, &["a"], &[]),
        clients.client(3, &["a"], &[]),
    );
    let whose = format!("fingerprint = \"{}\"", fingerprint(&one));
    let mut house = Gatehouse::open("", &entry("a", &whose, "test/**", "")).await;
    private(&house.file("clients.pem"), clients.pem());
    house.look();
    until("the other authority counts", seconds(10), async || {
        house.enter(Some(&one)).ok()
    })
    .await;
    assert_eq!(
        house.status(&one, "GET", &format!("{STREAM}/schedule"), ""),
        200
    );
    assert_eq!(
        house.status(&other, "GET", &format!("{STREAM}/schedule"), ""),
        401
    );
}

/// As a person finds it out.
fn fingerprint(issued: &Issued) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.pem");
    private(&path, &issued.certificate);
    let output = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&path)
        .output()
        .expect("openssl: `make tools` installs it");
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().split_once('=').unwrap().1.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_are_where_the_configuration_has_them() {
    let house = Gatehouse::open("", &entry("a", "dns = \"a\"", "test/**", "")).await;
    let a = house.clients.client(2, &["a"], &[]);
    for path in [
        "/v1/keys/x",
        "/v1/openapi.json",
        "/healthz",
        "/metrics",
        "/hls/test/a/x.ts",
    ] {
        assert_eq!(house.status(&a, "GET", path, ""), 404, "{path}");
    }
    assert_eq!(house.status(&a, "GET", "/v1/streams", ""), 200);
    let stranger = house.serve.stranger();
    stranger.get("/v1/streams").await.expect(401);
    drop(house);

    let house = Gatehouse::open("only = true", &entry("a", "dns = \"a\"", "test/**", "")).await;
    let a = house.clients.client(2, &["a"], &[]);
    assert_eq!(house.status(&a, "GET", "/v1/streams", ""), 200);
    let key = house.serve.credential("key", "test/**", &["read", "lease"]);
    let packager = house
        .serve
        .stranger()
        .with(std::fs::read_to_string(key).unwrap().trim());
    for path in ["/v1/streams", STREAM, &format!("{STREAM}/schedule")] {
        packager.get(path).await.expect(404);
    }
    packager.get("/v1/openapi.json").await.expect(200);
    packager.get("/v1/keys/x").await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_ends_at_once_and_so_does_its_connection() {
    let entries = entry("all", "dns = \"a\"", "test/**", "");
    let mut house = Gatehouse::open("crl = \"certs/revoked.pem\"", &entries).await;
    let (good, bad) = (
        house.clients.client(2, &["a"], &[]),
        house.clients.client(3, &["a"], &[]),
    );
    let mut kept = house.enter(Some(&good)).unwrap();
    let mut lost = house.enter(Some(&bad)).unwrap();
    assert_eq!(lost.ask("GET", "/v1/streams", "").unwrap().status, 200);
    private(&house.file("revoked.pem"), &house.clients.revoked(&[&bad]));
    house.look();
    until("the new list counts", seconds(10), async || {
        house.enter(Some(&bad)).err()
    })
    .await;
    let refused = lost.ask("GET", "/v1/streams", "").unwrap();
    assert_eq!(refused.status, 401);
    assert!(
        refused.head.to_lowercase().contains("connection: close"),
        "{}",
        refused.head
    );
    assert!(lost.is_closed_within(seconds(5)));
    assert_eq!(kept.ask("GET", "/v1/streams", "").unwrap().status, 200);
    assert!(house.enter(Some(&good)).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_taken_away_lets_nobody_in() {
    let entries = entry("all", "dns = \"a\"", "test/**", "");
    let mut house = Gatehouse::open("", &entries).await;
    let next = Authority::new();
    let (old, new) = (
        house.clients.client(2, &["a"], &[]),
        next.client(3, &["a"], &[]),
    );
    let mut open = house.enter(Some(&old)).unwrap();
    // Both for a while, then the new one alone; an empty file is no authority at all.
    private(
        &house.file("clients.pem"),
        &format!("{}{}", house.clients.pem(), next.pem()),
    );
    house.look();
    until("the new authority counts", seconds(10), async || {
        house.enter(Some(&new)).ok()
    })
    .await;
    assert_eq!(open.ask("GET", "/v1/streams", "").unwrap().status, 200);
    private(&house.file("clients.pem"), "");
    house.look();
    let log = house.serve.process.as_ref().unwrap().stderr.clone();
    until("the empty file is told", seconds(10), async || {
        log.text().contains("clients.pem").then_some(())
    })
    .await;
    assert!(house.enter(Some(&old)).is_ok());
    private(&house.file("clients.pem"), next.pem());
    house.look();
    until("the old authority is gone", seconds(10), async || {
        house.enter(Some(&old)).err()
    })
    .await;
    assert_eq!(open.ask("GET", "/v1/streams", "").unwrap().status, 401);
    assert!(house.enter(Some(&new)).is_ok());
}

#[test]
fn settings_that_cannot_work_are_told() {
    let told = |more: &str, entries: &str| {
        let serve = Serve::prepare("\"never\"", entries);
        serve.amend("[server.ops]", &format!("{more}\n[server.ops]"));
        private(&serve.certs().join("clients.pem"), serve.authority.pem());
        let output = run(&[
            "config",
            "check",
            "--config",
            serve.config().to_str().unwrap(),
        ]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    };
    let good = "[server.packagers]\nlisten = \"127.0.0.1:1\"\nclient_ca = \"certs/clients.pem\"\n";
    let (is_good, said) = told(good, &entry("a", "dns = \"a\"", "test/**", ""));
    assert!(is_good, "{said}");
    for (listener, entries, word) in [
        (good, entry("a", "dns = \"*.a\"", "test/**", ""), "wildcard"),
        (good, entry("a", "", "test/**", ""), "fingerprint"),
        (
            good,
            entry("a", "dns = \"a\"", "test/**", "actions = [\"operate\"]"),
            "operate",
        ),
        (
            &good.replace("clients.pem", "none.pem"),
            String::new(),
            "none.pem",
        ),
        (
            &format!("{good}certificate = \"certs/server.pem\""),
            String::new(),
            "private_key",
        ),
        (
            "",
            entry("a", "dns = \"a\"", "test/**", ""),
            "server.packagers",
        ),
    ] {
        let (is_good, said) = told(listener, &entries);
        assert!(!is_good && said.contains(word), "{word}: {said}");
    }
}
