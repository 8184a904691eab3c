//! The server as a service manager and a balancer see it: told, watched, drained, stopped.
//!
//! Must not know: unit files; `shipping` reads them.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::process::Signal;

use crate::harness::binary;
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::harness::wire::{Terms, Wire};

/// What a service manager hears on its socket.
struct Manager {
    socket: UnixDatagram,
    _folder: tempfile::TempDir,
    path: String,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            socket,
            path: path.to_str().unwrap().to_owned(),
            _folder: folder,
        }
    }

    /// Waits for a message with the line `wanted` and gives all of it.
    async fn hears(&self, wanted: &str) -> String {
        until(wanted, seconds(20), async || {
            let mut message = [0; 4096];
            let length = self.socket.recv(&mut message).ok()?;
            let text = String::from_utf8_lossy(&message[..length]).into_owned();
            text.lines().any(|line| line == wanted).then_some(text)
        })
        .await
    }
}

fn start(manager: &Manager, config: &Path) -> Process {
    let mut command = binary::command(&["serve", "--config", config.to_str().unwrap()]);
    command.env("NOTIFY_SOCKET", &manager.path);
    command.env("WATCHDOG_USEC", "400000");
    Process::start(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_is_told() {
    let (manager, mut serve) = (Manager::new(), Serve::prepare("\"never\"", ""));
    serve.process = Some(start(&manager, &serve.config()));
    let told = manager.hears("READY=1").await;
    assert!(told.contains("STATUS=serving keys"), "{told}");
    serve.ops().get("/readyz").await.expect(200);
    for _ in 0..3 {
        manager.hears("WATCHDOG=1").await;
    }
    serve.process.as_mut().unwrap().signal(Signal::TERM);
    manager.hears("STOPPING=1").await;
    // A second signal would end it where it stands.
    let mut process = serve.process.take().unwrap();
    assert!(process.end(seconds(20)).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_serves_is_never_ready() {
    let (manager, serve) = (Manager::new(), Serve::prepare("\"never\"", ""));
    serve.amend(
        "certificate = \"certs/server.pem\"",
        "certificate = \"no.pem\"",
    );
    let mut process = start(&manager, &serve.config());
    assert!(!process.end(seconds(20)).await.success());
    assert!(manager.socket.recv(&mut [0; 4096]).is_err(), "told nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_is_seen_before_the_door_closes() {
    let mut serve = Serve::prepare("\"never\"", "");
    serve.amend("[server.tls]", "drain = \"3s\"\n[server.tls]");
    serve.resume().await;
    let key = first_key(&serve, "test/a").await;
    let viewer = serve.viewer("test/a");
    viewer.get(&key).await.expect(200);
    let mut process = serve.process.take().unwrap();
    process.signal(Signal::TERM);
    until("readyz tells it", seconds(2), async || {
        let answer = serve.ops().get("/readyz").await;
        (answer.status == 503).then_some(())
    })
    .await;
    assert!(!health(&serve).0.success());
    let answer = viewer.get(&key).await.expect(200);
    assert_eq!(answer.header("connection"), "close");
    assert_eq!(answer.body.len(), 16);
    let status = process.end(seconds(12)).await;
    assert!(status.success(), "{status}");
    assert!(viewer.try_ask("GET", &key, &[], None).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_brought_to_its_end() {
    let mut serve = Serve::start("\"never\"", "").await;
    let folder = serve.origin().join("test/big");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.ts"), vec![7; 24 << 20]).unwrap();
    let terms = Terms::new(serve.authority.pem(), None);
    let mut download = Wire::connect(serve.port(), &terms).unwrap();
    let ask = b"GET /hls/test/big/a.ts HTTP/1.1\r\nhost: localhost\r\n\r\n";
    download.send(ask).unwrap();
    download.take(1 << 20).unwrap();

    let key = serve.credential("key", "test/**", &["register", "lease"]);
    let key = std::fs::read_to_string(key).unwrap();
    let key = format!("authorization: Bearer {}\r\n", key.trim());
    let schedule = "/v1/streams/test/a/schedule";
    let mut poll = Wire::connect(serve.port(), &terms).unwrap();
    let now = poll.ask("GET", schedule, &key).unwrap();
    let now: serde_json::Value = serde_json::from_slice(&now.body).unwrap();
    let held = format!(
        "GET {schedule}?known={}&wait=10 HTTP/1.1\r\nhost: localhost\r\n{key}\r\n",
        now["version"]
    );
    poll.send(held.as_bytes()).unwrap();
    let mut idle = Wire::connect(serve.port(), &terms).unwrap();
    assert_eq!(idle.ask("GET", "/v1/openapi.json", "").unwrap().status, 200);
    assert!(!poll.is_closed_within(seconds(1)), "it is held");

    let mut process = serve.process.take().unwrap();
    process.signal(Signal::TERM);
    // The rest of the download comes after the end of everything else.
    assert!(idle.is_closed_within(seconds(3)));
    let answer = poll.answer().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert!(answer.head.to_lowercase().contains("connection: close"));
    download.take(23 << 20).unwrap();
    assert!(download.is_closed_within(seconds(3)));
    let status = process.end(seconds(3)).await;
    assert!(status.success(), "{status}: {}", process.stderr.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_core_is_left_behind() {
    let serve = Serve::start("\"never\"", "").await;
    let pid = serve.process.as_ref().unwrap().pid();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core"));
    let most = core.unwrap().split_whitespace().skip(4).take(2);
    assert!(most.eq(["0", "0"]), "{limits}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_does_not_wait() {
    let mut serve = Serve::prepare("\"never\"", "");
    serve.amend("[server.tls]", "drain = \"1h\"\n[server.tls]");
    serve.resume().await;
    let mut process = serve.process.take().unwrap();
    process.signal(Signal::INT);
    until("the server drains", seconds(5), async || {
        process.stderr.text().contains("stopping").then_some(())
    })
    .await;
    process.signal(Signal::INT);
    assert_eq!(process.end(seconds(5)).await.code(), Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_asks_the_server_that_runs_here() {
    let mut serve = Serve::prepare("\"never\"", "");
    let (status, said) = health(&serve);
    assert!(
        !status.success() && said.contains("nothing answers"),
        "{said}"
    );
    serve.resume().await;
    let (status, said) = health(&serve);
    assert!(status.success() && said == "ready\n", "{said}");
}

/// The URI of a stream's first key.
async fn first_key(serve: &Serve, stream: &str) -> String {
    let credential = std::fs::read_to_string(serve.credential("studio", "test/**", &[])).unwrap();
    let packager = serve.stranger().with(credential.trim());
    let path = format!("/v1/streams/{stream}/schedule");
    let lease = packager.get(&path).await.expect(200).json();
    lease["periods"][0]["uri"].as_str().unwrap().to_owned()
}

fn health(serve: &Serve) -> (std::process::ExitStatus, String) {
    let done = binary::run(&["health", "--config", serve.config().to_str().unwrap()]);
    let said = [done.stdout, done.stderr].concat();
    (done.status, String::from_utf8(said).unwrap())
}
