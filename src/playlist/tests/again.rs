//! A list that is read after the one before says what it says when it is parsed.

use proptest::prelude::*;

use super::generated::{live_lists, refreshed};
use super::*;

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

#[test]
fn what_stayed_is_taken_over_and_what_came_is_read() {
    let before = media(&list(100, 110));
    for (first, end) in [(100, 110), (100, 112), (101, 111), (108, 130)] {
        let text = list(first, end);
        let list = before.read_on(&text).unwrap();
        assert_eq!(list, media(&text), "{first}..{end}");
        let again = |n: u64| list.is_taken_over((n - first) as usize);
        let taken: Vec<u64> = (first..end).filter(|n| again(*n)).collect();
        assert_eq!(taken, (first + 1..110).collect::<Vec<_>>());
        let further = super::again::list(first + 2, end + 1);
        let list = list.read_on(&further);
        assert_eq!(list, Some(media(&further)));
    }
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
        let list = before.read_on(&text);
        let parsed = Playlist::parse(&text).ok();
        assert!(
            list.is_none() || list.map(Playlist::Media) == parsed,
            "{what}"
        );
    }
    for (what, from, to) in &changes[..9] {
        let changed = text.replacen(from, to, 1);
        let is_seen = *what == "half a list" || before.read_on(&changed).is_none();
        assert!(is_seen, "{what} was not seen");
    }
}

#[test]
fn a_list_under_other_numbers_is_parsed() {
    let run = crate::domain::Run {
        first: 100,
        output: 7,
        ordinal: 1,
        ..crate::domain::Run::INITIAL
    };
    let before = media(&list(100, 110)).renumber(&run).unwrap();
    assert_eq!(before.read_on(&list(101, 111)), None);
}

proptest! {
    #[test]
    fn read_on_or_parsed_it_is_the_same((before, after) in refreshed()) {
        let (Ok(Playlist::Media(before)), parsed) = (Playlist::parse(&before), Playlist::parse(&after))
        else {
            return Ok(());
        };
        if let Some(list) = before.read_on(&after) {
            prop_assert_eq!(Ok(Playlist::Media(list)), parsed);
        }
    }

    #[test]
    fn any_two_lists_give_nothing_wrong(before in live_lists(), after in live_lists()) {
        if let (Ok(Playlist::Media(before)), parsed) = (Playlist::parse(&before), Playlist::parse(&after))
            && let Some(list) = before.read_on(&after)
        {
            prop_assert_eq!(Ok(Playlist::Media(list)), parsed);
        }
    }
}
