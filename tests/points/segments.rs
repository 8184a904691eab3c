//! Points 1 to 4, 9, 11, 12, 27 to 32: what becomes of segments and their lines.
//!
//! Must not know: which code writes them.

use std::collections::BTreeSet;

use super::scene::Scene;
use crate::harness::packager::Packager;
use crate::harness::wait::{seconds, until};
use crate::independent::playlist::read_media;

const NEVER: &str = "\"never\"";

/// A finished list of packed audio, whose segments may have any length.
fn audio(scene: &Scene, lengths: &[usize]) {
    let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n".to_owned();
    for (msn, length) in lengths.iter().enumerate() {
        scene.write(&format!("a{msn}.aac"), bytes(*length));
        text += &format!("#EXTINF:1,\na{msn}.aac\n");
    }
    scene.write("i.m3u8", text + "#EXT-X-ENDLIST\n");
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn point_01_every_length_is_padded_by_1_to_16_bytes() {
    let scene = Scene::new("p01", NEVER).await;
    let lengths: Vec<usize> = (1..=33).chain([188, 4096, 4097, 1 << 20]).collect();
    audio(&scene, &lengths);
    let view = scene.once(&[]).await;
    for (opened, length) in view.open("i.m3u8").iter().zip(&lengths) {
        assert_eq!(opened.plain, bytes(*length));
        let path = scene.sink.path().join(&opened.listed.uri);
        let published = std::fs::metadata(path).unwrap().len() as usize;
        assert_eq!(published, 16 * (length / 16 + 1), "of {length}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn points_02_03_and_09_each_segment_has_one_key_tag_of_three_attributes_and_an_iv_of_its_own()
{
    let scene = Scene::new("p02", "{ segments = 3 }").await;
    audio(&scene, &[20; 8]);
    let view = scene.once(&[]).await;
    let text = view.text("i.m3u8");
    let tags: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("#EXT-X-KEY:"))
        .collect();
    assert_eq!(tags.len(), 8, "{text}");
    let mut ivs = BTreeSet::new();
    for tag in &tags {
        let (head, iv) = tag.split_once(",IV=0x").unwrap();
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        assert!(iv.len() == 32 && iv.bytes().all(is_digit), "{tag}");
        assert!(
            ivs.insert(iv),
            "{iv} twice: the segments are alike, and one key has one IV once"
        );
        let uri = head
            .strip_prefix("#EXT-X-KEY:METHOD=AES-128,URI=\"")
            .unwrap();
        assert!(uri.ends_with('"') && !uri.contains(','), "{tag}");
    }
    assert_eq!(view.open("i.m3u8").len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn point_04_a_source_that_is_encrypted_is_refused_and_nothing_of_it_published() {
    for method in [
        "AES-128",
        "SAMPLE-AES",
        "SAMPLE-AES-CTR",
        "AES-256-GCM",
        "UNHEARD-OF",
    ] {
        let scene = Scene::new("p04", NEVER).await;
        audio(&scene, &[32; 3]);
        let path = scene.source.path().join("i.m3u8");
        let tag = format!("#EXT-X-KEY:METHOD={method},URI=\"https://elsewhere/key\"\n#EXTINF");
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replacen("#EXTINF", &tag, 1);
        std::fs::write(&path, text).unwrap();
        let output = scene.job.once();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains("encrypted already"),
            "{method}: {said}"
        );
        assert!(!scene.sink.path().join("i.m3u8").exists(), "{method}");
        assert!(!scene.sink.path().join("a0.aac").exists(), "{method}");
    }
}

/// CRLF, a byte order mark, comments, unknown tags, odd attributes and blank lines.
#[tokio::test(flavor = "multi_thread")]
async fn point_11_what_is_unknown_passes_byte_for_byte_and_in_order() {
    let scene = Scene::new("p11", NEVER).await;
    audio(&scene, &[16; 2]);
    let text = "\u{feff}#EXTM3U\r\n#EXT-X-TARGETDURATION:1\r\n## note,\r\n#EXT-X-FUTURE:A=\"b,c\",D=0x1\r\n\r\n\
        #EXTINF:1.0,a title, with a comma\r\n#EXT-X-BITRATE:64\r\na0.aac\r\n#EXT-X-DATERANGE:ID=\"x\",\
        START-DATE=\"2026-01-01T00:00:00Z\",X-COM-EXAMPLE=\"\u{e9}\"\r\n#EXTINF:1,\r\na1.aac\r\n#EXT-X-ENDLIST\r\n";
    scene.write("i.m3u8", text);
    let published = scene.once(&[]).await.text("i.m3u8");
    let kept: String = published
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("#EXT-X-KEY:") && !line.starts_with("#EXT-X-VERSION:"))
        .collect();
    assert_eq!(kept, text.trim_start_matches('\u{feff}'));
    // What is added ends as the others do.
    let mut lines = published.split_inclusive('\n');
    assert!(lines.all(|line| line.ends_with("\r\n")), "{published:?}");
    assert!(published.starts_with("#EXTM3U\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn point_12_a_key_uri_is_absolute_plain_and_short() {
    let scene = Scene::new("p12", "{ segments = 1 }").await;
    audio(&scene, &[16; 4]);
    let text = scene.once(&[]).await.text("i.m3u8");
    let list = read_media(&text).unwrap();
    let mut seen = BTreeSet::new();
    for segment in &list.segments {
        let key = segment.key.as_ref().unwrap();
        let uri = key
            .iter()
            .find(|(name, _)| name == "URI")
            .unwrap()
            .1
            .trim_matches('"');
        assert!(uri.starts_with("https://") && uri.len() < 4096, "{uri}");
        assert!(
            uri.bytes()
                .all(|b| b.is_ascii_graphic() && b != b'"' && b != b','),
            "{uri}"
        );
        for trap in ["{$", "IV=", "METHOD=", "KEYFORMAT=", "wowzasessionid", "?"] {
            assert!(!uri.contains(trap), "{uri}");
        }
        seen.insert(uri.to_owned());
    }
    assert_eq!(seen.len(), 4, "a new key has a new URI");
}

#[tokio::test(flavor = "multi_thread")]
async fn point_27_a_gap_has_no_file_and_keys_go_on_over_it() {
    let scene = Scene::new("p27", "{ segments = 2 }").await;
    audio(&scene, &[16; 5]);
    std::fs::remove_file(scene.source.path().join("a2.aac")).unwrap();
    let path = scene.source.path().join("i.m3u8");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("#EXTINF:1,\na2.aac", "#EXT-X-GAP\n#EXTINF:1,\na2.aac");
    std::fs::write(&path, text).unwrap();
    let view = scene.once(&[]).await;
    let list = read_media(&view.text("i.m3u8")).unwrap();
    let gaps: Vec<bool> = list.segments.iter().map(|segment| segment.gap).collect();
    assert_eq!(gaps, [false, false, true, false, false]);
    assert!(!scene.sink.path().join("a2.aac").exists());
    assert_eq!(list.version, Some(8));
    let keys: Vec<_> = [0, 1, 3, 4]
        .map(|at| list.segments[at].key.clone().unwrap()[1].1.clone())
        .into();
    assert!(
        keys[0] == keys[1] && keys[1] != keys[2] && keys[2] != keys[3],
        "#3 is in period 1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn point_28_an_empty_segment_is_a_gap_and_never_an_empty_file() {
    let scene = Scene::new("p28", NEVER).await;
    audio(&scene, &[16, 0, 16]);
    let output = scene.job.once();
    assert_eq!(output.status.code(), Some(1), "a listed segment is missing");
    let why = String::from_utf8(output.stderr).unwrap();
    assert!(why.contains("i.m3u8 segment 1"), "{why}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("\"event\":\"gap\"") && told.contains("\"reason\":\"empty\""),
        "{told}"
    );
    let text = std::fs::read_to_string(scene.sink.path().join("i.m3u8")).unwrap();
    let gaps: Vec<bool> = read_media(&text)
        .unwrap()
        .segments
        .iter()
        .map(|s| s.gap)
        .collect();
    assert_eq!(gaps, [false, true, false]);
    assert!(!scene.sink.path().join("a1.aac").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn point_29_the_end_is_passed_on_with_the_last_short_segment_and_its_key_stays() {
    let scene = Scene::new("p29", NEVER).await;
    audio(&scene, &[160, 160, 7]);
    let view = scene.once(&[]).await;
    let text = view.text("i.m3u8");
    assert!(text.ends_with("a2.aac\n#EXT-X-ENDLIST\n"), "{text}");
    assert_eq!(view.open("i.m3u8")[2].plain, bytes(7));
    let again = scene.viewing().await;
    assert_eq!(
        again.open("i.m3u8").len(),
        3,
        "its key is served after the run has ended"
    );
}

/// A live list says no type; an EVENT list loses nothing from its start.
#[tokio::test(flavor = "multi_thread")]
async fn point_30_live_lists_have_no_type_and_event_lists_lose_nothing() {
    for (kind, first) in [("", 3), ("#EXT-X-PLAYLIST-TYPE:EVENT\n", 0)] {
        let scene = Scene::new("p30", "{ segments = 2 }").await;
        let mut worker = scene.job.start();
        for end in [3, 6, 9] {
            let start = if kind.is_empty() {
                end - 6_u64.min(end)
            } else {
                0
            };
            let mut text =
                format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n{kind}#EXT-X-MEDIA-SEQUENCE:{start}\n");
            for msn in start..end {
                scene.write(&format!("a{msn}.aac"), bytes(16 + msn as usize));
                text += &format!("#EXTINF:1,\na{msn}.aac\n");
            }
            crate::harness::packager::replace(&scene.source.path().join("i.m3u8"), &text);
            let last = format!("a{}.aac", end - 1);
            let published = scene.published(&mut worker, &last).await;
            assert_eq!(published.contains("PLAYLIST-TYPE"), !kind.is_empty());
        }
        let text = std::fs::read_to_string(scene.sink.path().join("i.m3u8")).unwrap();
        let list = read_media(&text).unwrap();
        assert_eq!(list.segments.first().unwrap().msn, first, "{text}");
        assert!(list.segments.iter().all(|segment| segment.key.is_some()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn point_31_a_multivariant_list_is_passed_on_as_it_is_and_last() {
    let scene = Scene::new("p31", NEVER).await;
    let mut packager = Packager::ladder(scene.source.path());
    packager.write_vod(3);
    let master = std::fs::read(scene.source.path().join("master.m3u8")).unwrap();
    let output = scene.job.once_well();
    assert_eq!(
        std::fs::read(scene.sink.path().join("master.m3u8")).unwrap(),
        master
    );
    let told = String::from_utf8(output.stdout).unwrap();
    let at = told.find("\"event\":\"multivariant_published\"").unwrap();
    assert!(
        told.rfind("\"event\":\"published\"").unwrap() < at,
        "after all that it names"
    );
}

/// The origin says of ciphertext what it was before, and does not code it.
#[tokio::test(flavor = "multi_thread")]
async fn point_32_media_types_are_those_of_the_media_and_playlists_are_zipped() {
    let scene = Scene::new("p32", NEVER).await;
    let sink = scene.serve.origin().join("test/p32");
    std::fs::create_dir_all(&sink).unwrap();
    audio(&scene, &[64; 2]);
    scene.job.to_sink(&sink).once_well();
    let anyone = scene.serve.stranger();
    until("it is served", seconds(10), async || {
        (anyone.get("/hls/test/p32/i.m3u8").await.status == 200).then_some(())
    })
    .await;
    let zipped = [("accept-encoding", "gzip")];
    let list = anyone
        .try_ask("GET", "/hls/test/p32/i.m3u8", &zipped, None)
        .await
        .unwrap();
    assert_eq!(list.headers["content-encoding"], "gzip");
    let segment = anyone
        .try_ask("GET", "/hls/test/p32/a0.aac", &zipped, None)
        .await
        .unwrap();
    assert_eq!(segment.headers["content-type"], "audio/aac");
    assert!(!segment.headers.contains_key("content-encoding"));
    assert_eq!(segment.body.len(), 80);
}
