//! Listings as they are published, line by line. `K<n>` stands for the key tag with IV n.

use super::*;

const LIVE: &str = "\
#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:6
#EXT-X-MEDIA-SEQUENCE:10
#EXT-X-DISCONTINUITY-SEQUENCE:4
#EXTINF:6.000,
s10.ts
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-01-02T12:00:00.000Z
#EXTINF:6.000,
s11.ts
#EXTINF:6.000,
s12.ts
";

/// `K12` at the start of a line becomes that key tag.
fn with_keys(text: &str) -> String {
    let lines = text
        .split_inclusive('\n')
        .map(|line| match line.strip_prefix('K') {
            None => line.to_owned(),
            Some(rest) => {
                let iv: u64 = rest.trim_end().parse().unwrap();
                let eol = &rest[rest.trim_end().len()..];
                format!("#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.test/k\",IV=0x{iv:032x}{eol}")
            }
        });
    lines.collect()
}

fn check(source: &str, (first, end): (usize, usize), expected: &str) {
    let list = media(source);
    assert_eq!(window(&list, first, end), with_keys(expected), "{source}");
    assert_eq!(list.to_string(), source);
}

#[test]
fn every_segment_has_its_own_key_after_its_discontinuity() {
    let expected = "\
#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:6
#EXT-X-MEDIA-SEQUENCE:10
#EXT-X-DISCONTINUITY-SEQUENCE:4
K10
#EXTINF:6.000,
s10.ts
#EXT-X-DISCONTINUITY
K11
#EXT-X-PROGRAM-DATE-TIME:2026-01-02T12:00:00.000Z
#EXTINF:6.000,
s11.ts
K12
#EXTINF:6.000,
s12.ts
";
    check(LIVE, (0, 3), expected);
}

#[test]
fn numbers_move_on_when_segments_are_dropped() {
    // segment 11 keeps its EXT-X-DISCONTINUITY, so only the one of segment 12's past is counted
    let head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n";
    let eleven = format!(
        "{head}#EXT-X-MEDIA-SEQUENCE:11\n#EXT-X-DISCONTINUITY-SEQUENCE:4\n\
         #EXT-X-DISCONTINUITY\nK11\n#EXT-X-PROGRAM-DATE-TIME:2026-01-02T12:00:00.000Z\n\
         #EXTINF:6.000,\ns11.ts\n"
    );
    check(LIVE, (1, 2), &eleven);
    let twelve = format!(
        "{head}#EXT-X-MEDIA-SEQUENCE:12\n#EXT-X-DISCONTINUITY-SEQUENCE:5\n\
         K12\n#EXTINF:6.000,\ns12.ts\n"
    );
    check(LIVE, (2, 3), &twelve);
}

#[test]
fn missing_numbers_are_added_only_when_needed() {
    let body = "#EXTINF:6,\na.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:6,\nb.ts\n#EXTINF:6,\nc.ts\n";
    let source = format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n{body}");
    let whole = "#EXTM3U\n#EXT-X-VERSION:2\n#EXT-X-TARGETDURATION:6\nK0\n#EXTINF:6,\na.ts\n";
    check(&source, (0, 1), whole);
    let last = "#EXTM3U\n#EXT-X-VERSION:2\n#EXT-X-MEDIA-SEQUENCE:2\n\
                #EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-TARGETDURATION:6\n\
                K2\n#EXTINF:6,\nc.ts\n";
    check(&source, (2, 3), last);
}

#[test]
fn the_version_is_what_is_needed_and_stands_once() {
    let gap = &[Entry::Gap, entry("k", 1)][..];
    let without_iv = &[Entry::Encrypted(Encrypted {
        key_uri: "https://keys.test/k".to_owned(),
        ..Encrypted::default()
    })][..];
    let with_iv = &[entry("k", 0)][..];
    let cases = [
        ("", "6", without_iv, None),
        ("", "6", with_iv, Some(2)),
        ("", "6.0", with_iv, Some(3)),
        ("", "6", gap, Some(8)),
        ("#EXT-X-VERSION:1\n", "6", with_iv, Some(2)),
        ("#EXT-X-VERSION:2\n", "6.5", with_iv, Some(3)),
        ("#EXT-X-VERSION:7\n", "6.5", with_iv, Some(7)),
        ("#EXT-X-VERSION:3\n", "6.5", gap, Some(8)),
        ("#EXT-X-VERSION:9\n", "6.5", gap, Some(9)),
        ("#EXT-X-GAP\n", "6", with_iv, Some(8)),
    ];
    for (version, inf, entries, expected) in cases {
        let source = format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:6\n{version}#EXTINF:{inf},\na.ts\n#EXTINF:{inf},\nb.ts\n"
        );
        let out = rewrite(&media(&source), 0, entries).unwrap();
        let found: Vec<&str> = out
            .lines()
            .filter_map(|l| l.strip_prefix("#EXT-X-VERSION:"))
            .collect();
        let expected: Vec<String> = expected.iter().map(u32::to_string).collect();
        assert_eq!(found, expected, "{source}{out}");
    }
}

#[test]
fn what_the_source_marks_clear_is_encrypted_all_the_same() {
    let source = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-KEY:METHOD=NONE\n\
                  #EXTINF:6,\na.ts\n#EXTINF:6,\n# ad\n#EXT-X-KEY:METHOD=NONE\nb.ts\n\
                  #EXT-X-KEY:METHOD=NONE\n";
    let expected = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\nK0\n\
                    #EXTINF:6,\na.ts\nK1\n#EXTINF:6,\n# ad\nb.ts\n";
    check(source, (0, 2), expected);
    assert!(media(source).segments().iter().all(|segment| segment.clear));
}

#[test]
fn the_end_and_the_type_stand_for_what_is_listed() {
    let source = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-ENDLIST\n#EXT-X-PLAYLIST-TYPE:VOD\n\
                  #EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n#EXTINF:6,\nb.ts\n";
    let part = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-PLAYLIST-TYPE:EVENT\n\
                #EXT-X-TARGETDURATION:6\nK0\n#EXTINF:6,\na.ts\n";
    let all = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-ENDLIST\n#EXT-X-PLAYLIST-TYPE:VOD\n\
               #EXT-X-TARGETDURATION:6\nK0\n#EXTINF:6,\na.ts\nK1\n#EXTINF:6,\nb.ts\n";
    check(source, (0, 1), part);
    check(source, (0, 2), all);
    let strange = "PLAYLIST-TYPE:LOOP";
    check(
        &source.replace("PLAYLIST-TYPE:VOD", strange),
        (0, 1),
        &part.replace("PLAYLIST-TYPE:EVENT", strange),
    );
}

#[test]
fn crlf_stays_and_a_bom_goes() {
    let source =
        "\u{feff}#EXTM3U\r\n#EXT-X-TARGETDURATION:6\r\n#EXTINF:6,\r\na.ts\r\n#EXT-X-ENDLIST";
    let expected = "#EXTM3U\r\n#EXT-X-VERSION:2\r\n#EXT-X-TARGETDURATION:6\r\n\
                    K0\r\n#EXTINF:6,\r\na.ts\r\n#EXT-X-ENDLIST\r\n";
    check(source, (0, 1), expected);
}

#[test]
fn unread_lines_stay_with_their_segments() {
    let source = "\
#EXTM3U
#EXT-X-VERSION:3
## made by a packager
#EXT-X-ALLOW-CACHE:NO
#EXT-X-TARGETDURATION:6

#EXT-X-BITRATE:900
#EXT-X-CUE-OUT:30
#EXTINF:6,
a.ts
#EXT-X-DATERANGE:ID=\"x\",START-DATE=\"2026-01-02T12:00:00Z\"
# between
#EXT-OATCLS-SCTE35:/DA=
#EXTINF:6,
b.ts

#EXTINF:6,
c.ts
# after
#EXT-X-DATERANGE:ID=\"y\",START-DATE=\"2026-01-02T13:00:00Z\"
#EXT-X-DISCONTINUITY
";
    let whole = "\
#EXTM3U
#EXT-X-VERSION:3
## made by a packager
#EXT-X-ALLOW-CACHE:NO
#EXT-X-TARGETDURATION:6

K0
#EXT-X-BITRATE:900
#EXT-X-CUE-OUT:30
#EXTINF:6,
a.ts
#EXT-X-DATERANGE:ID=\"x\",START-DATE=\"2026-01-02T12:00:00Z\"
# between
#EXT-OATCLS-SCTE35:/DA=
K1
#EXTINF:6,
b.ts

K2
#EXTINF:6,
c.ts
# after
#EXT-X-DATERANGE:ID=\"y\",START-DATE=\"2026-01-02T13:00:00Z\"
";
    check(source, (0, 3), whole);
    // the bit rate still applies and the date range may; the cut segment's lines are gone
    let middle = "\
#EXTM3U
#EXT-X-MEDIA-SEQUENCE:1
#EXT-X-VERSION:3
## made by a packager
#EXT-X-ALLOW-CACHE:NO
#EXT-X-TARGETDURATION:6

#EXT-X-BITRATE:900
#EXT-X-DATERANGE:ID=\"x\",START-DATE=\"2026-01-02T12:00:00Z\"
# between
#EXT-OATCLS-SCTE35:/DA=
K1
#EXTINF:6,
b.ts
";
    check(source, (1, 2), middle);
}

#[test]
fn a_bit_rate_lasts_until_the_next() {
    let source = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-BITRATE:900\n\
                  #EXTINF:6,\na.ts\n#EXTINF:6,\nb.ts\n#EXT-X-BITRATE:800\n#EXTINF:6,\nc.ts\n";
    let head = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:@\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n";
    let second = format!("{head}#EXT-X-BITRATE:900\nK1\n#EXTINF:6,\nb.ts\n");
    check(source, (1, 2), &second.replace('@', "1"));
    let third = format!("{head}K2\n#EXT-X-BITRATE:800\n#EXTINF:6,\nc.ts\n");
    check(source, (2, 3), &third.replace('@', "2"));
}

#[test]
fn the_key_follows_the_last_of_several_discontinuities() {
    let source = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-DISCONTINUITY\n\
                  #EXT-X-BITRATE:900\n#EXT-X-DISCONTINUITY\n#EXTINF:6,\na.ts\n";
    let expected = source.replace("#EXTINF", "K0\n#EXTINF");
    check(source, (0, 1), &expected);
}

#[test]
fn gaps_have_no_key_and_hide_none() {
    let source = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:6\n#EXT-X-GAP\n#EXTINF:6,\n\
                  a.ts\n#EXTINF:6,\nb.ts\n#EXTINF:6,\nc.ts\n";
    let entries = [Entry::Gap, entry("k", 1), Entry::Gap];
    let out = rewrite(&media(source), 0, &entries).unwrap();
    let expected = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:6\n#EXT-X-GAP\n#EXTINF:6,\n\
                    a.ts\nK1\n#EXTINF:6,\nb.ts\n#EXT-X-GAP\n#EXTINF:6,\nc.ts\n";
    assert_eq!(out, with_keys(expected));
}

#[test]
fn a_segment_may_get_another_name() {
    let list = media("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n  a.ts \n");
    let entries = [Entry::Encrypted(Encrypted {
        key_uri: "https://keys.test/k".to_owned(),
        uri: Some("b.ts".to_owned()),
        ..Encrypted::default()
    })];
    let expected = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n\
                    #EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.test/k\"\n#EXTINF:6,\nb.ts\n";
    assert_eq!(rewrite(&list, 0, &entries).unwrap(), expected);
}

#[test]
fn promises_of_the_source_server_are_not_repeated() {
    let cases = [
        ("CAN-BLOCK-RELOAD=YES", None),
        ("HOLD-BACK=18.0", Some("HOLD-BACK=18.0")),
        (
            "CAN-SKIP-UNTIL=36,HOLD-BACK=18.0,CAN-BLOCK-RELOAD=YES,X-NOTE=\"a,b\"",
            Some("HOLD-BACK=18.0,X-NOTE=\"a,b\""),
        ),
    ];
    for (control, expected) in cases {
        let source = format!(
            "#EXTM3U\n#EXT-X-SERVER-CONTROL:{control}\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n"
        );
        let out = window(&media(&source), 0, 1);
        let found = out
            .lines()
            .find_map(|l| l.strip_prefix("#EXT-X-SERVER-CONTROL:"));
        assert_eq!(found, expected);
    }
}
