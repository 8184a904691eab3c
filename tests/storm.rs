//! `hlskey storm` at a server that runs: what it counts is what the server and the players met.
//!
//! Must not know: how it plays.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::binary::{command, mint, printed, run};
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

const PLAYERS: u64 = 50;
const STREAM: &str = "test/storm";

/// A server of a stream that rotates every five seconds, where only alice may watch, and which
/// takes five connections of one address.
async fn serve() -> Serve {
    let mut serve = Serve::prepare("{ every = \"5s\" }", "");
    serve.amend(
        "source = \"allow\"",
        "source = \"static\"\n[[entitlement.viewers]]\nsubject = \"alice\"\nstreams = [\"test/*\"]",
    );
    serve.amend("[server.tls]", "connections_per_address = 5\n[server.tls]");
    serve.resume().await;
    let packager = serve.credential("studio", "test/*", &[]);
    let registrar = remote(&serve, &packager);
    printed(
        &[
            &["stream", "add", STREAM, "--every", "5s"][..],
            &strings(&registrar),
        ]
        .concat(),
    );
    serve
}

fn storm(serve: &Serve, more: &[&str]) -> Process {
    let (config, ca) = (serve.config(), serve.ca());
    let args = [
        "storm",
        "--config",
        config.to_str().unwrap(),
        "--ca",
        ca.to_str().unwrap(),
        "--stream",
        STREAM,
        "--players",
        "50",
        "--target-duration",
        "2s",
        "--json",
    ];
    Process::start(command(&[&args, more].concat()))
}

/// The report, and the exit code.
async fn end(mut storm: Process) -> (Value, Option<i32>) {
    let status = storm.end(seconds(60)).await;
    let report = serde_json::from_str(&storm.stdout.text());
    let report = report.unwrap_or_else(|e| panic!("{e}: {}", storm.stderr.text()));
    (report, status.code())
}

/// How often each thing was counted by the server.
async fn counted(serve: &Serve, name: &str) -> u64 {
    let metrics = serve.ops().get("/metrics").await.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |count| count.trim().parse().unwrap())
}

fn wave<'a>(report: &'a Value, moment: &str) -> &'a Value {
    let waves = report["waves"].as_array().unwrap();
    let found = waves.iter().find(|wave| wave["moment"] == moment);
    found.unwrap_or_else(|| panic!("no {moment} in {report}"))
}

#[tokio::test]
async fn everybody_has_the_new_key_in_time() {
    let serve = serve().await;
    let forgetful = [
        "--subject",
        "alice",
        "--without-cache",
        "20%",
        "--seed",
        "7",
    ];
    let (report, code) = end(storm(&serve, &forgetful)).await;
    assert_eq!(
        (report["missed"].as_u64(), code),
        (Some(0), Some(0)),
        "{report}"
    );
    for moment in ["joining", "rotation 1"] {
        let wave = wave(&report, moment);
        assert_eq!(
            (&wave["wanted"], &wave["missed"]),
            (&json!(PLAYERS), &json!(0))
        );
        let times = ["p50_ms", "p99_ms", "max_ms"].map(|name| wave[name].as_f64().unwrap());
        assert!(
            times.is_sorted() && times[0] > 0.0 && times[2] < 2000.0,
            "{wave}"
        );
    }
    // The server's own counts: each request a key, each key a question, nobody came twice.
    let delivered = counted(&serve, "hlskey_key_deliveries_total ").await;
    assert_eq!(report["requests"], json!(delivered));
    assert_eq!(report["entitlement_lookups"], json!(delivered));
    assert_eq!(
        report["connections"],
        json!({"full": PLAYERS, "resumed": 0})
    );
    assert!(delivered > 2 * PLAYERS, "ten of them ask again: {report}");
    assert_eq!(report["seed"], json!(7));
    let credentials = printed(&[
        "credential",
        "ls",
        "--config",
        serve.config().to_str().unwrap(),
    ]);
    assert!(
        credentials.contains("studio") && !credentials.contains("storm"),
        "{credentials}"
    );
}

#[tokio::test]
async fn refused_viewers_miss_every_key() {
    let serve = serve().await;
    let (report, code) = end(storm(&serve, &["--without-cache", "0%"])).await;
    assert_eq!(code, Some(1), "{report}");
    assert_eq!(report["missed_by"], json!({"403": report["requests"]}));
    for moment in ["joining", "rotation 1"] {
        let wave = wave(&report, moment);
        assert_eq!(wave["missed"], json!(PLAYERS), "{report}");
        assert_eq!(wave["p99_ms"], Value::Null);
    }
}

#[tokio::test]
async fn a_server_that_stands_still_is_seen() {
    let mut serve = serve().await;
    let storm = storm(&serve, &["--subject", "alice"]);
    until("a rotation is awaited", seconds(60), async || {
        let said = storm.stderr.text();
        said.contains("rotation 1 of 1 is awaited").then_some(())
    })
    .await;
    let server = serve.process.as_mut().unwrap();
    server.signal(Signal::STOP);
    let (report, code) = end(storm).await;
    server.signal(Signal::CONT);
    assert_eq!(code, Some(1), "{report}");
    assert_eq!(wave(&report, "joining")["missed"], json!(0));
    let rotation = wave(&report, "rotation 1");
    assert_eq!(rotation["missed"], json!(PLAYERS), "{report}");
    assert_eq!(
        report["missed_by"]["no answer"], report["missed"],
        "{report}"
    );
}

#[tokio::test]
async fn a_server_elsewhere_is_cut_to_a_new_key() {
    let serve = Serve::start("{ every = \"24h\" }", "").await;
    let packager = serve.credential("studio", "test/*", &["lease", "register", "rotate"]);
    let registrar = remote(&serve, &packager);
    printed(
        &[
            &["stream", "add", STREAM, "--every", "24h"][..],
            &strings(&registrar),
        ]
        .concat(),
    );
    let tokens = serve.config().with_file_name("viewers.tokens");
    let viewers = ["1h", "2h"].map(|ttl| mint(&serve.config(), STREAM, ttl));
    private_file(&tokens, &viewers.join("\n"));
    let args = [
        "storm",
        "--stream",
        STREAM,
        "--players",
        "9",
        "--target-duration",
        "2s",
    ];
    let more = [
        "--rotate",
        "--json",
        "--token-file",
        tokens.to_str().unwrap(),
    ];
    let storm = Process::start(command(&[&args, &more[..], &strings(&registrar)].concat()));
    let (report, code) = end(storm).await;
    assert_eq!(
        (report["missed"].as_u64(), code),
        (Some(0), Some(0)),
        "{report}"
    );
    assert_eq!(wave(&report, "rotation 1")["wanted"], json!(9));
    assert_eq!(
        report.get("entitlement_lookups"),
        None,
        "its metrics are not ours to see"
    );
}

#[tokio::test]
async fn what_cannot_be_played_is_told() {
    let serve = Serve::start("\"never\"", "").await;
    let packager = serve.credential("studio", "test/*", &[]);
    let registrar = remote(&serve, &packager);
    printed(&[&["stream", "add", "test/still"][..], &strings(&registrar)].concat());
    let (config, ca) = (serve.config(), serve.ca());
    let (config, ca) = (config.to_str().unwrap(), ca.to_str().unwrap());
    let quick = ["--target-duration", "100ms", "--ca", ca];
    for (args, says) in [
        // Not registered by its template either: the next case finds one stream alone.
        (&["--config", config, "--stream", "test/none"][..], "(404)"),
        (&["--config", config, "--stream", "test/still"], "--rotate"),
        (
            &["--server", "https://localhost", "--stream", "test/still"],
            "--token-file",
        ),
        (
            &[
                "--config",
                config,
                "--stream",
                "test/still",
                "--players",
                "20001",
            ],
            "20000",
        ),
        (
            &[
                "--config",
                config,
                "--stream",
                "test/still",
                "--without-cache",
                "2x",
            ],
            "percents",
        ),
    ] {
        let output = run(&[&["storm"], args, &quick].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(says),
            "{args:?}: {errors}"
        );
    }
    let untrusted = run(&["storm", "--config", config, "--stream", "test/still"]);
    assert!(String::from_utf8_lossy(&untrusted.stderr).contains("--ca FILE"));
    let listed = printed(&[&["stream", "ls"][..], &strings(&registrar)].concat());
    assert!(
        listed.contains("test/still") && !listed.contains("test/none"),
        "{listed}"
    );
}

/// How the packager reaches the server.
fn remote(serve: &Serve, credential: &Path) -> [String; 6] {
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let flags = ["--server", "--ca", "--credential-file"].map(str::to_owned);
    let [server, ca, file] = flags;
    [
        server,
        serve.url(),
        ca,
        path(&serve.ca()),
        file,
        path(credential),
    ]
}

fn strings(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn private_file(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}
