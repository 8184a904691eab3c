//! Delivery directives: when a list answers, and delta updates that lose nothing.

use std::time::Duration;

use proptest::prelude::*;
use quick_m3u8::config::ParsingOptionsBuilder;
use quick_m3u8::tag::KnownTag;
use quick_m3u8::tag::hls::Tag as Other;
use quick_m3u8::{HlsLine, Reader};

use super::generated::{live_lists, see};
use super::*;
use crate::playlist::{BadDirective, Delivery, Directives, Edge, Form};

/// Segments 10 to 12, two parts each, and one part of 13.
const LIVE: &str = "\
#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,PART-HOLD-BACK=3
#EXT-X-PART-INF:PART-TARGET=1
#EXT-X-MEDIA-SEQUENCE:10
#EXTINF:2,
10.m4s
#EXT-X-PART:DURATION=1,URI=\"11.0.m4s\"
#EXT-X-PART:DURATION=1,URI=\"11.1.m4s\"
#EXTINF:2,
11.m4s
#EXT-X-PART:DURATION=1,URI=\"12.0.m4s\"
#EXT-X-PART:DURATION=1,URI=\"12.1.m4s\"
#EXTINF:2,
12.m4s
#EXT-X-PART:DURATION=1,URI=\"13.0.m4s\"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"13.1.m4s\"
";

const WHOLE: Delivery = Delivery::Now(Form::Whole);
const LATER: Delivery = Delivery::Later(Duration::from_secs(6));
const TOO_FAR: Delivery = Delivery::Refused(BadDirective::TooFar { next: 13 });

fn answered(text: &str, msn: Option<&str>, part: Option<&str>, skip: Option<&str>) -> Delivery {
    Edge::of(&media(text)).answer(&Directives::new(msn, part, skip))
}

#[test]
fn a_list_is_waited_for_until_it_has_what_is_asked() {
    let cases = [
        ("0", None, WHOLE),
        ("12", None, WHOLE),
        ("13", None, LATER),
        ("14", None, LATER),
        ("15", None, TOO_FAR),
        ("18446744073709551615", None, TOO_FAR),
        ("9", Some("77"), WHOLE),
        ("11", Some("9"), WHOLE),
        ("12", Some("1"), WHOLE),
        // Past its last part: the first of 13, which is there.
        ("12", Some("2"), WHOLE),
        ("13", Some("0"), WHOLE),
        ("13", Some("1"), LATER),
        ("13", Some("3"), LATER),
        ("13", Some("4"), TOO_FAR),
        ("13", Some("18446744073709551615"), TOO_FAR),
        ("14", Some("0"), LATER),
        ("15", Some("0"), TOO_FAR),
    ];
    for (msn, part, expected) in cases {
        let given = answered(LIVE, Some(msn), part, None);
        assert_eq!(given, expected, "{msn} {part:?}");
    }
    let (earlier, _) = LIVE.split_once("#EXT-X-PART:DURATION=1,URI=\"13").unwrap();
    let given = answered(earlier, Some("12"), Some("2"), None);
    assert_eq!(given, LATER, "the first of 13, which is not");
}

#[test]
fn short_parts_may_be_asked_for_three_seconds_ahead() {
    let short = LIVE.replace("PART-TARGET=1", "PART-TARGET=0.4");
    assert_eq!(answered(&short, Some("13"), Some("8"), None), LATER);
    assert_eq!(answered(&short, Some("13"), Some("9"), None), TOO_FAR);
}

#[test]
fn what_is_no_directive_is_refused_where_the_list_blocks_and_ignored_elsewhere() {
    let silent = LIVE.replace("CAN-BLOCK-RELOAD=YES,", "");
    let ended = format!("{LIVE}#EXT-X-ENDLIST\n");
    for (msn, part, bad) in [
        (None, Some("0"), BadDirective::PartAlone),
        (Some("x"), None, BadDirective::NotANumber),
        (Some("-1"), None, BadDirective::NotANumber),
        (Some("13"), Some(""), BadDirective::NotANumber),
        (Some("99"), None, BadDirective::TooFar { next: 13 }),
    ] {
        assert_eq!(answered(LIVE, msn, part, None), Delivery::Refused(bad));
        assert_eq!(answered(&silent, msn, part, None), WHOLE, "{msn:?}");
        assert_eq!(answered(&ended, msn, part, None), WHOLE, "{msn:?}");
    }
}

#[test]
fn a_delta_update_is_given_where_the_list_offers_it() {
    let delta = Delivery::Now(Form::Delta);
    for (skip, expected) in [("YES", delta), ("v2", delta), ("v3", WHOLE), ("yes", WHOLE)] {
        assert_eq!(answered(LIVE, None, None, Some(skip)), expected, "{skip}");
    }
    assert_eq!(answered(LIVE, Some("12"), None, Some("YES")), delta);
    assert_eq!(answered(LIVE, Some("13"), None, Some("YES")), LATER);
    let never = LIVE.replace("CAN-SKIP-UNTIL=12.0,", "");
    assert_eq!(answered(&never, None, None, Some("YES")), WHOLE);
    let ended = format!("{LIVE}#EXT-X-ENDLIST\n");
    assert_eq!(answered(&ended, None, None, Some("YES")), WHOLE);
    assert_eq!(media(&ended).delta(), None);
    assert_eq!(media(LIVE).delta(), None, "nothing is old enough");
}

/// Segments of 2 s from 100 on, the boundary 4 s before the end: the last three stay.
fn keyed(blocks: &[&str]) -> String {
    let head = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:100\n\
                #EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=4\n";
    let blocks = blocks.iter().zip(100..);
    let blocks = blocks.map(|(tags, msn)| format!("{tags}#EXTINF:2,\n{msn}.m4s\n"));
    head.to_owned() + &blocks.collect::<String>()
}

const A: &str = "#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.test/a\",IV=0x01\n";
const B: &str = "#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.test/b\",IV=0x02\n";
const NONE: &str = "#EXT-X-KEY:METHOD=NONE\n";
const MAP: &str = "#EXT-X-MAP:URI=\"init.mp4\"\n";

/// What stands between EXT-X-SKIP and the first segment's own lines.
fn again(old: &[&str], own: &str) -> String {
    let text = keyed(&[old, &[own, "", ""]].concat());
    let delta = media(&text).delta().unwrap();
    let skip = format!("#EXT-X-SKIP:SKIPPED-SEGMENTS={}\n", old.len());
    let (head, rest) = delta.split_once(&skip).unwrap();
    assert!(head.starts_with("#EXTM3U\n#EXT-X-VERSION:9\n"), "{head}");
    let (again, _) = rest.split_once(&format!("{own}#EXTINF")).unwrap();
    again.to_owned()
}

#[test]
fn keys_and_sections_in_scope_stand_again_behind_the_skip() {
    let cases: [(&[&str], &str, String); 11] = [
        (&["", ""], "", String::new()),
        (&[A, B], "", B.to_owned()),
        (&[A, A], B, String::new()),
        (&[&format!("{MAP}{A}")], B, MAP.to_owned()),
        (&[&format!("{MAP}{A}")], "", format!("{MAP}{A}")),
        (&[&format!("{A}{MAP}")], "", format!("{A}{MAP}")),
        (&[&format!("{A}{MAP}{B}")], "", format!("{A}{MAP}{B}")),
        (&[&format!("{A}{MAP}"), NONE], "", format!("{A}{MAP}{NONE}")),
        (&[A, &format!("{NONE}{MAP}{B}")], "", format!("{MAP}{B}")),
        // Its own section stands under the key before.
        (&[A], &format!("{MAP}{B}"), A.to_owned()),
        (&[A, NONE], "", String::new()),
    ];
    for (old, own, expected) in cases {
        assert_eq!(again(old, own), expected, "{old:?} {own:?}");
    }
}

#[test]
fn keys_of_several_formats_all_stand_again() {
    let other = A.replace(",IV", ",KEYFORMAT=\"other\",IV");
    let both = format!("{A}{other}");
    assert_eq!(again(&[&both], ""), both);
    assert_eq!(again(&[&both], B), both);
    assert_eq!(again(&[&both, NONE], ""), "");
    assert_eq!(again(&[&both, B], ""), format!("{other}{B}"));
}

#[test]
fn a_range_that_goes_on_is_not_parted_from_what_it_follows() {
    let text = keyed(&[
        "",
        "#EXT-X-BYTERANGE:10@0\n",
        "#EXT-X-BYTERANGE:10\n",
        "",
        "",
    ]);
    let text = text.replace("102.m4s", "101.m4s");
    let delta = media(&text).delta().unwrap();
    assert!(delta.contains("SKIPPED-SEGMENTS=1\n"), "{delta}");
    let explicit = text.replace("BYTERANGE:10\n", "BYTERANGE:10@10\n");
    let delta = media(&explicit).delta().unwrap();
    assert!(delta.contains("SKIPPED-SEGMENTS=2\n"), "{delta}");
}

/// A live list, encrypted, that offers delta updates.
fn offered(text: &str, boundary: u32) -> Option<String> {
    let list = media(text);
    let out = window(&list, 0, list.segments().len());
    let head = out.find('\n').unwrap() + 1;
    let eol = if out[..head].ends_with("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let control = format!("#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL={boundary}{eol}");
    (!list.is_ended()).then(|| format!("{}{control}{}", &out[..head], &out[head..]))
}

/// What a client has that puts the segments it knows in the place of the ones left out.
fn merged(former: &str, delta: &str) -> Vec<super::generated::Seen> {
    let skip = delta
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-SKIP:SKIPPED-SEGMENTS="));
    let skipped: usize = skip.map_or(0, |count| count.parse().unwrap());
    let mut all = see(former);
    all.truncate(skipped);
    let known = all.last().map_or(0, |last| last.discontinuity_sequence);
    let first = all.last().map(|last| last.msn + 1);
    let rest = see(delta);
    let from = rest.first().map_or(0, |first| first.msn);
    let head = known - delta_head(delta);
    all.extend(rest.into_iter().map(|mut seen| {
        seen.msn = first.map_or(seen.msn, |first| first + (seen.msn - from));
        seen.discontinuity_sequence += if skipped > 0 { head } else { 0 };
        seen
    }));
    all
}

/// EXT-X-DISCONTINUITY-SEQUENCE.
fn delta_head(text: &str) -> u64 {
    let said = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-DISCONTINUITY-SEQUENCE:"));
    said.map_or(0, |said| said.parse().unwrap())
}

/// The lines that another parser knows for segments, and what it says is left out.
fn others(text: &str) -> (usize, u64, u64) {
    let options = ParsingOptionsBuilder::new()
        .with_parsing_for_all_tags()
        .build();
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'), options);
    let (mut uris, mut skipped, mut version) = (0, 0, 0);
    while let Some(line) = reader.read_line().expect("a valid list") {
        match line {
            HlsLine::KnownTag(KnownTag::Hls(Other::Skip(tag))) => skipped = tag.skipped_segments(),
            HlsLine::KnownTag(KnownTag::Hls(Other::Version(tag))) => version = tag.version(),
            HlsLine::Uri(uri) if !uri.trim().is_empty() => uris += 1,
            _ => {}
        }
    }
    (uris, skipped, version)
}

proptest! {
    #[test]
    fn a_client_that_merges_has_the_whole_list(text in live_lists(), boundary in 0..40_u32) {
        let Some(text) = offered(&text, boundary) else { return Ok(()) };
        let list = media(&text);
        let Some(delta) = list.delta() else { return Ok(()) };
        let whole = see(&text);
        let merged = merged(&text, &delta);
        prop_assert_eq!(&merged, &whole, "{}", delta);
        let update = media(&delta);
        let skipped = list.segments().len() - update.segments().len();
        prop_assert!(skipped > 0);
        let (uris, said, version) = others(&delta);
        prop_assert_eq!((uris, said), (update.segments().len(), skipped as u64));
        prop_assert!(version >= 9);
        // Read alone, it has the same segments with the same keys, and every line is one of the list's.
        let plain = |s: &Segment| (s.msn, s.uri.clone(), s.key.clone(), s.map.clone(), s.gap);
        prop_assert!(update.segments().iter().map(plain).eq(list.segments()[skipped..].iter().map(plain)));
        let added = ["#EXT-X-SKIP:", "#EXT-X-VERSION:"];
        let kept = delta.lines().filter(|line| !added.iter().any(|tag| line.starts_with(tag)));
        let mut rest = text.lines();
        for line in kept {
            prop_assert!(rest.any(|other| other == line), "{line} in {delta}");
        }
        // The older ones are left out, and no other.
        let beyond = |from: usize| -> Duration {
            list.segments()[from..].iter().map(|segment| segment.duration).sum()
        };
        prop_assert!(beyond(skipped) > Duration::from_secs(boundary.into()));
        prop_assert!(beyond(skipped + 1) <= Duration::from_secs(boundary.into()));
        let tail = &delta[delta.rfind("#EXTINF").unwrap()..];
        prop_assert!(text.ends_with(tail));
        let ranges = |text: &str| text.matches("#EXT-X-DATERANGE").count();
        prop_assert_eq!(ranges(&delta), ranges(&text));
    }
}
