//! Whatever the interleaving of packager, passes and restarts: the same bytes.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::*;

/// What happens next to one encryptor.
#[derive(Debug, Clone, Copy)]
enum Move {
    /// A segment's file appears, not listed yet.
    Segment,
    /// The playlist lists what is there, at most five.
    List,
    /// The engine does one piece of work.
    Pass,
    /// The run ends and another begins.
    Restart,
}

const LISTS: [&str; 2] = ["v0/i.m3u8", "v1/i.m3u8"];
const COUNT: u64 = 9;

/// Plays `moves`, then the rest of the stream. Every segment that was ever listed is recorded
/// with its key tag and its bytes.
fn play(moves: &[Move]) -> BTreeMap<(String, u64), (String, Vec<u8>)> {
    let mut bench = Bench::new(BY_THREE);
    let (mut there, mut seen) = (0, BTreeMap::new());
    let rest = std::iter::repeat_n([Move::Segment, Move::List, Move::Pass], 10).flatten();
    for one in moves.iter().copied().chain(rest) {
        match one {
            Move::Segment if there < COUNT => {
                for folder in ["v0", "v1"] {
                    bench.write(&format!("{folder}/s{there}.ts"), segment(there));
                }
                there += 1;
            }
            Move::List if there > 0 => {
                for list in LISTS {
                    bench.live(list, there.saturating_sub(5)..=there - 1);
                }
            }
            Move::Pass => record(&mut bench, &mut seen),
            Move::Restart => bench.restart(),
            Move::Segment | Move::List => {}
        }
    }
    seen
}

fn record(bench: &mut Bench, seen: &mut BTreeMap<(String, u64), (String, Vec<u8>)>) {
    bench.pass();
    for list in LISTS.iter().filter(|list| bench.sink(list).exists()) {
        bench.audit(list);
        for segment in bench.published(list).segments() {
            let path = format!("{}/{}", &list[..2], segment.uri);
            let now = (
                format!("{:?}", segment.key),
                fs::read(bench.sink(&path)).unwrap(),
            );
            let before = seen.insert(((*list).to_owned(), segment.msn), now.clone());
            assert!(
                before.is_none_or(|before| before == now),
                "{list} {}",
                segment.msn
            );
        }
    }
}

#[test]
fn every_interleaving_publishes_the_same_bytes() {
    let config = Config {
        cases: 12,
        rng_seed: RngSeed::Fixed(20_261),
        failure_persistence: None,
        ..Config::default()
    };
    let one = prop_oneof![
        3 => Just(Move::Segment),
        3 => Just(Move::List),
        4 => Just(Move::Pass),
        1 => Just(Move::Restart),
    ];
    let moves = prop::collection::vec(one, 0..40);
    let straight = play(&[]);
    let mut runner = TestRunner::new(config);
    let checked = runner.run(&moves, |moves| {
        for (place, content) in play(&moves) {
            prop_assert_eq!(&straight[&place], &content, "{:?}", place);
        }
        Ok(())
    });
    checked.unwrap();
}
