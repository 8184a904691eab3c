//! Every path against a cipher that somebody else wrote: any lengths, any number of segments, and some that come late.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

use super::batch::is_right;
use super::*;
use crate::crypto::Iv;
use crate::crypto::cbc::{Job, one_by_one};
use crate::domain::{Entropy as _, SystemEntropy};

/// Segments, of which one more is there each time that somebody asks how many wait.
struct Late {
    coming: VecDeque<Segment>,
    there: VecDeque<Segment>,
    done: Vec<Segment>,
}

impl Supply for std::cell::RefCell<Late> {
    fn waiting(&self) -> usize {
        let mut late = self.borrow_mut();
        let next = late.coming.pop_front();
        late.there.extend(next);
        late.there.len()
    }

    fn length(&self) -> usize {
        0
    }

    fn take(&mut self) -> Option<Segment> {
        self.get_mut().there.pop_front()
    }

    fn done(&mut self, segment: Segment) {
        assert_eq!(segment.blocks_left(), 0);
        self.get_mut().done.push(segment);
    }
}

fn there() -> impl Iterator<Item = Instructions> {
    let all = Instructions::ALL.into_iter().filter(|path| path.is_there());
    all.inspect(|path| println!("{path:?}"))
}

/// Segments of up to so many blocks, and what they are to become.
fn drawn(random: &mut StdRng, count: usize, most: usize) -> (Vec<Segment>, Vec<Vec<u8>>) {
    let one = |number| {
        let mut bytes = [0; 16];
        random.fill_bytes(&mut bytes);
        let key = ContentKey::from_slice(&bytes).unwrap();
        random.fill_bytes(&mut bytes);
        let mut data = vec![0; BLOCK * random.random_range(1..=most)];
        random.fill_bytes(&mut data);
        let mut expected = data.clone();
        let iv = Iv::from_test_bytes(bytes);
        one_by_one(&mut Job {
            key: &key,
            iv,
            data: &mut expected,
        });
        (
            Segment {
                number,
                key,
                chain: bytes,
                data,
                done: 0,
            },
            expected,
        )
    };
    (0..count).map(one).unzip()
}

#[test]
fn each_path_gives_what_another_cipher_gives_whenever_segments_come() {
    let mut seed = [0; 8];
    SystemEntropy.fill(&mut seed);
    let seed = u64::from_le_bytes(seed);
    println!("seed {seed}");
    for path in there() {
        let mut random = StdRng::seed_from_u64(seed);
        for most in [1, 3, 40, 700, 9000] {
            for count in [1, 2, 5, 8, 9, 16, 17, 33, 70] {
                let (segments, expected) = drawn(&mut random, count, most);
                let early = random.random_range(0..=count);
                let mut coming = VecDeque::from(segments);
                let there = coming.drain(..early).collect();
                let late = Late {
                    coming,
                    there,
                    done: Vec::new(),
                };
                let mut supply = std::cell::RefCell::new(late);
                path.encrypt(&mut supply).unwrap();
                let mut done = supply.into_inner().done;
                done.sort_by_key(|segment| segment.number);
                let found: Vec<_> = done.into_iter().map(|segment| segment.data).collect();
                assert!(
                    found == expected,
                    "{path:?}: {count} of up to {most} blocks, seed {seed}"
                );
            }
        }
    }
}

#[test]
fn a_path_proves_itself_before_it_is_used() {
    for path in there() {
        assert!(is_right(path));
    }
    let best = there().next();
    assert_eq!(Instructions::best(is_right), best);
}

/// A page's begin for every buffer, as large ones have.
#[test]
fn lanes_go_on_in_lines_of_their_own() {
    let Some(mut lanes) = Lanes::<__m128i, 8>::new() else {
        return;
    };
    let mut one = Lone::new().unwrap();
    let (segments, _) = drawn(&mut StdRng::seed_from_u64(1), 8, 600);
    for (lane, mut segment) in segments.into_iter().enumerate() {
        segment.data = vec![0; 1 << 20];
        let ahead = apart(&lanes, &segment);
        one.advance(&mut segment, ahead);
        lanes.enter(lane, segment);
    }
    let mut lines: Vec<_> = (0..8)
        .map(|lane| lanes.segment(lane).unwrap().line())
        .collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 8);
}
