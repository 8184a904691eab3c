//! Every URI goes through the callback, and nothing else changes.

use super::*;

/// Each URI line or attribute with the kind that it is expected to have.
fn check(text: &str, expected: &[(UriKind, &str)]) {
    let list = Playlist::parse(text).unwrap();
    let mut seen = Vec::new();
    let out = list.map_uris(&mut |kind, uri| {
        seen.push((kind, uri.to_owned()));
        format!("<{uri}>")
    });
    let expected: Vec<_> = expected
        .iter()
        .map(|(kind, uri)| (*kind, (*uri).to_owned()))
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(out.replace(['<', '>'], ""), text.replace(['<', '>'], ""));
    assert_eq!(out.matches('<').count(), expected.len());
    assert_eq!(list.map_uris(&mut |_, uri| uri.to_owned()), text);
}

#[test]
fn media_playlists() {
    let text = "\
#EXTM3U
#EXT-X-TARGETDURATION:6
#EXT-X-DEFINE:QUERYPARAM=\"token\"
#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/1?token={$token}\",IV=0x01
#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"10@0\"
#EXT-X-DATERANGE:ID=\"URI=\",X-ASSET-URI=\"ad.m3u8\",X-ASSET-LIST=\"ads.json\",X-OTHER=\"x\"
#EXT-X-DATERANGE:broken,X-ASSET-URI=\"left alone
#EXT-X-UNKNOWN:URI=\"left alone\"
# URI=\"left alone\"
#EXT-X-KEY:METHOD=NONE
#EXT-X-PART:DURATION=1,URI=\"part.1,2.ts\"
#EXTINF:6,URI=\"left alone\"
  a b.ts?x=\"1\"\t
#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part.3.ts\"
#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"init2.mp4\"
#EXT-X-RENDITION-REPORT:URI=\"../v1/i.m3u8\",LAST-MSN=3
";
    let expected = [
        (UriKind::Key, "https://k/1?token={$token}"),
        (UriKind::Map, "init.mp4"),
        (UriKind::Other, "ad.m3u8"),
        (UriKind::Other, "ads.json"),
        (UriKind::Segment, "part.1,2.ts"),
        (UriKind::Segment, "a b.ts?x=\"1\""),
        (UriKind::Segment, "part.3.ts"),
        (UriKind::Map, "init2.mp4"),
        (UriKind::Child, "../v1/i.m3u8"),
    ];
    check(text, &expected);
    check(&text.replace('\n', "\r\n"), &expected);
    check(&format!("\u{feff}{text}"), &expected);
}

#[test]
fn multivariant_playlists() {
    let text = "\
#EXTM3U
#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"https://k/1\"
#EXT-X-SESSION-DATA:DATA-ID=\"d\",URI=\"d.json\"
#EXT-X-SESSION-DATA:DATA-ID=\"e\",VALUE=\"v\"
#EXT-X-CONTENT-STEERING:SERVER-URI=\"steer\",PATHWAY-ID=\".\"
#EXT-X-MEDIA:TYPE=AUDIO, GROUP-ID=\"a\",NAME=\"n\",URI=\"a.m3u8\",
#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"
v.m3u8
#EXT-X-I-FRAME-STREAM-INF:URI=\"f.m3u8\",BANDWIDTH=1
";
    let expected = [
        (UriKind::SessionKey, "https://k/1"),
        (UriKind::Other, "d.json"),
        (UriKind::Other, "steer"),
        (UriKind::Child, "a.m3u8"),
        (UriKind::Child, "v.m3u8"),
        (UriKind::Child, "f.m3u8"),
    ];
    check(text, &expected);
}

#[test]
fn answers_cannot_leave_their_place() {
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n\
                #EXTINF:6,\na.ts\n";
    let list = Playlist::parse(text).unwrap();
    let cases = [
        ("x\",IV=0x\r\ny", "x%22,IV=0x%0D%0Ay", "x\",IV=0x%0D%0Ay"),
        ("#EXT-X-ENDLIST", "#EXT-X-ENDLIST", "%23EXT-X-ENDLIST"),
        (" #x", " #x", "%23x"),
        ("\u{85}é", "%C2%85é", "%C2%85é"),
        ("", "k", "a.ts"),
        ("  ", "  ", "a.ts"),
    ];
    for (answer, in_quotes, in_line) in cases {
        let out = list.map_uris(&mut |_, _| answer.to_owned());
        let expected = text
            .replace("\"k\"", &format!("\"{in_quotes}\""))
            .replace("a.ts", in_line);
        assert_eq!(out, expected, "{answer:?}");
        let again = Playlist::parse(&out).unwrap();
        assert_eq!(again.map_uris(&mut |_, uri| uri.to_owned()), out);
    }
}
