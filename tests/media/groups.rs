//! Groups: pictures, sound and subtitles of one multivariant playlist, each in its own container.

use super::{Stage, nothing_clear};
use crate::harness::ffmpeg::{finish, package};
use crate::harness::process::Process;
use crate::harness::wait::{seconds, until};

const MASTER: &str = "#EXTM3U\n\
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"tone\",URI=\"audio/index.m3u8\"\n\
    #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"text\",URI=\"text/index.m3u8\"\n\
    #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\",SUBTITLES=\"s\"\nv0/index.m3u8\n";
const RENDITIONS: [&str; 3] = ["v0/index.m3u8", "audio/index.m3u8", "text/index.m3u8"];

fn write_picture(stage: &Stage) {
    let how = [
        "-map",
        "0:v",
        "-hls_time",
        "2",
        "-hls_playlist_type",
        "vod",
        "v0/index.m3u8",
    ];
    std::fs::create_dir_all(stage.source.path().join("v0")).unwrap();
    finish(package(stage.source.path(), 6, false, &how));
}

/// Packed audio with an ID3 tag before each segment.
fn write_sound(stage: &Stage, codec: &str) {
    let folder = stage.source.path().join("audio");
    std::fs::create_dir_all(&folder).unwrap();
    let (format, name) = match codec {
        "aac" => ("adts", "s%d.aac"),
        _ => ("ac3", "s%d.ac3"),
    };
    let options = if codec == "aac" { "write_id3v2=1" } else { "" };
    let how = [
        "-map",
        "1:a",
        "-c:a",
        codec,
        "-f",
        "segment",
        "-segment_time",
        "2",
        "-segment_format",
        format,
        "-segment_format_options",
        options,
        "-segment_list",
        "index.m3u8",
        "-segment_list_type",
        "m3u8",
        name,
    ];
    finish(package(&folder, 6, false, &how));
}

fn write_text(stage: &Stage) {
    let folder = stage.source.path().join("text");
    std::fs::create_dir_all(&folder).unwrap();
    let mut list = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n".to_owned();
    for n in 0..3 {
        let map = "X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000";
        let cues = (0..20).map(|cue| {
            let at = n * 2000 + cue * 100;
            format!(
                "00:0{}.{:03} --> 00:0{}.{:03}\nline {at}\n\n",
                at / 1000,
                at % 1000,
                at / 1000,
                at % 1000 + 90
            )
        });
        let text = format!("WEBVTT\n{map}\n\n{}", cues.collect::<String>());
        std::fs::write(folder.join(format!("s{n}.vtt")), text).unwrap();
        list += &format!("#EXTINF:2.0,\ns{n}.vtt\n");
    }
    std::fs::write(folder.join("index.m3u8"), list + "#EXT-X-ENDLIST\n").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_every_container_goes_through_and_plays() {
    for (codec, stream) in [("aac", "test/group-aac"), ("ac3", "test/group-ac3")] {
        let stage = Stage::new(stream, "{ segments = 2 }").await;
        write_picture(&stage);
        write_sound(&stage, codec);
        write_text(&stage);
        std::fs::write(stage.source.path().join("master.m3u8"), MASTER).unwrap();
        std::fs::write(
            stage.source.path().join("audio/stray.aac"),
            "ID3 listed by nobody",
        )
        .unwrap();
        stage.job.once_well();
        let viewing = stage.viewing().await;
        for rendition in RENDITIONS {
            stage.opens(&viewing, rendition);
        }
        stage.plays(&viewing, "v0/index.m3u8", "0:v:0");
        stage.plays(&viewing, "audio/index.m3u8", "0:a:0");
        stage.plays(&viewing, "text/index.m3u8", "0:s:0");
        assert_eq!(viewing.text("master.m3u8"), MASTER);
        assert!(!stage.sink.path().join("audio/stray.aac").exists());
        nothing_clear(stage.sink.path());
        if codec == "aac" {
            let first = &viewing.open("audio/index.m3u8")[0];
            assert!(
                first.plain.starts_with(b"ID3"),
                "its tag is inside the ciphertext"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendition_that_appears_later_is_picked_up_and_none_is_published_before() {
    let stage = Stage::new("test/later", "\"never\"").await;
    write_picture(&stage);
    std::fs::write(stage.source.path().join("master.m3u8"), MASTER).unwrap();
    let _worker: Process = stage.job.start();
    let there = |path: &str| stage.sink.path().join(path).exists();
    until("the picture is published", seconds(20), async || {
        there("v0/index.m3u8").then_some(())
    })
    .await;
    assert!(!there("master.m3u8"), "it names what is not there yet");
    write_sound(&stage, "aac");
    write_text(&stage);
    until("the whole group is", seconds(20), async || {
        there("master.m3u8").then_some(())
    })
    .await;
    let viewing = stage.viewing().await;
    for rendition in RENDITIONS {
        stage.opens(&viewing, rendition);
    }
    nothing_clear(stage.sink.path());
}
