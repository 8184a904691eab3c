//! Points on containers: 21, 22, 24, 26, 35.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::scene::{Scene, kinds, short};
use crate::harness::fragments::{boxed, fragment, listing, section};
use crate::harness::opening::files;
use crate::harness::process::Process;
use crate::harness::wait::{seconds, until};

const MAP: &str = "#EXT-X-MAP:URI=\"init.mp4\"\n";

fn plain(msn: u64) -> (String, String) {
    let map = if msn == 0 { MAP } else { "" };
    (map.to_owned(), format!("s{msn}.m4s"))
}

fn tree(scene: &Scene) -> Vec<(PathBuf, Vec<u8>)> {
    let all = files(scene.sink.path()).into_iter();
    let read = |path: PathBuf| {
        let bytes = std::fs::read(scene.sink.path().join(&path)).unwrap();
        (path, bytes)
    };
    all.map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn point_21_an_encrypted_section_has_its_own_iv_and_is_published_anew_with_each_key() {
    let scene = Scene::new("p21", "{ segments = 2 }").await;
    scene.list(0..6, &plain, "#EXT-X-ENDLIST\n");
    let view = scene.once(&["--map", "encrypted"]).await;
    let lines = short(&view.text("i.m3u8"));
    let shown = kinds(&lines);
    let block = |kid: u64, msn: u64| {
        [
            format!("KEY {kid}"),
            "MAP".into(),
            format!("KEY {kid}"),
            "INF".into(),
            format!("s{msn}.m4s"),
        ]
    };
    for (kid, msn) in [(0, 0), (1, 2), (2, 4)] {
        let at = shown
            .iter()
            .position(|line| *line == format!("s{msn}.m4s"))
            .unwrap();
        assert_eq!(shown[at - 4..=at], block(kid, msn), "{lines:?}");
    }
    assert_eq!(shown.iter().filter(|kind| **kind == "MAP").count(), 3);
    let opened = view.open("i.m3u8"); // holds IVs, scopes and keys to the rules
    assert!(
        opened
            .iter()
            .all(|opened| opened.map == Some(section("init")))
    );
    let uris: BTreeSet<_> = opened
        .iter()
        .map(|o| o.listed.map.clone().unwrap().uri)
        .collect();
    assert_eq!(uris.len(), 3, "one for each key: {uris:?}");
    let clear = |bytes: &[u8]| bytes.windows(4).any(|four| four == b"moov");
    assert!(!tree(&scene).iter().any(|(_, bytes)| clear(bytes)));

    // another worker writes the same bytes under the same names
    let other = tempfile::tempdir().unwrap();
    let job = scene.job.to_sink(other.path());
    job.once_well_with(&["--map", "encrypted"]);
    for (path, bytes) in tree(&scene) {
        assert!(
            std::fs::read(other.path().join(&path)).unwrap() == bytes,
            "{}",
            path.display()
        );
    }
}

/// One file with a section and five segments, and its playlist.
fn write_ranges(scene: &Scene, end: &str) {
    let mut file = section("init");
    let map = format!(
        "#EXT-X-MAP:URI=\"all.mp4\",BYTERANGE=\"{}@0\"\n",
        file.len()
    );
    let mut tags = Vec::new();
    for msn in 0..5 {
        let own = fragment("i", msn);
        let at = if msn == 0 {
            format!("@{}", file.len())
        } else {
            String::new()
        };
        tags.push(format!("#EXT-X-BYTERANGE:{}{at}\n", own.len()));
        file.extend(own);
    }
    scene.write("all.mp4", file);
    let lines = |msn: u64| {
        let map = if msn == 0 { map.as_str() } else { "" };
        (format!("{map}{}", tags[msn as usize]), "all.mp4".to_owned())
    };
    scene.write("i.m3u8", listing(0..5, "", &lines, end));
}

#[tokio::test(flavor = "multi_thread")]
async fn point_22_ranges_are_files_of_their_own_or_padded_one_by_one() {
    for (how, name) in [("split", "p22s"), ("rebase", "p22r")] {
        let scene = Scene::new(name, "{ segments = 2 }").await;
        write_ranges(&scene, "#EXT-X-ENDLIST\n");
        let view = scene.once(&["--byteranges", how]).await;
        let opened = view.open("i.m3u8");
        assert_eq!(opened.len(), 5);
        let mut end = 0;
        for opened in &opened {
            assert_eq!(opened.plain, fragment("i", opened.listed.msn));
            assert_eq!(opened.map, Some(section("init")));
            match opened.listed.range {
                None => assert_eq!(opened.listed.uri, format!("all-{}.mp4", opened.listed.msn)),
                Some((len, from)) => {
                    assert_eq!(
                        (from, len % 16, opened.listed.uri.as_str()),
                        (end, 0, "all.mp4")
                    );
                    end = from + len;
                }
            }
        }
        let is_split = opened.iter().all(|opened| opened.listed.range.is_none());
        assert_eq!(is_split, how == "split");
        let said = view.text("i.m3u8");
        let said = said
            .lines()
            .filter(|line| line.starts_with("#EXT-X-BYTERANGE"));
        let said: Vec<_> = said.collect();
        assert!(said.iter().all(|tag| tag.contains('@')), "{said:?}");
        assert_eq!(said.len(), if is_split { 0 } else { 5 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn point_24_each_iframe_is_a_small_file_under_its_segments_key_or_all_are_dropped_aloud() {
    let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\ni.m3u8\n\
                  #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"f.m3u8\"\n";
    for (how, name) in [("files", "p24f"), ("drop", "p24d")] {
        let scene = Scene::new(name, "{ segments = 2 }").await;
        scene.list(0..5, &plain, "#EXT-X-ENDLIST\n");
        scene.write("master.m3u8", master);
        // two frames of each segment, their numbers not the segments'
        let frame = |n: u64| {
            let map = if n == 0 { MAP } else { "" };
            (
                format!("{map}#EXT-X-BYTERANGE:{}@{}\n", 40 + n, n % 2),
                format!("s{}.m4s", n / 2),
            )
        };
        let text = listing(0..10, "#EXT-X-I-FRAMES-ONLY\n", &frame, "#EXT-X-ENDLIST\n");
        scene.write("f.m3u8", text);
        let output = scene.job.once_well_with(&["--iframes", how]);
        let said = String::from_utf8(output.stdout).unwrap();
        let view = scene.viewing().await;
        let segments = view.open("i.m3u8");
        assert_eq!(segments.len(), 5);
        let is_dropped = how == "drop";
        assert_eq!(said.contains("iframes_dropped"), is_dropped);
        assert_eq!(view.text("master.m3u8") == master, !is_dropped);
        assert_eq!(scene.sink.path().join("f.m3u8").exists(), !is_dropped);
        if is_dropped {
            continue;
        }
        let frames = view.open("f.m3u8");
        assert_eq!(frames.len(), 10);
        for (n, frame) in frames.iter().enumerate() {
            let own = fragment("i", n as u64 / 2);
            assert_eq!(frame.plain, own[n % 2..n % 2 + 40 + n]);
            assert_eq!(
                frame.key_uri,
                segments[n / 2].key_uri,
                "its segment's period"
            );
            assert!(frame.listed.range.is_none());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn point_26_what_is_written_again_never_changes_what_is_published() {
    let scene = Scene::new("p26", "\"never\"").await;
    scene.list(0..3, &plain, "");
    let mut worker = scene.job.start();
    scene.published(&mut worker, "s2.m4s").await;
    let before = tree(&scene);
    let again = |msn: u64| {
        let (mut before, uri) = plain(msn);
        if msn == 3 {
            before = format!("#EXT-X-DISCONTINUITY\n{MAP}");
        }
        (before, uri)
    };
    scene.list(0..3, &again, "");
    scene.write("s1.m4s", fragment("another", 1));
    scene.write("init.mp4", section("another"));
    for msn in 3..5 {
        scene.write(&format!("s{msn}.m4s"), fragment("i", msn));
    }
    let text = listing(0..5, "", &again, "");
    crate::harness::packager::replace(&scene.source.path().join("i.m3u8"), &text);
    scene.published(&mut worker, "s4.m4s").await;
    for (path, bytes) in before
        .iter()
        .filter(|(path, _)| path.extension().unwrap() != "m3u8")
    {
        assert!(
            std::fs::read(scene.sink.path().join(path)).unwrap() == *bytes,
            "{}",
            path.display()
        );
    }
    let opened = scene.viewing().await.open("i.m3u8");
    let maps: Vec<_> = opened
        .into_iter()
        .map(|opened| opened.map.unwrap())
        .collect();
    let expected = [0, 0, 0, 1, 1].map(|at| section(["init", "another"][at]));
    assert_eq!(maps, expected);
}

/// Waits until the worker says that it waits for `what`.
async fn stalled(worker: &Process, what: &str) {
    until(what, seconds(20), async || {
        let lines = worker.stdout.all();
        let mut stalls = lines.iter().filter(|line| line.contains("\"stalled\""));
        stalls.any(|line| line.contains(what)).then_some(())
    })
    .await;
}

async fn goes_on(scene: &Scene, worker: &mut Process) {
    scene.published(worker, "s2.m4s").await;
    let opened = scene.viewing().await.open("i.m3u8");
    let plains: Vec<_> = opened.into_iter().map(|opened| opened.plain).collect();
    assert_eq!(plains, [0, 1, 2].map(|msn| fragment("i", msn)));
}

#[tokio::test(flavor = "multi_thread")]
async fn point_35_a_section_with_media_is_not_published() {
    let scene = Scene::new("p35s", "\"never\"").await;
    scene.list(0..3, &plain, "");
    let media = boxed("mdat", b"obviously clear");
    scene.write("init.mp4", [section("init"), media].concat());
    let mut worker = scene.job.start();
    stalled(&worker, "mdat").await;
    assert!(files(scene.sink.path()).is_empty());
    scene.write("init.mp4", section("init"));
    goes_on(&scene, &mut worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn point_35_a_torn_fragment_is_not_published() {
    let scene = Scene::new("p35t", "\"never\"").await;
    scene.list(0..3, &plain, "#EXT-X-ENDLIST\n");
    let whole = fragment("i", 1);
    scene.write("s1.m4s", &whole[..whole.len() - 1]);
    let mut worker = scene.job.start();
    stalled(&worker, "truncated").await;
    assert!(!scene.sink.path().join("i.m3u8").exists());
    scene.write("s1.m4s", &whole);
    goes_on(&scene, &mut worker).await;
}
