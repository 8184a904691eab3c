//! Rotations with two thousand players while the entitlement service is slow, dies, and is dead.
//!
//! Must not know: how the product keeps its answers.

use serde_json::{Value, json};

use super::scene::counted;
use crate::harness::binary::{command, printed};
use crate::harness::entitlement::{Service, ask_there};
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

const STREAM: &str = "test/final";
const PLAYERS: u64 = 2000;
/// Answers of the rotation in which the service dies end before the next one: what stands in for it
/// is stale by then.
const TTL: u64 = 18;
const PERIOD: &str = "30s";
const BOUNDS: &str = "[entitlement.bounds]\nconcurrency = 512\ntimeout = \"10s\"\n";

/// A stream that rotates, where each player has a name of its own that the service is
/// asked about.
async fn serve() -> (Serve, Service) {
    let mut serve = Serve::prepare(&format!("{{ every = \"{PERIOD}\" }}"), "");
    let service = Service::start(&serve, &[]).await;
    ask_there(&serve, &format!("http://{}", service.place()), BOUNDS);
    serve.resume().await;
    let answer = json!({"allow": true, "ttl": TTL});
    service.set(json!({"delay": 0.5, "answer": answer})).await;
    let packager = serve.credential("studio", "test/*", &[]);
    let [url, ca] = [serve.url(), serve.ca().to_str().unwrap().to_owned()];
    let credential = packager.to_str().unwrap();
    let at = [
        "--server",
        &url,
        "--ca",
        &ca,
        "--credential-file",
        credential,
    ];
    printed(&[&["stream", "add", STREAM, "--every", PERIOD][..], &at].concat());
    (serve, service)
}

fn storm(serve: &Serve) -> Process {
    let (config, ca) = (serve.config(), serve.ca());
    Process::start(command(&[
        "storm",
        "--config",
        config.to_str().unwrap(),
        "--ca",
        ca.to_str().unwrap(),
        "--stream",
        STREAM,
        "--players",
        &PLAYERS.to_string(),
        "--target-duration",
        "10s",
        "--rotations",
        "3",
        "--json",
    ]))
}

/// Waits until the storm says so.
async fn heard(storm: &mut Process, line: &str) {
    until(line, seconds(150), async || {
        let said = storm.stderr.text();
        assert!(storm.ended().is_none(), "{said}");
        said.contains(line).then_some(())
    })
    .await;
}

async fn delivered(serve: &Serve) -> u64 {
    counted(serve, "hlskey_key_deliveries_total ").await
}

/// Kills the service while a rotation's keys are being delivered and questions are on their way;
/// gives how many had their key by then.
async fn kill_amid(serve: &Serve, service: &mut Service) -> u64 {
    let before = delivered(serve).await;
    until("keys are being delivered", seconds(20), async || {
        let is_asked = service.seen().await["at_once"].as_u64().unwrap() > 0;
        let is_amid = delivered(serve).await - before >= PLAYERS / 4;
        (is_amid && is_asked).then_some(())
    })
    .await;
    service.kill();
    delivered(serve).await - before
}

#[tokio::test(flavor = "multi_thread")]
async fn no_player_misses_a_key_while_the_service_is_slow_and_then_dead() {
    let (serve, mut service) = serve().await;
    let mut storm = storm(&serve);
    heard(&mut storm, "rotation 1 of 3 has begun").await;
    // What it said is called off: each player waits for the service, which takes half a second.
    let before = service.asked().await;
    let all = json!({ "stream": STREAM });
    assert_eq!(service.push(&serve, &all, json!({})).await, 204);
    heard(&mut storm, "rotation 2 of 3 has begun").await;
    let asked = service.seen().await;
    let had_theirs = kill_amid(&serve, &mut service).await;
    assert!(had_theirs < PLAYERS, "the rotation was over");
    heard(&mut storm, "rotation 3 of 3 has begun").await;
    let stale = "hlskey_entitlement_stale_total ";
    let before_last = counted(&serve, stale).await;
    let status = storm.end(seconds(120)).await;
    let report: Value = serde_json::from_str(&storm.stdout.text()).unwrap();
    assert!(status.success(), "{report}");
    assert_eq!(report["missed"], 0, "{report}");
    let waves = report["waves"].as_array().unwrap();
    for (moment, waits) in [
        ("joining", true),
        ("rotation 1", true),
        ("rotation 2", false),
        ("rotation 3", false),
    ] {
        let wave = waves.iter().find(|wave| wave["moment"] == moment).unwrap();
        let counts = (&wave["wanted"], &wave["missed"]);
        assert_eq!(counts, (&json!(PLAYERS), &json!(0)), "{report}");
        // Only this is sure on any machine: an answer takes the service half a second.
        let has_waited = wave["max_ms"].as_f64().unwrap() >= 500.0;
        assert!(has_waited || !waits, "{wave}");
    }
    let viewers = asked["by_viewer"].as_object().unwrap();
    assert_eq!(viewers.len() as u64, PLAYERS, "each is a viewer of its own");
    assert_eq!(asked["unsigned"], 0);
    let in_the_first = asked["asked"].as_u64().unwrap() - before;
    assert!(in_the_first >= PLAYERS, "{in_the_first} were asked about");
    let in_the_last = counted(&serve, stale).await - before_last;
    assert!(
        in_the_last >= PLAYERS * 9 / 10,
        "the dead service was stood in for {in_the_last} times"
    );
}
