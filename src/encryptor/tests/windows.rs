//! What a refresh costs does not grow with the window, and what it gives does not depend on how it
//! was come by.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::*;
use crate::encryptor::engine::Work;
use crate::playlist::{Encrypted, Entry, Listing};

const LIST: &str = "index.m3u8";

impl Bench {
    /// Has a run before this one have published the window `numbers`, whose files are gone.
    fn published_before(&mut self, numbers: std::ops::RangeInclusive<u64>) {
        let kid = "0b5f3f0e-1c9c-4f7e-9d3a-000000000000";
        let text = playlist(numbers, "");
        let Ok(Playlist::Media(list)) = Playlist::parse(&text) else {
            panic!("{text}")
        };
        let entry = |segment: &crate::playlist::Segment| {
            let iv = Iv::for_segment(&key_of(kid), &LIST.parse().unwrap(), segment.msn);
            Entry::Encrypted(Encrypted {
                key_uri: format!("https://keys.test/v1/keys/{kid}"),
                iv: Some(iv.to_string()),
                ..Encrypted::default()
            })
        };
        let entries: Vec<Entry> = list.segments().iter().map(entry).collect();
        let listing = Listing {
            entries: &entries,
            ..Listing::default()
        };
        fs::write(self.sink(LIST), list.encrypt(&listing).unwrap()).unwrap();
        self.write(LIST, text);
        self.restart();
        self.settle();
    }

    /// The window moves on by `gone` and `come` segments.
    fn refresh(&mut self, window: &mut (u64, u64), (gone, come): (u64, u64)) -> Work {
        let before = self.engine().work;
        for msn in window.1..window.1 + come {
            self.write(&format!("s{msn}.ts"), segment(msn));
        }
        *window = (window.0 + gone, window.1 + come);
        self.write(LIST, playlist(window.0..=window.1 - 1, ""));
        self.after(4000);
        let after = self.engine().work;
        Work {
            read: after.read - before.read,
            written: after.written - before.written,
        }
    }
}

/// Segments read and written for each of some refreshes of a window of so many.
fn costs(segments: u64) -> Vec<Work> {
    let mut bench = Bench::new(NEVER);
    bench.published_before(0..=segments - 1);
    let mut window = (0, segments);
    // the first list that a process publishes is written as a whole
    bench.refresh(&mut window, (1, 1));
    let moves = [(1, 1), (0, 1), (2, 2), (3, 1), (1, 1)];
    let costs = moves.map(|by| bench.refresh(&mut window, by));
    let listed = bench.listed(LIST);
    let edges = (listed[0], listed[listed.len() - 1] + 1, listed.len() as u64);
    assert_eq!(edges, (window.0, window.1, window.1 - window.0));
    costs.to_vec()
}

#[test]
fn a_refresh_costs_what_is_new_whatever_the_window() {
    let short = costs(200);
    assert_eq!(costs(20_000), short);
    // the first segment, which is read anew and gets the list's head, and the one that came
    let two = Work {
        read: 2,
        written: 2,
    };
    let three = Work {
        read: 3,
        written: 3,
    };
    assert_eq!(short, [two, two, three, two, two]);
}

/// What happens to the source's playlist.
#[derive(Debug, Clone, Copy)]
enum Move {
    /// So many segments go, and so many come.
    On(u64, u64),
    /// A comment in the middle is another one.
    Within(u8),
    /// It says another target duration.
    Head(u8),
    /// It begins with a segment that begins anew.
    Discontinuity,
    /// A segment without media comes.
    Gap,
}

/// Two encryptors of one source, the second of which begins anew before each look at it.
#[test]
fn step_by_step_or_from_the_beginning_the_same_is_published() {
    let config = Config {
        cases: 12,
        rng_seed: RngSeed::Fixed(20_000),
        failure_persistence: None,
        ..Config::default()
    };
    let one = prop_oneof![
        8 => (0..3_u64, 1..3_u64).prop_map(|(gone, come)| Move::On(gone, come)),
        1 => any::<u8>().prop_map(Move::Within),
        1 => (4..9_u8).prop_map(Move::Head),
        1 => Just(Move::Discontinuity),
        1 => Just(Move::Gap),
    ];
    let moves = prop::collection::vec(one, 1..24);
    let checked = TestRunner::new(config).run(&moves, |moves| {
        play(&moves);
        Ok(())
    });
    checked.unwrap();
}

fn play(moves: &[Move]) {
    let mut bench = Bench::new(BY_THREE);
    let mut other = bench.another(BY_THREE);
    let (mut first, mut lines) = (0_u64, Vec::<String>::new());
    let (mut target, mut comment) = (4, 0);
    for (step, one) in moves.iter().copied().enumerate() {
        let mut come = |bench: &Bench, tag: &str, has_file: bool| {
            let msn = first + lines.len() as u64;
            if has_file {
                bench.write(&format!("s{msn}.ts"), segment(msn));
            }
            let time = Timestamp::from_millis(i64::try_from(msn).unwrap() * 4000);
            lines.push(format!(
                "{tag}#EXT-X-PROGRAM-DATE-TIME:{time}\n#EXTINF:4.000,\ns{msn}.ts\n"
            ));
        };
        match one {
            Move::On(gone, count) => {
                (0..count).for_each(|_| come(&bench, "", true));
                let gone = gone.min(lines.len() as u64 - 1);
                lines.drain(..usize::try_from(gone).unwrap());
                first += gone;
            }
            Move::Discontinuity => come(&bench, "#EXT-X-DISCONTINUITY\n", true),
            Move::Gap => come(&bench, "#EXT-X-GAP\n", false),
            Move::Within(other) => comment = other,
            Move::Head(other) => target = other,
        }
        if lines.is_empty() {
            continue;
        }
        let mut text =
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:{first}\n");
        for (index, own) in lines.iter().enumerate() {
            if comment > 0 && index == lines.len() / 2 {
                text += &format!("# {comment}\n");
            }
            text += own;
        }
        bench.write(LIST, text);
        other.restart();
        let millis = if step.is_multiple_of(5) { 30_000 } else { 4000 };
        bench.after(millis);
        other.after(millis);
        let read = |bench: &Bench| fs::read_to_string(bench.sink(LIST)).ok();
        assert_eq!(read(&bench), read(&other), "{moves:?} at {step}");
    }
}
