//! A text cut anywhere never gives a wrong segment, number or child.

use super::*;

const LIVE: &str = "\
#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:10
#EXT-X-MEDIA-SEQUENCE:1234
#EXT-X-PROGRAM-DATE-TIME:2026-01-02T12:00:00.000Z
#EXTINF:6.006,
seg-1.ts
#EXTINF:6.006,
seg-10.ts
#EXT-X-DISCONTINUITY
#EXTINF:6.006,
seg-100.ts
";

/// Every cut of `text` is refused, or gives some of its first segments, each of them right.
fn check_cuts(text: &str) {
    let whole = media(text);
    for (at, _) in text.char_indices() {
        let Ok(Playlist::Media(cut)) = Playlist::parse(&text[..at]) else {
            continue;
        };
        assert!(
            whole.segments().starts_with(cut.segments()),
            "cut at {at}: {:?}",
            &text[..at]
        );
        assert!(cut.segments().is_empty() || cut.media_sequence() == whole.media_sequence());
        assert_eq!(cut.target_duration(), whole.target_duration());
        assert_eq!(cut.to_string(), text[..at]);
        if !cut.segments().is_empty() {
            let published = window(&cut, 0, cut.segments().len());
            let names = media(&published);
            let names = names.segments().iter().map(|segment| &segment.uri);
            assert!(names.eq(cut.segments().iter().map(|segment| &segment.uri)));
        }
    }
}

#[test]
fn every_cut_is_safe() {
    check_cuts(LIVE);
    check_cuts(&LIVE.replace('\n', "\r\n"));
    check_cuts(&format!("\u{feff}{LIVE}"));
    check_cuts(&format!("{LIVE}#EXT-X-ENDLIST\n"));
    check_cuts(&LIVE.replace("#EXTM3U\n", "#EXTM3U\n#EXT-X-ENDLIST\n"));
}

#[test]
fn the_last_segment_waits_for_its_line_end() {
    let cut = LIVE.trim_end();
    let list = media(cut);
    assert_eq!(list.segments().len(), 2);
    assert_eq!(list.to_string(), cut);
    assert!(window(&list, 0, 2).ends_with("seg-10.ts\n"));
    for end in [
        "seg",
        "#EXT",
        "#EXTINF:6",
        "#EXT-X-DISC",
        "# no",
        "#EXT-X-KEY:METHOD=NO",
    ] {
        let list = media(&format!("{LIVE}{end}"));
        assert_eq!(list.segments().len(), 3, "{end}");
        assert!(window(&list, 0, 3).ends_with("seg-100.ts\n"), "{end}");
    }
}

#[test]
fn a_full_endlist_needs_no_line_end() {
    for end in [
        "#EXT-X-ENDLIST",
        "#EXT-X-ENDLIST\r",
        "#EXT-X-ENDLIST\n# bye",
    ] {
        let list = media(&format!("{LIVE}{end}"));
        assert!(list.is_ended(), "{end}");
        let published = window(&list, 0, 3);
        assert!(
            published.contains(end.trim_end()) && published.ends_with('\n'),
            "{end}"
        );
    }
    assert!(!media(&format!("{LIVE}#EXT-X-ENDLIS")).is_ended());
}

#[test]
fn what_must_not_be_lost_makes_the_whole_incomplete() {
    let head = "#EXTM3U\n#EXT-X-TARGETDURATION:6";
    let ended = "#EXTM3U\n#EXT-X-ENDLIST\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n#EXTINF:6,\nb";
    let cases = [
        ("", 1),
        ("#EXT", 1),
        ("#EXTM3U", 1),
        ("#EXTM3U\n", 1),
        ("#EXTM3U\n#EXT-X-VERSION:3\n", 2),
        ("#EXTM3U\n#EXT-X-MEDIA", 2),
        (head, 2),
        (&format!("{head}\n#EXT-X-MEDIA-SEQUENCE:12"), 3),
        (&format!("{head}\n#EXTINF:6,\na.ts"), 4),
        (&format!("{LIVE}#EXT-X-PLAYLIST-TYPE:EV"), 13),
        (ended, 7),
    ];
    for (text, line) in cases {
        assert_eq!(error(text), PlaylistError::Incomplete { line }, "{text:?}");
    }
}

#[test]
fn a_cut_multivariant_playlist_is_incomplete_or_right() {
    let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\",URI=\"a/i.m3u8\"\n\
                #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\nv0/i.m3u8\n\
                #EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO=\"a\"\nv1/i.m3u8\n\
                #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"f.m3u8\"\n";
    let whole = multivariant(text).children();
    for at in 0..text.len() {
        if let Ok(Playlist::Multivariant(cut)) = Playlist::parse(&text[..at]) {
            assert!(whole.starts_with(&cut.children()), "cut at {at}");
        }
    }
    let line = 6;
    for end in ["v1/i.m3", "v1/i.m", "v", ""] {
        let cut = &text[..text.find("v1").unwrap()];
        let line = if end.is_empty() { line - 1 } else { line };
        assert_eq!(
            error(&format!("{cut}{end}")),
            PlaylistError::Incomplete { line }
        );
    }
}
