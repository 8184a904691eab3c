//! Old keys: served for as long as a playlist may list them, then 410, then gone.
//!
//! Must not know: when the server looks.

use serde_json::{Value, json};

use crate::harness::actor::Actor;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, throughout, until};

const STREAM: &str = "/v1/streams/test/old";
/// Everything as short as it goes, so that a test sees the end of it.
const SHORT: &str = "[keys.retention]\ngrace = \"2s\"\nwindow = \"1s\"\nsweep = \"1s\"\n";

async fn packager(serve: &Serve) -> Actor {
    let credential = serve.credential("packager", "test/**", &[]);
    let text = std::fs::read_to_string(credential).unwrap();
    serve.stranger().with(text.trim())
}

async fn lease(actor: &Actor, from: i64, count: u32) -> Vec<String> {
    let path = format!("{STREAM}/schedule?from={from}&count={count}");
    let lease = actor.get(&path).await.expect(200).json();
    let periods = lease["periods"].as_array().unwrap().clone();
    let kid = |period: &Value| period["kid"].as_str().unwrap().to_owned();
    periods.iter().map(kid).collect()
}

/// Reports a playlist that lists segments up to `last` under one key.
async fn listing(actor: &Actor, rendition: &str, kid: &str, last: u64, kept: bool) {
    let body = json!({
        "instance": "e", "acknowledged": 1,
        "renditions": [{
            "rendition": rendition, "duration_ms": 500, "kept": kept,
            "periods": [{"kid": kid, "first": 0, "last": last}],
        }],
    });
    let path = format!("{STREAM}/progress");
    actor
        .ask("POST", &path, Some(&body.to_string()))
        .await
        .expect(200);
}

async fn status(viewer: &Actor, kid: &str) -> u16 {
    viewer.get(&format!("/v1/keys/{kid}")).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_gone_once_no_playlist_can_list_it() {
    let serve = Serve::prepare("{ segments = 10 }", SHORT);
    serve.amend("[keys]", "[keys]\nlease = \"1s\"");
    let mut serve = serve;
    serve.resume().await;
    let (actor, viewer) = (packager(&serve).await, serve.viewer("test/old"));
    let kids = lease(&actor, 0, 4).await;
    listing(&actor, "vod.m3u8", &kids[0], 5, true).await;
    listing(&actor, "live.m3u8", &kids[1], 15, false).await;
    listing(&actor, "live.m3u8", &kids[2], 25, false).await;
    until(
        "the key that left every playlist is gone",
        seconds(40),
        async || (status(&viewer, &kids[1]).await == 410).then_some(()),
    )
    .await;
    throughout("what is wanted stays", seconds(6), async || {
        let mut served = true;
        for kid in [&kids[0], &kids[2], &kids[3]] {
            served &= status(&viewer, kid).await == 200;
        }
        served
    })
    .await;
    let leased = actor
        .get(&format!("{STREAM}/schedule?from=1&count=1"))
        .await;
    assert_eq!(
        leased.expect(200).json()["periods"][0]["state"],
        json!("retired")
    );
    actor.ask("DELETE", STREAM, None).await.expect(204);
    until(
        "a removed stream's keys are gone",
        seconds(10),
        async || (status(&viewer, &kids[0]).await == 410).then_some(()),
    )
    .await;
    serve.pause().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroyed_key_leaves_no_row_and_a_restart_brings_none_back() {
    let short = SHORT.replace("sweep", "destroy_after = \"3s\"\nsweep");
    let serve = Serve::prepare("{ segments = 10 }", &short);
    serve.amend("[keys]", "[keys]\nlease = \"1s\"");
    let mut serve = serve;
    serve.resume().await;
    let (actor, viewer) = (packager(&serve).await, serve.viewer("test/old"));
    let kids = lease(&actor, 0, 2).await;
    listing(&actor, "live.m3u8", &kids[0], 5, false).await;
    listing(&actor, "live.m3u8", &kids[1], 15, false).await;
    for expected in [410, 404] {
        until("the key's life goes on", seconds(40), async || {
            (status(&viewer, &kids[0]).await == expected).then_some(())
        })
        .await;
    }
    assert_eq!(status(&viewer, &kids[1]).await, 200);
    serve.kill();
    serve.resume().await;
    assert_eq!(status(&viewer, &kids[1]).await, 200);
    assert_eq!(status(&viewer, &kids[0]).await, 404);
}
