//! A key stays while the slowest sink still lists it.
//!
//! Must not know: when the server looks.

use std::collections::BTreeSet;
use std::path::Path;

use super::Scene;
use crate::harness::actor::Actor;
use crate::harness::dav::Dav;
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::Packager;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::independent::playlist::read_media;

/// Everything as short as it goes, so that a test sees the end of it.
const SHORT: &str = "[keys.retention]\ngrace = \"2s\"\nwindow = \"1s\"\nsweep = \"1s\"\n";

/// The keys that a published playlist names, by their paths.
fn keys(list: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(list).unwrap_or_default();
    let list = read_media(&text);
    let segments = list.map(|list| list.segments).unwrap_or_default();
    let keys = segments.into_iter().filter_map(|segment| segment.key);
    let kid = |key: Vec<(String, String)>| {
        let uri = key[1].1.trim_matches('"').to_owned();
        uri.rsplit('/').next().unwrap().to_owned()
    };
    keys.map(kid).collect()
}

async fn status(viewer: &Actor, kid: &str) -> u16 {
    viewer.get(&format!("/v1/keys/{kid}")).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_outlives_the_listing_of_a_sink_that_is_behind() {
    let serve = Serve::prepare("{ segments = 4 }", SHORT);
    serve.amend("[keys]", "[keys]\nlease = \"2s\"");
    let mut serve = serve;
    serve.resume().await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::single(source.path());
    (packager.span, packager.window) = (500, 4);
    packager.begin_now();
    let job = Encrypt::at(&serve, "test/behind", source.path(), sink.path());
    let mut scene = Scene {
        serve,
        packager,
        job,
        _source: source,
        sink,
    };
    let mut dav = Dav::start().await;
    let mut worker = scene.worker(Some(&dav), None, &[]);
    let (own, theirs) = (
        scene.sink.path().join("index.m3u8"),
        dav.folder().join("index.m3u8"),
    );
    let viewer = scene.serve.viewer("test/behind");
    until("both list the second period", seconds(30), async || {
        scene.packager.run(1).await;
        (scene.packager.next > 8 && !keys(&theirs).is_empty()).then_some(())
    })
    .await;
    let earlier = keys(&theirs);
    until(
        "a key that every list has left is gone",
        seconds(60),
        async || {
            scene.packager.run(1).await;
            for kid in earlier.difference(&keys(&theirs)) {
                if status(&viewer, kid).await == 410 {
                    return Some(());
                }
            }
            None
        },
    )
    .await;
    dav.kill();
    let held = keys(&theirs);
    for _ in 0..50 {
        scene.packager.run(1).await;
        for kid in &held {
            assert_eq!(status(&viewer, kid).await, 200, "{kid} is still listed");
        }
    }
    assert!(keys(&own).is_disjoint(&held), "the folder has gone on");

    // Whoever restarts while the sink is away has not forgotten what it lists.
    worker.kill();
    let mut worker = scene.worker(Some(&dav), None, &[]);
    for _ in 0..24 {
        scene.packager.run(1).await;
        for kid in &held {
            assert_eq!(status(&viewer, kid).await, 200, "{kid} is still listed");
        }
    }
    dav.resume().await;
    until(
        "the keys go once the sink has gone on",
        seconds(60),
        async || {
            scene.packager.run(1).await;
            for kid in &held {
                if status(&viewer, kid).await != 410 {
                    return None;
                }
            }
            Some(())
        },
    )
    .await;
    worker.stop(rustix::process::Signal::TERM).await;
}
