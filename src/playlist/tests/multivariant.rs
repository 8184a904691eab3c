//! The children of a multivariant playlist.

use super::*;

const MASTER: &str = "\
#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English\",URI=\"audio/en.m3u8\"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"b\",NAME=\"muxed\"
# variants
#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS=\"avc1.4d401e,mp4a.40.2\",AUDIO=\"a\"
v0/index.m3u8

#EXT-X-STREAM-INF:BANDWIDTH=2000
# one comment

 v1/index.m3u8?x=1
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100,URI=\"v0/iframes.m3u8\"
#EXT-X-IMAGE-STREAM-INF:URI=\"thumbs.m3u8\"
#EXT-X-CONTENT-STEERING:SERVER-URI=\"steer\"
";

#[test]
fn children_are_named_in_order() {
    let list = multivariant(MASTER);
    let child = |uri: &str, kind, line| Child {
        uri: uri.to_owned(),
        kind,
        line,
    };
    let expected = [
        child("audio/en.m3u8", ChildKind::Rendition, 4),
        child("v0/index.m3u8", ChildKind::Variant, 8),
        child("v1/index.m3u8?x=1", ChildKind::Variant, 13),
        child("v0/iframes.m3u8", ChildKind::IFrame, 14),
    ];
    assert_eq!(list.children(), expected);
    assert!(!list.has_session_key());
    assert_eq!(list.to_string(), MASTER);
    let keyed = format!("{MASTER}#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"k\"\n");
    assert!(multivariant(&keyed).has_session_key());
}

#[test]
fn i_frame_playlists_can_be_left_out() {
    let without = MASTER
        .lines()
        .filter(|line| !line.starts_with("#EXT-X-I-FRAME"));
    let expected: String = without.clone().map(|line| format!("{line}\n")).collect();
    assert_eq!(multivariant(MASTER).published(false, None), expected);
    let crlf: String = without.map(|line| format!("{line}\r\n")).collect();
    let source = format!("\u{feff}{}", MASTER.trim_end().replace('\n', "\r\n"));
    assert_eq!(multivariant(&source).published(false, None), crlf);
}

#[test]
fn faults_are_named_with_their_line() {
    let attributes = |tag| PlaylistError::Attributes { tag, line: 2 };
    let stream_inf = "#EXT-X-STREAM-INF:BANDWIDTH=1\n";
    let cases = [
        (
            format!("{stream_inf}{stream_inf}v.m3u8\n"),
            PlaylistError::MissingUri {
                tag: "EXT-X-STREAM-INF",
                line: 2,
            },
        ),
        (stream_inf.to_owned(), PlaylistError::Incomplete { line: 2 }),
        (
            format!("{stream_inf}v.m3u8\nw.m3u8\n"),
            PlaylistError::UnknownUri {
                tag: "EXT-X-STREAM-INF",
                line: 4,
            },
        ),
        (
            format!("{stream_inf}v.m3u8\n#EXT-X-ENDLIST\n"),
            PlaylistError::Mixed { line: 4 },
        ),
        (
            "#EXT-X-MEDIA:TYPE=AUDIO,URI=a.m3u8\n".to_owned(),
            attributes("EXT-X-MEDIA"),
        ),
        (
            "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"a.m3u8\n".to_owned(),
            attributes("EXT-X-MEDIA"),
        ),
        (
            "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1\n".to_owned(),
            attributes("EXT-X-I-FRAME-STREAM-INF"),
        ),
        (
            format!("{stream_inf}v.m3u8\n#EXT-X-MEDIA:URI=\"a.m3u8\",DEFAULT=Y"),
            PlaylistError::Incomplete { line: 4 },
        ),
        (
            "#EXT-X-CONTENT-STEERING:SERVER-URI=\"s\"\n".repeat(2),
            PlaylistError::Duplicate {
                tag: "EXT-X-CONTENT-STEERING",
                line: 3,
            },
        ),
        (
            format!("#EXT-X-VERSION:3\n#EXT-X-VERSION:4\n{stream_inf}v.m3u8\n"),
            PlaylistError::Duplicate {
                tag: "EXT-X-VERSION",
                line: 3,
            },
        ),
    ];
    for (lines, expected) in cases {
        assert_eq!(error(&format!("#EXTM3U\n{lines}")), expected, "{lines:?}");
    }
}

#[test]
fn a_session_key_stands_before_the_streams_and_is_what_the_segments_say() {
    let list = multivariant("#EXTM3U\n#EXT-X-VERSION:4\n\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n");
    let uri = "https://keys.test/v1/keys/k";
    let expected = "#EXTM3U\n#EXT-X-VERSION:4\n\n\
        #EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"https://keys.test/v1/keys/k\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n";
    assert_eq!(list.published(true, Some(uri)), expected);
    assert_eq!(list.published(true, Some("a\"b")), list.to_string());
    assert!(multivariant(expected).has_session_key());
}
