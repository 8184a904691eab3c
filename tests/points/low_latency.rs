//! Points 5, 14 and 23, and what a restart leaves: parts of segments that are not complete.
//!
//! Must not know: which code writes them.

use std::collections::BTreeMap;

use super::scene::Scene;
use crate::harness::low_latency::{LowLatency, PARTS, whole};
use crate::harness::parts::{attribute, open_parts, parts};
use crate::harness::process::Process;

/// How a part is listed; its hint was not.
fn listed(stem: &str, msn: u64, index: u64) -> String {
    format!("DURATION=0.25,URI=\"{stem}-part{index}-{msn}.m4s\"")
}

/// Opens every part that `text` names and wants the source's bytes.
async fn check(scene: &Scene, text: &str) -> BTreeMap<String, Vec<u8>> {
    let viewer = scene.serve.viewer(&scene.job.stream);
    open_parts((&viewer, scene.sink.path()), "i.m3u8", text).await
}

/// Steps of one part, each awaited and checked; what was published never changes.
async fn follow(
    scene: &Scene,
    worker: &mut Process,
    source: &mut LowLatency,
    steps: u64,
) -> BTreeMap<String, (String, Vec<u8>)> {
    let mut known: BTreeMap<String, (String, Vec<u8>)> = BTreeMap::new();
    for _ in 0..steps {
        source.advance(1);
        let (msn, index) = ((source.parts - 1) / PARTS, (source.parts - 1) % PARTS);
        if msn == 0 {
            continue; // a list without a whole segment is awaited
        }
        let name = listed(&format!("s{msn}.{index}"), msn, index);
        let text = scene.published(worker, &name).await;
        let files = check(scene, &text).await;
        for (_, uri, tag) in parts(&text) {
            let now = (tag, files[&uri].clone());
            let was = known.entry(uri.clone()).or_insert_with(|| now.clone());
            assert_eq!(*was, now, "{uri} is another one by now\n{text}");
        }
    }
    known
}

#[tokio::test(flavor = "multi_thread")]
async fn points_05_and_14_a_part_is_under_its_segments_key_which_stands_above_its_first_part() {
    let scene = Scene::new("p14", "{ every = \"2s\" }").await;
    let mut source = LowLatency::new(scene.source.path(), "i.m3u8");
    let mut worker = scene.job.start();
    let known = follow(&scene, &mut worker, &mut source, 4 * PARTS + 2).await;
    let text = scene.published(&mut worker, &listed("s4.1", 4, 1)).await;
    let tags: Vec<&str> = text.lines().filter(|l| l.contains("METHOD=AES")).collect();
    assert_eq!(tags.len(), 5, "four segments and the open one\n{text}");
    let hint = text.lines().last().unwrap();
    assert_eq!(
        hint, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"s4.2-part2-4.m4s\"",
        "{text}"
    );
    assert!(
        text.contains("#EXT-X-SERVER-CONTROL:PART-HOLD-BACK=0.75\n"),
        "{text}"
    );
    let kid = |uri: &str| attribute(&known[uri].0, "URI");
    assert_ne!(
        kid("s1.0-part0-1.m4s"),
        kid("s2.0-part0-2.m4s"),
        "periods begin with segments"
    );
    // The segment is one stream of its own, under the tag that its parts had.
    source.advance(2);
    let text = scene.published(&mut worker, "\ns4.m4s\n").await;
    let open = scene.viewing().await.open_text("i.m3u8", &text);
    for opened in &open {
        assert_eq!(opened.plain, whole("i.m3u8", opened.listed.msn));
    }
    for (_, uri, tag) in parts(&text) {
        if let Some((was, _)) = known.get(&uri) {
            assert_eq!(*was, tag, "{uri}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn point_23_parts_that_are_ranges_of_a_growing_file_become_files() {
    let scene = Scene::new("p23", "{ segments = 2 }").await;
    let mut source = LowLatency::new(scene.source.path(), "i.m3u8");
    (source.ranges, source.dated) = (true, false);
    let mut worker = scene.job.start();
    for step in 0..3 * PARTS + 2 {
        source.advance(1);
        let (msn, index) = (step / PARTS, step % PARTS);
        if msn > 0 {
            let name = listed(&format!("s{msn}"), msn, index);
            let text = scene.published(&mut worker, &name).await;
            check(&scene, &text).await;
            let is_range =
                |line: &str| line.starts_with("#EXT-X-PART:") && line.contains("BYTERANGE");
            assert!(!text.lines().any(is_range), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_within_a_segment_goes_on_with_its_next_part() {
    let scene = Scene::new("p14-killed", "{ every = \"2s\" }").await;
    let mut source = LowLatency::new(scene.source.path(), "i.m3u8");
    let mut worker = scene.job.start();
    let before = follow(&scene, &mut worker, &mut source, 2 * PARTS + 2).await;
    drop(worker);
    let mut worker = scene.job.start();
    let after = follow(&scene, &mut worker, &mut source, 3).await;
    assert!(after.keys().any(|uri| before.contains_key(uri)));
    for (uri, was) in &before {
        if let Some(now) = after.get(uri) {
            assert_eq!(was, now, "{uri}");
        }
    }
    let text = scene.published(&mut worker, &listed("s3.0", 3, 0)).await;
    // The first segment may be complete before anything of it is published.
    let all = parts(&text);
    let later = all.iter().filter(|(msn, ..)| *msn > 0).count() as u64;
    assert_eq!(later, 2 * PARTS + 1, "a part is missing\n{text}");
    let is_listed = |uri: &String| all.iter().any(|(_, listed, _)| listed == uri);
    assert!(before.keys().all(is_listed), "a part was lost\n{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn point_29_a_list_that_has_ended_announces_nothing_and_off_lists_whole_segments_alone() {
    let scene = Scene::new("p29-parts", "\"never\"").await;
    let mut source = LowLatency::new(scene.source.path(), "i.m3u8");
    let mut worker = scene.job.start_with(&["--low-latency", "origin"]);
    follow(&scene, &mut worker, &mut source, 3 * PARTS).await;
    let text = scene.published(&mut worker, "\ns2.m4s\n").await;
    assert!(
        text.contains("CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.75,CAN-SKIP-UNTIL=6\n"),
        "{text}"
    );
    source.write("#EXT-X-ENDLIST\n");
    let text = scene.published(&mut worker, "#EXT-X-ENDLIST").await;
    assert!(!text.contains("PRELOAD-HINT"), "{text}");
    check(&scene, &text).await;
    drop(worker);

    let scene = Scene::new("p29-off", "\"never\"").await;
    let mut source = LowLatency::new(scene.source.path(), "i.m3u8");
    let mut worker = scene.job.start_with(&["--low-latency", "off"]);
    source.advance(3 * PARTS + 1);
    let text = scene.published(&mut worker, "\ns2.m4s\n").await;
    for tag in ["PART", "HINT", "SERVER-CONTROL"] {
        assert!(!text.contains(tag), "{tag}\n{text}");
    }
}
