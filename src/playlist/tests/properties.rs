//! What holds for every playlist. A failing case prints its seed and is shrunk.

use proptest::prelude::*;

use super::generated::{live_lists, scraps, see};
use super::*;

/// The lines that a rewrite never touches, of the list or of any segment.
fn untouched(text: &str) -> Vec<String> {
    let rewritten = [
        "#EXT-X-KEY",
        "#EXT-X-VERSION",
        "#EXT-X-MEDIA-SEQUENCE",
        "#EXT-X-DISCONTINUITY-SEQUENCE",
    ];
    let lines = text.trim_start_matches('\u{feff}').split_inclusive('\n');
    let kept = lines.filter(|line| {
        let tag = line.split(':').next().unwrap_or_default().trim_end();
        !rewritten.contains(&tag)
    });
    kept.map(str::to_owned).collect()
}

/// Whether the lines of `part` stand in `whole` in their order.
fn in_order(part: &[String], whole: &[String]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|line| rest.any(|other| other == line))
}

/// What must hold of any window of any list.
fn check_window(source: &str, list: &MediaPlaylist, first: usize, end: usize) {
    let out = window(list, first, end);
    let (before, after) = (see(source), see(&out));
    assert_eq!(after.len(), end - first, "{out}");
    for (old, new) in before[first..end].iter().zip(&after) {
        let iv = format!(",IV=0x{:032x}", new.msn);
        let (key, is_own) = new.key.as_ref().expect("a key in scope");
        assert!(*is_own && key.ends_with(&iv), "{new:?} in {out}");
        assert_eq!((&new.uri, new.msn, new.gap), (&old.uri, old.msn, old.gap));
        assert_eq!(
            new.discontinuity_sequence, old.discontinuity_sequence,
            "{out}"
        );
    }
    assert!(in_order(&untouched(&out), &untouched(source)), "{out}");
    assert_eq!(out.matches("#EXT-X-VERSION:").count(), 1);
    let again = media(&out);
    assert!(matches!(
        again.unsupported(),
        Some(Unsupported::AlreadyEncrypted { .. })
    ));
    let plain = |s: &Segment| (s.msn, s.uri.clone(), s.duration, s.discontinuity, s.gap);
    let expected = list.segments()[first..end].iter().map(plain);
    assert!(again.segments().iter().map(plain).eq(expected), "{out}");
    assert_eq!(
        again.is_ended(),
        list.is_ended() && end == list.segments().len()
    );
}

proptest! {
    #[test]
    fn what_parses_prints_as_it_was(text in prop_oneof![scraps(), live_lists(), "\\PC{0,40}"]) {
        if let Ok(list) = Playlist::parse(&text) {
            prop_assert_eq!(list.to_string(), text.as_str());
            prop_assert_eq!(list.map_uris(&mut |_, uri| uri.to_owned()), text.as_str());
            let odd = list.map_uris(&mut |_, uri| format!("{uri}\"\r\n#EXT-X-ENDLIST\n{uri}"));
            prop_assert_eq!(odd.lines().count(), text.lines().count());
        }
    }

    #[test]
    fn scraps_are_refused_or_every_segment_gets_its_key(text in scraps()) {
        if let Ok(Playlist::Media(list)) = Playlist::parse(&text) {
            let is_fit = list.unsupported().is_none() && !list.segments().is_empty();
            if is_fit {
                let out = window(&list, 0, list.segments().len());
                let own = |(_, is_own): &(String, bool)| *is_own;
                prop_assert!(see(&out).iter().all(|seen| seen.key.as_ref().is_some_and(own)));
                prop_assert_eq!(media(&out).segments().len(), list.segments().len());
            }
        }
    }

    #[test]
    fn every_window_has_its_keys_and_numbers(
        text in live_lists(),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
    ) {
        let list = media(&text);
        let count = list.segments().len();
        let first = from.index(count);
        check_window(&text, &list, first, first + 1 + to.index(count - first));
        check_window(&text, &list, 0, count);
    }

    #[test]
    fn a_whole_listing_loses_nothing(text in live_lists()) {
        let list = media(&text);
        let out = window(&list, 0, list.segments().len());
        let last = list.blocks().next_back().unwrap().uri + 1;
        let tail_at: usize = text.split_inclusive('\n').take(last).map(str::len).sum();
        let (body, tail) = text.split_at(tail_at);
        let pending = |line: &String| line.trim_end() == "#EXT-X-DISCONTINUITY";
        let mut expected = untouched(body);
        expected.extend(untouched(tail).into_iter().filter(|line| !pending(line)));
        prop_assert_eq!(untouched(&out), expected);
    }

    #[test]
    fn no_cut_gives_a_wrong_segment(text in live_lists(), at in any::<prop::sample::Index>()) {
        let cut = text.get(..at.index(text.len())).unwrap_or_default();
        if let Ok(Playlist::Media(cut)) = Playlist::parse(cut) {
            let whole = media(&text);
            let names = |list: &MediaPlaylist| -> Vec<(u64, String)> {
                list.segments().iter().map(|s| (s.msn, s.uri.clone())).collect()
            };
            prop_assert!(names(&whole).starts_with(&names(&cut)));
        }
    }

    #[test]
    fn a_carried_date_is_the_sum(durations in prop::collection::vec(0..9_999_999_u64, 2..30), own in any::<prop::sample::Index>()) {
        let own = own.index(durations.len());
        let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n".to_owned();
        for (at, micros) in durations.iter().enumerate() {
            if at == own {
                text += "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T01:00:00Z\n";
            }
            text += &format!("#EXTINF:{}.{:06},\ns{at}.ts\n", micros / 1_000_000, micros % 1_000_000);
        }
        let mut micros = 3_600_000_000 - durations[..own].iter().sum::<u64>() as i64;
        for (segment, duration) in media(&text).segments().iter().zip(&durations) {
            prop_assert_eq!(segment.time.unwrap().millis(), micros.div_euclid(1000));
            micros += *duration as i64;
        }
    }
}

/// A day of two-second segments: every position of a window of 20 000, in strides.
#[test]
fn a_long_window_slides() {
    let mut text =
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n".to_owned();
    for at in 0..43_200 {
        if at % 100 == 0 {
            text += "#EXT-X-DISCONTINUITY\n";
        }
        text += &format!("#EXTINF:2.000,\nday/segment-{at}.ts\n");
    }
    let list = media(&text);
    for first in [0, 1, 99, 100, 101, 23_200] {
        check_window(&text, &list, first, first + 20_000);
    }
}
