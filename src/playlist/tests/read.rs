//! What is read from a media playlist, and what is refused.

use std::time::Duration;

use super::*;
use crate::domain::Timestamp;

fn head(lines: &str) -> String {
    format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n{lines}")
}

fn millis(time: &str) -> Option<i64> {
    time.parse().ok().map(Timestamp::millis)
}

#[test]
fn a_segment_has_what_stands_before_it() {
    let list = media(&head(
        "#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-DISCONTINUITY\n#EXT-X-GAP\n\n# note\n\
         #EXTINF:6.006,a title, with a comma\n#EXT-X-KEY:METHOD=NONE\n a.ts?x=1 \n\
         #EXTINF:.5\nb c.ts\n",
    ));
    assert_eq!(list.media_sequence(), 7);
    assert_eq!(list.target_duration(), Duration::from_secs(6));
    assert!(!list.is_ended());
    let first = Segment {
        msn: 7,
        uri: "a.ts?x=1".to_owned(),
        range: None,
        map: None,
        duration: Duration::from_millis(6006),
        time: None,
        discontinuity: true,
        gap: true,
        clear: true,
        key: None,
        parts: Vec::new(),
    };
    let second = Segment {
        msn: 8,
        uri: "b c.ts".to_owned(),
        range: None,
        map: None,
        duration: Duration::from_millis(500),
        discontinuity: false,
        gap: false,
        ..first.clone()
    };
    assert_eq!(list.segments(), [first, second]);
}

#[test]
fn numbers_go_on_after_skipped_segments() {
    let list = media(&head(
        "#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-SKIP:SKIPPED-SEGMENTS=5\n#EXTINF:6,\na.ts\n",
    ));
    assert_eq!(list.segments()[0].msn, 12);
}

#[test]
fn dates_are_carried_both_ways_without_adding_up_errors() {
    let mut text = head("#EXTINF:1.0005,\nb.ts\n#EXTINF:1.0005,\na.ts\n");
    text += "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T12:00:00.000+0000\n";
    text += &"#EXTINF:0.0005,\ns.ts\n".repeat(2001);
    text += "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-01-02T13:00:00Z\n";
    text += "#EXTINF:1,\ny.ts\n#EXTINF:1,\nz.ts\n";
    let list = media(&text);
    let times: Vec<i64> = list
        .segments()
        .iter()
        .map(|s| s.time.unwrap().millis())
        .collect();
    let noon = millis("2026-01-02T12:00:00.000Z").unwrap();
    let one = millis("2026-01-02T13:00:00.000Z").unwrap();
    assert_eq!(times[..4], [noon - 2001, noon - 1001, noon, noon]);
    assert_eq!(times[2002], noon + 1000, "2000 half milliseconds on");
    assert_eq!(times[2003..], [one, one + 1000]);
    assert_eq!(media(&head("#EXTINF:6,\na.ts\n")).segments()[0].time, None);
}

#[test]
fn ffmpeg_is_read() {
    let list = media(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:2\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n#EXTINF:2.000000,\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T03:27:28.627+0000\ni2.ts\n\
         #EXTINF:1.000000,\n#EXT-X-PROGRAM-DATE-TIME:2026-11-22T03:27:30.627+0000\ni3.ts\n",
    );
    let times = list
        .segments()
        .iter()
        .map(|s| s.time.map(Timestamp::millis));
    let expected = ["2026-11-22T03:27:28.627Z", "2026-11-22T03:27:30.627Z"].map(millis);
    assert!(times.eq(expected));
    let master = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-STREAM-INF:BANDWIDTH=642400,RESOLUTION=160x90\n\
                  v0/i.m3u8\n\n#EXT-X-STREAM-INF:BANDWIDTH=642400\nv1/i.m3u8\n\n";
    assert_eq!(multivariant(master).children().len(), 2);
}

#[test]
fn definitions_may_stand_often() {
    let text = head("#EXT-X-DEFINE:NAME=\"a\",VALUE=\"1\"\n#EXT-X-DEFINE:NAME=\"b\",VALUE=\"2\"\n");
    assert_eq!(media(&text).to_string(), text);
}

#[test]
fn a_far_date_is_still_a_date() {
    let list = media(&head(
        "#EXT-X-PROGRAM-DATE-TIME:9999-12-31T23:59:59Z\n#EXTINF:4294967295,\na.ts\n\
         #EXTINF:6,\nb.ts\n",
    ));
    let last = list.segments()[1].time.unwrap();
    assert_eq!(last.to_string(), "9999-12-31T23:59:59.999Z");
}

#[test]
fn an_ended_or_empty_list_is_one() {
    assert!(media(&head("#EXT-X-ENDLIST\n")).is_ended());
    assert!(media(&head("")).segments().is_empty());
    let early = media("#EXTM3U\n#EXT-X-ENDLIST\n#EXTINF:6,\na.ts\n#EXT-X-TARGETDURATION:6.0\n");
    assert!(early.is_ended());
    assert_eq!(early.segments().len(), 1);
    assert_eq!(early.target_duration(), Duration::from_secs(6));
}

#[test]
fn faults_are_named_with_their_line() {
    let number = |tag, line| PlaylistError::Number { tag, line };
    let duplicate = |tag, line| PlaylistError::Duplicate { tag, line };
    let misplaced = |tag, line| PlaylistError::Misplaced { tag, line };
    let inf = "#EXTINF:6,\na.ts\n";
    let cases = [
        ("#EXTINF:-1,\na.ts\n", number("EXTINF", 3)),
        ("#EXTINF:NaN,\na.ts\n", number("EXTINF", 3)),
        ("#EXTINF:inf,\na.ts\n", number("EXTINF", 3)),
        ("#EXTINF:1e3,\na.ts\n", number("EXTINF", 3)),
        ("#EXTINF\na.ts\n", number("EXTINF", 3)),
        ("#EXTINF:99999999999999999999,\na.ts\n", number("EXTINF", 3)),
        (
            "#EXT-X-MEDIA-SEQUENCE:-1\n",
            number("EXT-X-MEDIA-SEQUENCE", 3),
        ),
        (
            "#EXT-X-MEDIA-SEQUENCE:18446744073709551616\n",
            number("EXT-X-MEDIA-SEQUENCE", 3),
        ),
        (
            &format!("#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n{inf}{inf}"),
            number("EXT-X-MEDIA-SEQUENCE", 7),
        ),
        ("#EXT-X-VERSION:three\n", number("EXT-X-VERSION", 3)),
        (
            "#EXT-X-DISCONTINUITY-SEQUENCE:\n",
            number("EXT-X-DISCONTINUITY-SEQUENCE", 3),
        ),
        (
            "#EXT-X-VERSION:3\n#EXT-X-VERSION:3\n",
            duplicate("EXT-X-VERSION", 4),
        ),
        (
            "#EXT-X-TARGETDURATION:6\n",
            duplicate("EXT-X-TARGETDURATION", 3),
        ),
        ("#EXTM3U\n", duplicate("EXTM3U", 3)),
        (
            "#EXT-X-START:TIME-OFFSET=0\n#EXT-X-START:TIME-OFFSET=0\n",
            duplicate("EXT-X-START", 4),
        ),
        (
            &format!("{inf}#EXT-X-MEDIA-SEQUENCE:4\n"),
            misplaced("EXT-X-MEDIA-SEQUENCE", 5),
        ),
        (
            "#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY-SEQUENCE:4\n",
            misplaced("EXT-X-DISCONTINUITY-SEQUENCE", 4),
        ),
        (
            &format!("{inf}#EXT-X-DISCONTINUITY-SEQUENCE:4\n"),
            misplaced("EXT-X-DISCONTINUITY-SEQUENCE", 5),
        ),
        (
            "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n",
            duplicate("EXT-X-SKIP", 4),
        ),
        (
            "#EXT-X-PROGRAM-DATE-TIME:noon\n",
            PlaylistError::Time { line: 3 },
        ),
        (
            "a.ts\n",
            PlaylistError::UnknownUri {
                tag: "EXTINF",
                line: 3,
            },
        ),
        (
            "#EXTINF:6,\n#EXTINF:6,\na.ts\n",
            PlaylistError::MissingUri {
                tag: "EXTINF",
                line: 3,
            },
        ),
        (
            "#EXTINF:6,\n#EXT-X-ENDLIST\n",
            PlaylistError::MissingUri {
                tag: "EXTINF",
                line: 3,
            },
        ),
        (
            "#EXT-X-KEY:METHOD=NONE,METHOD=AES-128\n",
            PlaylistError::Attributes {
                tag: "EXT-X-KEY",
                line: 3,
            },
        ),
        (
            "#EXT-X-KEY:METHOD=AES-128,URI=\"k\n",
            PlaylistError::Attributes {
                tag: "EXT-X-KEY",
                line: 3,
            },
        ),
        (
            "#EXT-X-MAP:URI=init.mp4\n",
            PlaylistError::Attributes {
                tag: "EXT-X-MAP",
                line: 3,
            },
        ),
        (
            "#EXT-X-SKIP:SKIPPED-SEGMENTS=many\n",
            PlaylistError::Attributes {
                tag: "EXT-X-SKIP",
                line: 3,
            },
        ),
        (
            "#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n",
            PlaylistError::Mixed { line: 3 },
        ),
        ("#EXTINF:6,a\u{0}b\n", PlaylistError::Control { line: 3 }),
        (
            "#EXTINF:6,a\r#EXT-X-KEY:METHOD=NONE\n",
            PlaylistError::Control { line: 3 },
        ),
        ("#EXTINF:6,\r\r\n", PlaylistError::Control { line: 3 }),
        ("#EXTINF:6,a\u{85}b\n", PlaylistError::Control { line: 3 }),
        (" #EXTINF:6,\n", PlaylistError::Indented { line: 3 }),
        (
            "\u{a0}\u{feff}#EXTINF:6,\n",
            PlaylistError::Indented { line: 3 },
        ),
    ];
    for (lines, expected) in cases {
        assert_eq!(error(&head(lines)), expected, "{lines:?}");
    }
}

#[test]
fn a_whole_text_may_be_wrong() {
    let missing = PlaylistError::Missing {
        tag: "EXT-X-TARGETDURATION",
    };
    let zero = PlaylistError::Number {
        tag: "EXT-X-TARGETDURATION",
        line: 2,
    };
    assert_eq!(error("#EXTM3U\n#EXTINF:6,\na.ts\n"), missing);
    assert_eq!(error("#EXTM3U\n#EXT-X-TARGETDURATION:0\n"), zero);
    for other in [
        "<html>",
        "#EXTM3U8\n",
        "#EXTINF:6,\na.ts\n",
        "\n#EXTM3U\n",
        " #EXTM3U\n",
    ] {
        assert_eq!(error(other), PlaylistError::NotAPlaylist, "{other}");
    }
    let twice = "\u{feff}\u{feff}#EXTM3U\n";
    assert_eq!(error(twice), PlaylistError::NotAPlaylist);
}

#[test]
fn the_size_is_bounded() {
    let lines = head(&"\n".repeat(999_998));
    assert!(media(&lines).segments().is_empty());
    assert_eq!(error(&format!("{lines}\n")), PlaylistError::TooLong);
    let bytes = head(&format!("#{}\n", "x".repeat(32 * 1024 * 1024)));
    assert_eq!(error(&bytes), PlaylistError::TooLong);
}

#[test]
fn a_list_can_be_told_as_it_was_before_it_grew() {
    let head = "#EXTM3U\r\n#EXT-X-TARGETDURATION:4\r\n#EXT-X-MEDIA-SEQUENCE:9\r\n";
    let (one, two) = (
        "#EXTINF:4,\r\na.ts\r\n",
        "# note\r\n#EXT-X-DISCONTINUITY\r\n#EXTINF:4,\r\nb.ts\r\n",
    );
    let text = format!("{head}{one}{two}#EXT-X-ENDLIST\r\n");
    let Ok(Playlist::Media(list)) = Playlist::parse(&text) else {
        panic!("no media playlist");
    };
    assert_eq!(list.text_through(0), head);
    let grown = list.text_through(1);
    assert!(grown.starts_with(&format!("{head}{one}")), "{grown}");
    let Ok(Playlist::Media(grown)) = Playlist::parse(grown) else {
        panic!("no media playlist");
    };
    assert_eq!(grown.segments(), &list.segments()[..1]);
    assert!(!grown.is_ended() && list.is_ended());
    assert_eq!(list.text_through(2), text);
    assert_eq!(list.text_through(usize::MAX), text);
}
