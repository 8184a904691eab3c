//! A list that is read after the one before says what it says when it is parsed.

use proptest::prelude::*;

use super::generated::{followed, live_lists, refreshed};
use super::*;
use crate::playlist::{LowLatency, Rewritten, Span, Step};

const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n";

/// Segments `first` to before `end`, each with a date, in the section `init.mp4`.
fn list(first: u64, end: u64) -> String {
    let segment = |n: u64| {
        format!(
            "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T12:{:02}:00Z\n#EXTINF:4,\n{n}.ts\n",
            n % 60
        )
    };
    let segments: String = (first..end).map(segment).collect();
    format!("{HEAD}#EXT-X-MEDIA-SEQUENCE:{first}\n#EXT-X-MAP:URI=\"init.mp4\"\n{segments}")
}

/// What `before` goes on to, if it is not parsed.
fn read_on(before: &MediaPlaylist, text: &str) -> Option<MediaPlaylist> {
    let mut list = before.clone();
    list.read_on(text.to_owned()).ok()?.take();
    Some(list)
}

#[test]
fn what_stayed_stays_and_what_came_is_read() {
    let mut before = media(&list(100, 110));
    for (first, end) in [(100, 110), (100, 112), (101, 113), (108, 130)] {
        let text = list(first, end);
        let was = before.segments().last().unwrap().msn;
        let next = before.read_on(text.clone()).unwrap();
        let anew: Vec<u64> = next.read_anew().iter().map(|segment| segment.msn).collect();
        let all: Vec<u64> = next.backwards().map(|segment| segment.msn).collect();
        assert_eq!(
            anew,
            std::iter::once(first)
                .chain(was + 1..end)
                .collect::<Vec<_>>()
        );
        assert_eq!(all, (first..end).rev().collect::<Vec<_>>());
        next.take();
        assert_eq!(before, media(&text), "{first}..{end}");
    }
}

#[test]
fn a_list_that_is_not_taken_stays() {
    let mut before = media(&list(100, 110));
    let text = list(101, 111);
    assert_eq!(before.read_on(text.clone()).unwrap().into_text(), text);
    assert_eq!(before, media(&list(100, 110)));
}

#[test]
fn what_does_not_go_on_is_not_guessed() {
    let before = media(&list(100, 110));
    let text = list(101, 111);
    let changes = [
        ("a name within", "105.ts", "x.ts"),
        ("a duration within", "#EXTINF:4,\n107", "#EXTINF:5,\n107"),
        ("another section", "init.mp4", "next.mp4"),
        ("a key", "#EXT-X-MAP", "#EXT-X-KEY:METHOD=NONE\n#EXT-X-MAP"),
        (
            "a variable",
            "#EXT-X-MAP",
            "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n#EXT-X-MAP",
        ),
        ("the first name", "101.ts", "x.ts"),
        ("a number back", "SEQUENCE:101", "SEQUENCE:99"),
        ("a number ahead", "SEQUENCE:101", "SEQUENCE:102"),
        ("half a list", "#EXTINF:4,\n110.ts\n", ""),
        (
            "of another kind",
            "#EXTM3U\n",
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n",
        ),
    ];
    for (what, from, to) in changes {
        let text = text.replacen(from, to, 1);
        let list = read_on(&before, &text);
        let parsed = Playlist::parse(&text).ok();
        assert!(
            list.is_none() || list.map(Playlist::Media) == parsed,
            "{what}"
        );
    }
    for (what, from, to) in &changes[..9] {
        let changed = text.replacen(from, to, 1);
        let is_seen = *what == "half a list" || read_on(&before, &changed).is_none();
        assert!(is_seen, "{what} was not seen");
    }
}

#[test]
fn a_list_under_other_numbers_goes_on_under_them() {
    let run = crate::domain::Run {
        first: 100,
        output: 7,
        ordinal: 1,
        shift: std::time::Duration::from_millis(1500),
        ..crate::domain::Run::INITIAL
    };
    let before = media(&list(100, 110)).renumber(&run).unwrap();
    let expected = media(&list(101, 111)).renumber(&run);
    assert_eq!(read_on(&before, &list(101, 111)), expected);
}

proptest! {
    #[test]
    fn read_on_or_parsed_it_is_the_same((before, after) in refreshed()) {
        let (Ok(Playlist::Media(before)), parsed) = (Playlist::parse(&before), Playlist::parse(&after))
        else {
            return Ok(());
        };
        if let Some(list) = read_on(&before, &after) {
            prop_assert_eq!(Ok(Playlist::Media(list)), parsed);
        }
    }

    #[test]
    fn any_two_lists_give_nothing_wrong(before in live_lists(), after in live_lists()) {
        if let (Ok(Playlist::Media(before)), parsed) = (Playlist::parse(&before), Playlist::parse(&after))
            && let Some(list) = read_on(&before, &after)
        {
            prop_assert_eq!(Ok(Playlist::Media(list)), parsed);
        }
    }
}

/// What a list that goes on from one to the next of `texts` is rewritten to, a step at a time, is what
/// each is rewritten to as a whole; so are what is wrong and how long it is.
fn check_steps(texts: &[String]) -> usize {
    let (mut list, mut shown) = (None::<MediaPlaylist>, Rewritten::default());
    let mut steps = 0;
    for text in texts {
        let goes_on = list.as_mut().and_then(|list| {
            let next = list.read_on(text.clone()).ok()?;
            next.take();
            Some(())
        });
        match (goes_on, Playlist::parse(text)) {
            (Some(()), parsed) => {
                steps += 1;
                assert_eq!(list.clone().map(Playlist::Media), parsed.ok(), "{text}");
            }
            (None, Ok(Playlist::Media(parsed))) => list = Some(parsed),
            (None, _) => continue,
        }
        let Some(list) = list.as_ref().filter(|list| !list.segments().is_empty()) else {
            continue;
        };
        check_step(list, &mut shown);
    }
    steps
}

/// Lists all but the last segment, where there are several, and then all.
fn check_step(list: &MediaPlaylist, shown: &mut Rewritten) {
    let all = list.segments().len();
    let first = usize::from(all > 3 && list.segments()[0].msn.is_multiple_of(3));
    for count in [all.saturating_sub(1).max(1), all].map(|end| end.saturating_sub(first)) {
        let entries: Vec<Entry> = list.segments()[first..first + count]
            .iter()
            .map(odd)
            .collect();
        let whole = rewrite(list, first, &entries);
        let span = Span {
            first,
            count,
            opens: false,
            earlier: None,
            low: LowLatency::default(),
        };
        let step = shown.step(list, span, &mut |at| entries[at].clone());
        match (step, whole) {
            (Ok(step), Ok(whole)) => {
                assert_eq!(step.text(Some(shown)).concat(), whole);
                assert_eq!(step.differs(shown), shown.to_string() != whole, "{whole}");
                let listed = &list.segments()[first..first + count];
                let length: std::time::Duration = listed.iter().map(|s| s.duration).sum();
                assert_eq!(step.length(), length);
                shown.take(step);
                assert_eq!(shown.to_string(), whole);
                let anew = Step::whole(list, span, &mut |at| entries[at].clone()).unwrap();
                assert_eq!(shown.seen.counts(), Rewritten::from(anew).seen.counts());
            }
            (step, whole) => assert_eq!(step.err(), whole.err()),
        }
    }
}

/// An entry by the segment's number alone: under one of two keys, some gaps, sections under keys,
/// some without an IV.
fn odd(segment: &Segment) -> Entry {
    let n = segment.msn;
    if n % 11 == 7 {
        return Entry::Gap;
    }
    let Entry::Encrypted(mut own) = entry(if n % 10 < 6 { "k" } else { "l" }, n) else {
        return Entry::Gap;
    };
    if n % 13 == 5 {
        own.iv = None;
    }
    own.uri = (n % 4 == 1).then(|| format!("named-{n}.ts"));
    own.section = segment.map.as_ref().map(|map| {
        let uri = format!("section-{}", map.uri);
        let key = (n % 9 < 5).then(|| KeyTag {
            uri: "https://keys.test/s".to_owned(),
            iv: Some(format!("0x{:032x}", map.uri.len())),
        });
        Section { uri, key }.into()
    });
    Entry::Encrypted(own)
}

#[test]
fn a_window_that_moves_is_rewritten_by_steps() {
    let windows = [
        (100, 110),
        (100, 111),
        (101, 111),
        (103, 120),
        (119, 121),
        (119, 121),
        (130, 132),
    ];
    let texts: Vec<String> = windows
        .iter()
        .map(|(first, end)| list(*first, *end))
        .collect();
    assert_eq!(check_steps(&texts), 4);
}

proptest! {
    #[test]
    fn step_by_step_or_as_a_whole_it_is_the_same(texts in followed()) {
        check_steps(&texts);
    }

    #[test]
    fn any_lists_one_after_the_other_give_nothing_wrong(texts in proptest::collection::vec(live_lists(), 2..4)) {
        check_steps(&texts);
    }
}
