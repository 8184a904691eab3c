//! Live sources, while ffmpeg writes them.

use std::collections::BTreeMap;

use super::{Stage, cut, nothing_clear};
use crate::harness::ffmpeg::package;
use crate::harness::process::Process;
use crate::harness::wait::{seconds, until};
use crate::independent::opened::Opened;
use crate::independent::playlist::read_media;

const LIST: &str = "index.m3u8";

/// Follows a packager of six seconds to its end; gives every segment that was ever listed.
async fn follow(stage: &Stage, how: &[&str], more: &[&str]) -> BTreeMap<u64, Opened> {
    let _worker = stage.job.start_with(more);
    let _packager = Process::start(package(stage.source.path(), 6, true, how));
    let mut seen = BTreeMap::new();
    until("the published list ends", seconds(40), async || {
        let text = std::fs::read_to_string(stage.sink.path().join(LIST)).ok()?;
        let viewing = stage.viewing().await;
        for opened in viewing.open_text(LIST, &text) {
            let before = seen.insert(opened.listed.msn, opened.clone());
            let same = before.is_none_or(|before: Opened| {
                before.plain == opened.plain && before.listed.uri == opened.listed.uri
            });
            assert!(same, "segment {} became another", opened.listed.msn);
        }
        read_media(&text).unwrap().ended.then_some(())
    })
    .await;
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_fragmented_mp4_window_keeps_its_section_in_scope() {
    for (map, stream) in [
        ("clear", "test/live-clear"),
        ("encrypted", "test/live-encrypted"),
    ] {
        let stage = Stage::new(stream, "{ segments = 2 }").await;
        let how = [
            "-hls_time",
            "1",
            "-hls_list_size",
            "3",
            "-hls_segment_type",
            "fmp4",
            "-hls_flags",
            "program_date_time",
            "-hls_segment_filename",
            "s%d.m4s",
            LIST,
        ];
        let seen = follow(&stage, &how, &["--map", map]).await;
        assert_eq!(seen.len(), 6, "{:?}", seen.keys());
        for (msn, opened) in &seen {
            assert!(opened.plain == stage.clear(&format!("s{msn}.m4s")), "{msn}");
            assert!(
                opened.map.as_ref() == Some(&stage.clear("init.mp4")),
                "{msn}"
            );
        }
        nothing_clear(stage.sink.path());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_in_one_growing_file_is_split_as_it_grows() {
    let stage = Stage::new("test/growing", "{ segments = 2 }").await;
    let how = [
        "-hls_time",
        "1",
        "-hls_playlist_type",
        "event",
        "-hls_segment_type",
        "fmp4",
        "-hls_flags",
        "single_file",
        LIST,
    ];
    let seen = follow(&stage, &how, &[]).await;
    let source = read_media(&String::from_utf8(stage.clear(LIST)).unwrap()).unwrap();
    assert_eq!(seen.len(), source.segments.len());
    for clear in &source.segments {
        let file = stage.clear(&clear.uri);
        assert!(
            seen[&clear.msn].plain == cut(&file, clear.range),
            "{}",
            clear.msn
        );
    }
    let viewing = stage.viewing().await;
    stage.plays(&viewing, LIST, "0:v:0");
    nothing_clear(stage.sink.path());
}
