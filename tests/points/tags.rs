//! Points on tags and where they stand: 5 to 10, 18, 20.

use super::scene::{Scene, kinds, short};
use crate::harness::fragments::{fragment, section};

const NEVER: &str = "\"never\"";
const MAP: &str = "#EXT-X-MAP:URI=\"init.mp4\"\n";

fn plain(msn: u64) -> (String, String) {
    let map = if msn == 0 { MAP } else { "" };
    (map.to_owned(), format!("s{msn}.m4s"))
}

const DATE: &str = "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T12:00:00.000Z\n";
const BREAK: &str = "#EXT-X-DISCONTINUITY\n";
const OTHER: &str = "#EXT-X-MAP:URI=\"other.mp4\"\n";

/// A discontinuity, another section and a date at segment 2.
fn broken(msn: u64) -> (String, String) {
    let (before, uri) = plain(msn);
    let all = [DATE, BREAK, OTHER].concat();
    (if msn == 2 { all } else { before }, uri)
}

/// Key and section come after a break, and before anything else; the rest stays in its order.
#[tokio::test(flavor = "multi_thread")]
async fn point_05_discontinuity_key_map_key_date_stand_in_this_order() {
    for (map, order, expected) in [
        (
            "clear",
            [DATE, BREAK, OTHER],
            ["DATE", "BREAK", "NONE", "MAP", "KEY 0"],
        ),
        (
            "clear",
            [BREAK, OTHER, DATE],
            ["BREAK", "NONE", "MAP", "KEY 0", "DATE"],
        ),
        (
            "clear",
            [BREAK, DATE, OTHER],
            ["BREAK", "NONE", "MAP", "KEY 0", "DATE"],
        ),
        (
            "encrypted",
            [BREAK, OTHER, DATE],
            ["BREAK", "KEY 0", "MAP", "KEY 0", "DATE"],
        ),
    ] {
        let scene = Scene::new("p05", NEVER).await;
        let lines = |msn: u64| {
            let (before, uri) = plain(msn);
            (if msn == 2 { order.concat() } else { before }, uri)
        };
        scene.list(0..4, &lines, "#EXT-X-ENDLIST\n");
        let view = scene.once(&["--map", map]).await;
        let lines = short(&view.text("i.m3u8"));
        let from = lines.iter().position(|line| line == "s1.m4s").unwrap() + 1;
        let shown = kinds(&lines)[from..from + 7].to_vec();
        let expected: Vec<&str> = expected.into_iter().chain(["INF", "s2.m4s"]).collect();
        let shown: Vec<&str> = shown
            .into_iter()
            .map(|kind| {
                if kind == "#EXT-X-DISCONTINUITY" {
                    "BREAK"
                } else {
                    kind
                }
            })
            .collect();
        assert_eq!(shown, expected, "{order:?}");
        for opened in view.open("i.m3u8") {
            let msn = opened.listed.msn;
            assert_eq!(opened.plain, fragment("i", msn));
            let own = section(if msn < 2 { "init" } else { "other" });
            assert_eq!(opened.map, Some(own));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn point_06_the_first_listed_segment_has_its_key_and_section_after_every_slide() {
    for (map, name) in [("clear", "p06"), ("encrypted", "p06e")] {
        let scene = Scene::new(name, "{ segments = 2 }").await;
        let mut worker = scene.job.start_with(&["--map", map]);
        for first in 0..5 {
            let lines = |msn: u64| {
                let map = if msn == first { MAP } else { "" };
                (map.to_owned(), format!("s{msn}.m4s"))
            };
            scene.list(first..first + 3, &lines, "");
            let last = format!("s{}.m4s", first + 2);
            let text = scene.published(&mut worker, &last).await;
            let lines = short(&text);
            let shown = kinds(&lines);
            let at = shown.iter().position(|kind| *kind == "INF").unwrap();
            let before = &shown[at.saturating_sub(3)..at];
            let is_scoped = match map {
                "clear" => before[1..] == ["MAP", before[2]] && before[2].starts_with("KEY"),
                _ => before[1] == "MAP" && before[0].starts_with("KEY") && before[2] == before[0],
            };
            assert!(is_scoped, "{text}");
            let opened = scene.viewing().await.open_text("i.m3u8", &text);
            assert!(
                opened
                    .iter()
                    .all(|opened| opened.map == Some(section("init")))
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn point_07_what_the_source_marks_clear_is_encrypted_and_none_stands_for_sections_alone() {
    let scene = Scene::new("p07", NEVER).await;
    let ad = |msn: u64| {
        let (before, uri) = plain(msn);
        (
            format!(
                "{before}{}",
                if msn == 1 {
                    "#EXT-X-KEY:METHOD=NONE\n"
                } else {
                    ""
                }
            ),
            uri,
        )
    };
    scene.list(0..3, &ad, "#EXT-X-ENDLIST\n");
    let view = scene.once(&[]).await;
    assert!(!view.text("i.m3u8").contains("METHOD=NONE"));
    let plains = view.open("i.m3u8").into_iter().map(|opened| opened.plain);
    let expected: Vec<_> = (0..3).map(|msn| fragment("i", msn)).collect();
    assert_eq!(plains.collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn point_08_a_discontinuity_resets_neither_key_nor_section() {
    let scene = Scene::new("p08", NEVER).await;
    let broken = |msn: u64| {
        let (before, uri) = plain(msn);
        (
            format!(
                "{before}{}",
                if msn == 1 {
                    "#EXT-X-DISCONTINUITY\n"
                } else {
                    ""
                }
            ),
            uri,
        )
    };
    scene.list(0..3, &broken, "#EXT-X-ENDLIST\n");
    let view = scene.once(&[]).await;
    let text = view.text("i.m3u8");
    assert_eq!(text.matches("#EXT-X-MAP").count(), 1, "{text}");
    assert_eq!(
        short(&text).iter().filter(|line| *line == "KEY 0").count(),
        3,
        "{text}"
    );
    assert_eq!(view.open("i.m3u8").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn point_10_the_version_is_what_the_tags_need_and_stands_once() {
    for (said, map, expected) in [(3, MAP, 6), (3, "", 3), (7, MAP, 7), (9, "", 9)] {
        let scene = Scene::new("p10", NEVER).await;
        let lines = |msn: u64| {
            let before = if msn == 0 { map } else { "" };
            (before.to_owned(), format!("s{msn}.m4s"))
        };
        scene.list(0..2, &lines, "#EXT-X-ENDLIST\n");
        let path = scene.source.path().join("i.m3u8");
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("VERSION:7", &format!("VERSION:{said}"));
        std::fs::write(path, text).unwrap();
        let text = scene.once(&[]).await.text("i.m3u8");
        assert_eq!(text.matches("EXT-X-VERSION").count(), 1, "{text}");
        assert!(
            text.contains(&format!("#EXT-X-VERSION:{expected}\n")),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn point_18_a_session_key_is_for_one_finished_asset_under_one_key() {
    let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\ni.m3u8\n";
    for (name, rule, is_asked, has_one) in [
        ("p18a", NEVER, true, true),
        ("p18b", NEVER, false, false),
        ("p18c", "{ segments = 2 }", true, false),
    ] {
        let scene = Scene::new(name, rule).await;
        scene.write("master.m3u8", master);
        scene.list(0..4, &plain, "#EXT-X-ENDLIST\n");
        let more: &[&str] = if is_asked { &["--session-key"] } else { &[] };
        let view = scene.once(more).await;
        let text = view.text("master.m3u8");
        let uri = &view.open("i.m3u8")[0].key_uri;
        let tag = format!("#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"{uri}\"\n");
        assert_eq!(text.contains(&tag), has_one, "{text}");
        assert_eq!(text.replace(&tag, ""), master);
    }
    let live = Scene::new("p18d", NEVER).await;
    live.write("master.m3u8", master);
    live.list(0..4, &plain, "");
    let mut worker = live.job.start_with(&["--session-key"]);
    live.published(&mut worker, "s3.m4s").await;
    let path = live.sink.path().join("master.m3u8");
    let there = crate::harness::wait::until(
        "it is published",
        crate::harness::wait::seconds(10),
        async || std::fs::read_to_string(&path).ok(),
    );
    assert_eq!(there.await, master, "a live list's key is never named");
}

#[tokio::test(flavor = "multi_thread")]
async fn point_20_a_clear_section_stands_before_the_first_key_and_mid_list_under_none() {
    let scene = Scene::new("p20", NEVER).await;
    scene.list(0..4, &broken, "#EXT-X-ENDLIST\n");
    let view = scene.once(&[]).await;
    let lines = short(&view.text("i.m3u8"));
    let shown = kinds(&lines);
    let first = shown.iter().position(|kind| *kind == "MAP").unwrap();
    assert!(
        !shown[..first]
            .iter()
            .any(|kind| kind.starts_with("KEY") || *kind == "NONE")
    );
    let second = shown.iter().rposition(|kind| *kind == "MAP").unwrap();
    assert_eq!(shown[second - 1..second + 2], ["NONE", "MAP", "KEY 0"]);
    assert_eq!(shown.iter().filter(|kind| **kind == "NONE").count(), 1);
    let files = crate::harness::opening::files(scene.sink.path());
    let sections: Vec<_> = files
        .iter()
        .filter(|path| path.extension().unwrap() == "mp4")
        .collect();
    assert_eq!(sections.len(), 2, "{files:?}");
    for path in sections {
        let bytes = std::fs::read(scene.sink.path().join(path)).unwrap();
        assert!(
            bytes == section("init") || bytes == section("other"),
            "as it was"
        );
    }
}
