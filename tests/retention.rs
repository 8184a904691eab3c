//! Old keys: served for as long as a playlist may list them, then 410, then gone.
//!
//! Must not know: when the server looks.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::actor::Actor;
use crate::harness::encrypt::Encrypt;
use crate::harness::on_air::told;
use crate::harness::packager::Packager;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, throughout, until};
use crate::independent::playlist::read_media;

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

/// The keys that the published playlist names, each once, in their order.
fn listed(sink: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(sink.join("index.m3u8")).unwrap();
    let keys = read_media(&text).unwrap().segments;
    let keys = keys.into_iter().map(|segment| segment.key.unwrap());
    let mut kids: Vec<String> = keys
        .map(|key| {
            key[1]
                .1
                .trim_matches('"')
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    kids.dedup();
    kids
}

/// A server that sweeps quickly, and a finished list of nine segments without a type, three a
/// period.
async fn finished(folder: &Path) -> (Serve, Packager) {
    let serve = Serve::prepare("{ segments = 3 }", SHORT);
    serve.amend("[keys]", "[keys]\nlease = \"10s\"");
    let mut serve = serve;
    serve.resume().await;
    let mut packager = Packager::single(folder);
    packager.span = 100;
    packager.write_vod(9);
    (serve, packager)
}

/// Waits until keys that left every playlist now are gone, and wants those of `kids` served.
async fn swept(serve: &Serve, stream: &str, kids: &[String]) {
    let (actor, viewer) = (packager(serve).await, serve.viewer("test/old"));
    let old = lease(&actor, 0, 2).await;
    listing(&actor, "live.m3u8", &old[0], 5, false).await;
    listing(&actor, "live.m3u8", &old[1], 15, false).await;
    until("an old key is gone", seconds(60), async || {
        (status(&viewer, &old[0]).await == 410).then_some(())
    })
    .await;
    let viewer = serve.viewer(stream);
    throughout("what is finished stays", seconds(12), async || {
        let mut served = true;
        for kid in kids {
            served &= status(&viewer, kid).await == 200;
        }
        served
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_asset_stays_whatever_its_list_says_of_its_type() {
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (serve, _packager) = finished(source.path()).await;
    let stream = "test/asset";
    Encrypt::at(&serve, stream, source.path(), sink.path()).once_well();
    let kids = listed(sink.path());
    assert_eq!(kids.len(), 3);
    swept(&serve, stream, &kids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_done_once_the_server_keeps_its_keys() {
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut serve, packager) = finished(source.path()).await;
    let stream = "test/unnoted";
    let job = Encrypt::at(&serve, stream, source.path(), sink.path());
    let (last, aside) = (
        packager.segment("index.m3u8", 8),
        source.path().join("aside"),
    );
    std::fs::rename(&last, &aside).unwrap();
    let mut run = job.start_with(&["--once"]);
    until("one segment is waited for", seconds(20), async || {
        (told(&run, "encrypted") == 8 && told(&run, "stalled") > 0).then_some(())
    })
    .await;
    serve.kill();
    std::fs::rename(&aside, &last).unwrap();
    until("it is published", seconds(10), async || {
        (told(&run, "published") == 1).then_some(())
    })
    .await;
    let status = run.end(seconds(60)).await;
    assert_eq!(status.code(), Some(1), "{}", run.stderr.text());
    let told = run.stderr.text();
    assert!(told.contains("run this again"), "{told}");
    serve.resume().await;
    job.once_well();
    let kids = listed(sink.path());
    assert_eq!(kids.len(), 3);
    swept(&serve, stream, &kids).await;
}
