//! A rotation with two thousand players while the entitlement service is slow, and then dead.
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
/// Answers end before the second rotation: what stands in for the dead service is stale by then.
const TTL: u64 = 40;
const BOUNDS: &str = "[entitlement.bounds]\nconcurrency = 512\ntimeout = \"10s\"\n";

/// A stream that rotates each minute, where each player has a name of its own that the service is
/// asked about.
async fn serve() -> (Serve, Service) {
    let mut serve = Serve::prepare("{ every = \"60s\" }", "");
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
    printed(&[&["stream", "add", STREAM, "--every", "60s"][..], &at].concat());
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
        "20s",
        "--rotations",
        "2",
        "--json",
    ]))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_player_misses_a_key_while_the_service_is_slow_and_then_dead() {
    let (serve, mut service) = serve().await;
    let mut storm = storm(&serve);
    until("the first rotation is over", seconds(240), async || {
        let said = storm.stderr.text();
        assert!(storm.ended().is_none(), "{said}");
        said.contains("rotation 2 of 2 is awaited").then_some(())
    })
    .await;
    let asked = service.seen().await;
    service.kill();
    let status = storm.end(seconds(240)).await;
    let report: Value = serde_json::from_str(&storm.stdout.text()).unwrap();
    assert!(status.success(), "{report}");
    assert_eq!(report["missed"], 0, "{report}");
    for moment in ["joining", "rotation 1", "rotation 2"] {
        let waves = report["waves"].as_array().unwrap();
        let wave = waves.iter().find(|wave| wave["moment"] == moment).unwrap();
        let counts = (&wave["wanted"], &wave["missed"]);
        assert_eq!(counts, (&json!(PLAYERS), &json!(0)), "{report}");
        // Half a second is what the service takes: whoever waits for it is slower.
        if moment != "joining" {
            assert!(wave["p50_ms"].as_f64().unwrap() < 500.0, "{wave}");
        }
    }
    let viewers = asked["by_viewer"].as_object().unwrap();
    assert_eq!(viewers.len() as u64, PLAYERS, "each is a viewer of its own");
    assert_eq!(asked["unsigned"], 0);
    let stale = counted(&serve, "hlskey_entitlement_stale_total ").await;
    assert!(
        stale >= PLAYERS,
        "the dead service was stood in for {stale} times"
    );
}
