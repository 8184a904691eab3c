//! Finished assets: fragmented MP4, single files of byte ranges, I-frames.

use std::path::Path;
use std::process::Command;

use super::{Stage, nothing_clear};
use crate::harness::ffmpeg::{finish, package};

const LADDER: [&str; 22] = [
    "-map",
    "0:v",
    "-map",
    "1:a",
    "-map",
    "0:v",
    "-map",
    "1:a",
    "-b:v:1",
    "50k",
    "-var_stream_map",
    "v:0,a:0 v:1,a:1",
    "-master_pl_name",
    "master.m3u8",
    "-hls_time",
    "1",
    "-hls_playlist_type",
    "vod",
    "-hls_segment_type",
    "fmp4",
    "-hls_segment_filename",
    "v%v/s%d.m4s",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_fragmented_mp4_ladder_plays_the_same_with_clear_and_with_encrypted_sections() {
    for (map, stream) in [
        ("clear", "test/clear-map"),
        ("encrypted", "test/encrypted-map"),
    ] {
        let stage = Stage::new(stream, "{ segments = 3 }").await;
        finish(package(
            stage.source.path(),
            8,
            false,
            &[&LADDER[..], &["v%v/index.m3u8"]].concat(),
        ));
        stage.job.once_well_with(&["--map", map]);
        let viewing = stage.viewing().await;
        for rendition in ["v0/index.m3u8", "v1/index.m3u8"] {
            let opened = stage.opens(&viewing, rendition);
            assert_eq!(opened.len(), 8);
            let is_encrypted = |o: &crate::independent::opened::Opened| {
                o.listed.map.as_ref().unwrap().key.is_some()
            };
            assert!(
                opened
                    .iter()
                    .all(|opened| is_encrypted(opened) == (map == "encrypted"))
            );
            stage.plays(&viewing, rendition, "0:v:0");
            stage.plays(&viewing, rendition, "0:a:0");
        }
        nothing_clear(stage.sink.path());
        assert_eq!(
            viewing.text("master.m3u8").as_bytes(),
            stage.clear("master.m3u8")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_file_is_split_and_plays_the_same() {
    for (kind, stream) in [("fmp4", "test/one-mp4"), ("mpegts", "test/one-ts")] {
        let stage = Stage::new(stream, "{ segments = 3 }").await;
        let how = [
            "-hls_time",
            "1",
            "-hls_playlist_type",
            "vod",
            "-hls_flags",
            "single_file",
            "-hls_segment_type",
            kind,
            "index.m3u8",
        ];
        finish(package(stage.source.path(), 6, false, &how));
        stage.job.once_well();
        let viewing = stage.viewing().await;
        let opened = stage.opens(&viewing, "index.m3u8");
        assert_eq!(opened.len(), 6);
        assert!(!viewing.text("index.m3u8").contains("BYTERANGE"));
        stage.plays(&viewing, "index.m3u8", "0:v:0");
        stage.plays(&viewing, "index.m3u8", "0:a:0");
        nothing_clear(stage.sink.path());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_file_can_stay_one_file_of_ranges() {
    let stage = Stage::new("test/rebased", "{ segments = 3 }").await;
    let how = [
        "-hls_time",
        "1",
        "-hls_playlist_type",
        "vod",
        "-hls_flags",
        "single_file",
        "index.m3u8",
    ];
    finish(package(stage.source.path(), 6, false, &how));
    let beside = tempfile::tempdir().unwrap();
    let second = format!("dir:{}", beside.path().display());
    let more = ["--byteranges", "rebase", "--sink", &second];
    stage.job.once_well_with(&more);
    for path in crate::harness::opening::files(&stage.job.sink) {
        let [one, other] = [stage.job.sink.join(&path), beside.path().join(&path)];
        let is_same = std::fs::read(one).unwrap() == std::fs::read(other).unwrap();
        assert!(is_same, "{}", path.display());
    }
    let viewing = stage.viewing().await;
    let opened = stage.opens(&viewing, "index.m3u8");
    assert!(opened.iter().all(|opened| opened.listed.range.is_some()));
    assert_eq!(std::fs::read_dir(stage.sink.path()).unwrap().count(), 2);
    nothing_clear(stage.sink.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iframe_playlist_is_files_that_decode() {
    let stage = Stage::new("test/iframes", "{ segments = 3 }").await;
    let how = ["-hls_time", "1", "-hls_playlist_type", "vod", "index.m3u8"];
    finish(package(stage.source.path(), 30, false, &how));
    write_iframes(stage.source.path());
    stage.job.once_well();
    let viewing = stage.viewing().await;
    let media = stage.opens(&viewing, "index.m3u8");
    let iframes = stage.opens(&viewing, "iframes.m3u8");
    for (iframe, segment) in iframes.iter().zip(&media) {
        assert_eq!(
            iframe.key_uri, segment.key_uri,
            "each in its segment's period"
        );
        assert_ne!(iframe.listed.uri, segment.listed.uri);
    }
    stage.plays(&viewing, "iframes.m3u8", "0:v:0");
    assert!(viewing.text("master.m3u8").contains("I-FRAME-STREAM-INF"));
    nothing_clear(stage.sink.path());
}

/// An I-frame playlist with the first picture of each segment, and what names both playlists.
fn write_iframes(folder: &Path) {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:1\n\
                    #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-I-FRAMES-ONLY\n"
        .to_owned();
    for n in 0..30 {
        let name = format!("index{n}.ts");
        let len = second_picture(&folder.join(&name));
        text += &format!("#EXTINF:1.0,\n#EXT-X-BYTERANGE:{len}@0\n{name}\n");
    }
    std::fs::write(folder.join("iframes.m3u8"), text + "#EXT-X-ENDLIST\n").unwrap();
    let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nindex.m3u8\n\
                  #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"iframes.m3u8\"\n";
    std::fs::write(folder.join("master.m3u8"), master).unwrap();
}

/// Where the second picture of a segment begins, by ffprobe.
fn second_picture(segment: &Path) -> u64 {
    let mut probe = Command::new("/usr/bin/ffprobe");
    probe.args([
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "packet=pos",
    ]);
    probe.args(["-of", "csv=p=0"]).arg(segment);
    let text = String::from_utf8(probe.output().unwrap().stdout).unwrap();
    let places = text
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse().ok());
    let mut places: Vec<u64> = places.collect();
    places.sort_unstable();
    places[1]
}
