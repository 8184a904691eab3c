//! Points 13, 15 to 17, 19, 25, 34 and 35: the life of keys beside that of segments.
//!
//! Must not know: which code writes them. The crash matrix shows 15 at each step of a kill, and
//! `retention` 16 to a key's end.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::scene::Scene;
use crate::harness::packager::{Packager, payload};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, throughout, until};
use crate::independent::playlist::{Listed, read_media};

/// A key is served for a few seconds after the last playlist that listed it.
const RETENTION: &str = "[keys.retention]\ngrace = \"9s\"\nwindow = \"1s\"\nsweep = \"1s\"\n";

/// What a published playlist lists now.
fn listed(sink: &Path, rendition: &str) -> Vec<Listed> {
    let text = std::fs::read_to_string(sink.join(rendition)).unwrap();
    read_media(&text).unwrap().segments
}

/// The URI of a segment's key.
fn key_of(segment: &Listed) -> String {
    let key = segment.key.as_ref().unwrap();
    let uri = key.iter().find(|(name, _)| name == "URI").unwrap();
    uri.1.trim_matches('"').to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn point_13_all_renditions_rotate_at_the_same_segment() {
    let scene = Scene::new("p13", "{ segments = 4 }").await;
    let mut packager = Packager::ladder(scene.source.path());
    packager.write_vod(11);
    scene.job.once_well();
    let keys = packager.renditions.iter().map(|rendition| {
        let segments = listed(scene.sink.path(), rendition);
        segments.iter().map(key_of).collect::<Vec<_>>()
    });
    let keys: Vec<_> = keys.collect();
    assert!(keys.iter().all(|other| *other == keys[0]));
    for msn in 1..11 {
        assert_eq!(keys[0][msn] != keys[0][msn - 1], msn % 4 == 0, "#{msn}");
    }
}

/// Whoever sees a segment listed can fetch it whole, and its key.
#[tokio::test(flavor = "multi_thread")]
async fn point_15_what_is_listed_is_there_with_its_key() {
    let scene = Scene::new("p15", "{ segments = 3 }").await;
    let mut packager = Packager::single(scene.source.path());
    (packager.span, packager.window) = (200, 4);
    let _worker = scene.job.start();
    let viewer = scene.serve.viewer(&scene.job.stream);
    let mut looks = 0;
    for _ in 0..30 {
        packager.run(1).await;
        if !scene.sink.path().join("index.m3u8").exists() {
            continue;
        }
        for segment in listed(scene.sink.path(), "index.m3u8") {
            let path = scene.sink.path().join(&segment.uri);
            let length = payload("index.m3u8", segment.msn).len() as u64;
            assert_eq!(
                std::fs::metadata(&path).unwrap().len(),
                (length / 16 + 1) * 16
            );
            viewer.get(&key_of(&segment)).await.expect(200);
            looks += 1;
        }
    }
    assert!(looks > 40, "{looks}");
}

/// Retention is so short that the key would be gone if only its period counted, or the window.
#[tokio::test(flavor = "multi_thread")]
async fn point_16_a_key_outlives_the_segments_that_left_the_window() {
    let mut serve = Serve::prepare("{ segments = 2 }", RETENTION);
    serve.amend("[keys]", "[keys]\nlease = \"10s\"");
    serve.resume().await;
    let scene = Scene::at("p16", serve);
    let mut packager = Packager::single(scene.source.path());
    (packager.span, packager.window) = (200, 6);
    let worker = scene.job.start();
    packager.run(6).await;
    let sink = scene.sink.path();
    until("all of it is published", seconds(20), async || {
        let text = std::fs::read_to_string(sink.join("index.m3u8")).ok()?;
        (read_media(&text).ok()?.segments.len() == 6).then_some(())
    })
    .await;
    let first = key_of(&listed(sink, "index.m3u8")[0]);
    // The source stands still, and the first period of three is long over.
    let viewer = scene.serve.viewer(&scene.job.stream);
    throughout("what is listed has its key", seconds(25), async || {
        viewer.get(&first).await.status == 200
    })
    .await;
    packager.run(3).await;
    until("the window moves on", seconds(20), async || {
        let keys = listed(sink, "index.m3u8")
            .iter()
            .map(key_of)
            .collect::<Vec<_>>();
        (!keys.contains(&first)).then_some(())
    })
    .await;
    throughout("who has an old playlist gets it", seconds(3), async || {
        viewer.get(&first).await.status == 200
    })
    .await;
    until("it goes after that", seconds(40), async || {
        (viewer.get(&first).await.status == 410).then_some(())
    })
    .await;
    let now = key_of(listed(sink, "index.m3u8").last().unwrap());
    viewer.get(&now).await.expect(200);
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn point_17_a_key_that_is_withdrawn_opens_nothing_more_and_others_go_on() {
    let scene = Scene::new("p17", "{ segments = 2 }").await;
    Packager::single(scene.source.path()).write_vod(6);
    scene.job.once_well();
    let segments = listed(scene.sink.path(), "index.m3u8");
    let (bad, good) = (key_of(&segments[0]), key_of(&segments[2]));
    let viewer = scene.serve.viewer(&scene.job.stream);
    viewer.get(&bad).await.expect(200);
    let key = scene.serve.credential("operator", "test/**", &["operate"]);
    let operator = scene
        .serve
        .ops()
        .with(std::fs::read_to_string(key).unwrap().trim());
    let kid = bad.rsplit('/').next().unwrap();
    let body = json!({"key": kid}).to_string();
    operator
        .ask("POST", "/v1/revocations", Some(&body))
        .await
        .expect(200);
    viewer.get(&bad).await.expect(410);
    viewer.get(&good).await.expect(200);
}

/// Players ask for a period's key with its first segment, and some before.
#[tokio::test(flavor = "multi_thread")]
async fn point_19_the_next_key_is_served_before_a_segment_needs_it() {
    let scene = Scene::new("p19", "{ segments = 3 }").await;
    Packager::single(scene.source.path()).write_vod(3);
    scene.job.once_well();
    let text = std::fs::read_to_string(&scene.job.credential).unwrap();
    let packager = scene.serve.stranger().with(text.trim());
    let path = format!("/v1/streams/{}/schedule?from=0&count=2", scene.job.stream);
    let lease = packager.get(&path).await.expect(200).json();
    let [now, next] = [0, 1].map(|at| lease["periods"][at]["uri"].as_str().unwrap().to_owned());
    let used: Vec<_> = listed(scene.sink.path(), "index.m3u8")
        .iter()
        .map(key_of)
        .collect();
    assert!(used.contains(&now) && !used.contains(&next));
    scene
        .serve
        .viewer(&scene.job.stream)
        .get(&next)
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn point_25_numbers_go_on_over_a_restart_with_a_break_and_another_key() {
    let scene = Scene::new("p25", "{ segments = 50 }").await;
    let mut packager = Packager::single(scene.source.path());
    (packager.span, packager.window) = (300, 20);
    let _worker = scene.job.start();
    let reaches = async |last: u64| {
        let path = scene.sink.path().join("index.m3u8");
        until("it is published", seconds(30), async || {
            let text = std::fs::read_to_string(&path).ok()?;
            let list = read_media(&text).unwrap().segments;
            (list.last()?.msn >= last).then_some(list)
        })
        .await
    };
    packager.run(5).await;
    let before = reaches(4).await;
    packager.restart();
    packager.run(3).await;
    let after = reaches(7).await;
    let numbers: Vec<u64> = after.iter().map(|segment| segment.msn).collect();
    assert!(
        numbers.is_sorted_by(|one, next| *next == one + 1),
        "{numbers:?}"
    );
    let first = after.iter().position(|one| one.breaks > 0).unwrap();
    assert_eq!(after[first].msn, 5);
    let stays = &before[before.len() - first..];
    assert_eq!(after[..first], *stays, "what is published stays as it is");
    assert_ne!(key_of(&after[first]), key_of(&after[first - 1]));
}

/// Half of the deadline of RFC 8216bis §6.2.1, by the median.
#[tokio::test(flavor = "multi_thread")]
async fn point_34_a_segment_is_published_well_within_one_and_a_half_target_durations() {
    let scene = Scene::new("p34", "{ segments = 3 }").await;
    let mut packager = Packager::single(scene.source.path());
    packager.span = 2000;
    let _worker = scene.job.start();
    packager.run(1).await;
    let path = scene.sink.path().join("index.m3u8");
    let mut delays = Vec::new();
    for msn in 1..8 {
        packager.run(1).await;
        let begun = Instant::now();
        let last = format!("seg-{msn}.ts\n");
        until("it is published", seconds(20), async || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            text.ends_with(&last).then_some(())
        })
        .await;
        delays.push(begun.elapsed());
    }
    delays.sort();
    let median = delays[delays.len() / 2];
    assert!(median < Duration::from_millis(1500), "{delays:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn point_35_a_torn_transport_stream_is_not_published() {
    let scene = Scene::new("p35t", "\"never\"").await;
    let mut packager = Packager::single(scene.source.path());
    packager.write_vod(3);
    let torn = packager.segment("index.m3u8", 1);
    let whole = std::fs::read(&torn).unwrap();
    std::fs::write(&torn, &whole[..whole.len() - 7]).unwrap();
    let output = scene.job.once();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("MPEG-TS packet"),
        "{said}"
    );
    assert!(!scene.sink.path().join("index.m3u8").exists());
    // And whole again.
    std::fs::write(&torn, whole).unwrap();
    scene.job.once_well();
    assert_eq!(listed(scene.sink.path(), "index.m3u8").len(), 3);
}
