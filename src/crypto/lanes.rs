//! Many segments through AES-128-CBC at once: which of them goes into which lane, and when.
//!
//! CBC is serial within a segment, so segments of unequal lengths run beside each other, and one that has ended makes
//! room for the next. None waits for lanes to fill up: what is there, runs, in as few registers as it needs. Must not
//! know: padding, where segments come from.

use std::arch::x86_64::{__m128i, __m256i, __m512i};
use std::ops::RangeInclusive;
use std::sync::OnceLock;

use super::ContentKey;
use super::simd::{Lanes, Lone, Register};

const BLOCK: usize = 16;
/// A lone segment's blocks before it is asked whether another has come.
const STRETCH: usize = 4096;
/// A line of the cache, and after how many of them a first-level cache begins anew.
const LINE: usize = 64;
const LINES: usize = 64;
/// Longer segments are in no cache whichever way, and fewer of them at once are faster.
const SHORT: usize = 512 << 10;

/// A segment on its way through the cipher: whole blocks, encrypted in place.
pub(super) struct Segment {
    /// What its supplier calls it.
    pub(super) number: usize,
    pub(super) key: ContentKey,
    /// The last ciphertext block, or the IV.
    pub(super) chain: [u8; BLOCK],
    pub(super) data: Vec<u8>,
    /// How many bytes of it are ciphertext.
    pub(super) done: usize,
}

/// Where segments come from, and where they go.
pub(super) trait Supply {
    /// How many wait to be taken.
    fn waiting(&self) -> usize;
    /// About how long each of them is, in bytes.
    fn length(&self) -> usize;
    /// The next of them.
    fn take(&mut self) -> Option<Segment>;
    /// All of it is ciphertext.
    fn done(&mut self, segment: Segment);
}

/// Which instructions are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instructions {
    /// AES-NI: a lane in a register.
    Aes,
    /// VAES with 256 bits: two.
    Vaes256,
    /// VAES with 512 bits: four.
    Vaes512,
}

impl Segment {
    pub(super) fn blocks_left(&self) -> usize {
        (self.data.len() - self.done) / BLOCK
    }

    /// What is clear yet.
    pub(super) fn rest(&mut self) -> &mut [u8] {
        &mut self.data[self.done..]
    }

    /// Which of the cache's lines the next block is in.
    fn line(&self) -> usize {
        self.data[self.done..].as_ptr().addr() / LINE % LINES
    }
}

impl Instructions {
    /// The widest first.
    pub(super) const ALL: [Self; 3] = [Self::Vaes512, Self::Vaes256, Self::Aes];

    /// The widest that this CPU has and that `is_right` says gives what the standard says.
    pub(super) fn best(is_right: impl Fn(Self) -> bool) -> Option<Self> {
        static BEST: OnceLock<Option<Instructions>> = OnceLock::new();
        let find = || {
            Self::ALL
                .into_iter()
                .find(|path| path.is_there() && is_right(*path))
        };
        *BEST.get_or_init(find)
    }

    /// Whether this CPU has the instructions.
    pub(super) fn is_there(self) -> bool {
        match self {
            Self::Aes => __m128i::is_there(),
            Self::Vaes256 => __m256i::is_there(),
            Self::Vaes512 => __m512i::is_there(),
        }
    }

    /// Encrypts all that the supply has; `None`, and nothing is taken, if the instructions are not there.
    pub(super) fn encrypt(self, supply: &mut impl Supply) -> Option<()> {
        match self {
            Self::Aes => Widths::<__m128i, 8, 4>::new()?.encrypt(supply),
            Self::Vaes256 => Widths::<__m256i, 8, 4>::new()?.encrypt(supply),
            Self::Vaes512 if supply.length() > SHORT => {
                Widths::<__m512i, 4, 2>::new()?.encrypt(supply);
            }
            Self::Vaes512 => Widths::<__m512i, 8, 4>::new()?.encrypt(supply),
        }
        Some(())
    }
}

/// Lanes for many segments, for some, and for one.
struct Widths<R: Register, const MANY: usize, const SOME: usize> {
    many: Lanes<R, MANY>,
    some: Lanes<R, SOME>,
    one: Lone,
    /// Segments between two sets of lanes.
    moved: Vec<Segment>,
}

impl<R: Register, const MANY: usize, const SOME: usize> Widths<R, MANY, SOME> {
    fn new() -> Option<Self> {
        Some(Self {
            many: Lanes::new()?,
            some: Lanes::new()?,
            one: Lone::new()?,
            moved: Vec::new(),
        })
    }

    fn encrypt(&mut self, supply: &mut impl Supply) {
        let few = Lanes::<R, SOME>::COUNT;
        loop {
            let (one, moved) = (&mut self.one, &mut self.moved);
            match moved.len() + supply.waiting() {
                0 => return,
                1 => alone(one, (moved, supply)),
                there if there > few => {
                    together(&mut self.many, one, (moved, supply), few + 1..=usize::MAX);
                }
                _ => together(&mut self.some, one, (moved, supply), 2..=few),
            }
        }
    }
}

/// Encrypts one segment until another has come.
fn alone(one: &mut Lone, (moved, supply): (&mut Vec<Segment>, &mut impl Supply)) {
    let Some(mut segment) = moved.pop().or_else(|| supply.take()) else {
        return;
    };
    while segment.blocks_left() > 0 && supply.waiting() == 0 {
        one.advance(&mut segment, STRETCH);
    }
    match segment.blocks_left() {
        0 => supply.done(segment),
        _ => moved.push(segment),
    }
}

/// Encrypts segments beside each other for as long as so many are there.
fn together<R: Register, const K: usize>(
    lanes: &mut Lanes<R, K>,
    one: &mut Lone,
    (moved, supply): (&mut Vec<Segment>, &mut impl Supply),
    so_many: RangeInclusive<usize>,
) {
    loop {
        let mut busy = 0;
        for lane in 0..Lanes::<R, K>::COUNT {
            if lanes.segment(lane).is_some_and(|it| it.blocks_left() == 0)
                && let Some(done) = lanes.leave(lane)
            {
                supply.done(done);
            }
            if lanes.segment(lane).is_none()
                && let Some(mut next) = moved.pop().or_else(|| supply.take())
            {
                let ahead = apart(lanes, &next);
                one.advance(&mut next, ahead);
                lanes.enter(lane, next);
            }
            busy += usize::from(lanes.segment(lane).is_some());
        }
        if !so_many.contains(&(busy + supply.waiting())) {
            return put_away(lanes, (moved, supply));
        }
        lanes.run();
    }
}

/// What is done goes to where it came from, the rest to other lanes.
fn put_away<R: Register, const K: usize>(
    lanes: &mut Lanes<R, K>,
    (moved, supply): (&mut Vec<Segment>, &mut impl Supply),
) {
    for lane in 0..Lanes::<R, K>::COUNT {
        match lanes.leave(lane) {
            Some(segment) if segment.blocks_left() == 0 => supply.done(segment),
            segment => moved.extend(segment),
        }
    }
}

/// How many blocks the segment is to be ahead, so that no other lane uses the same line of the cache: buffers begin at
/// pages, a first-level cache has room for a dozen of the same line, and lanes go on side by side.
fn apart<R: Register, const K: usize>(lanes: &Lanes<R, K>, segment: &Segment) -> usize {
    let others = (0..Lanes::<R, K>::COUNT).filter_map(|lane| lanes.segment(lane));
    let taken = others.fold(0_u64, |taken, other| taken | 1 << other.line());
    let is_free = |ahead: &usize| taken & 1 << ((segment.line() + ahead) % LINES) == 0;
    let ahead = (0..LINES).find(is_free).unwrap_or(0) * LINE / BLOCK;
    // What is over before that is not worth it.
    if ahead < segment.blocks_left() {
        ahead
    } else {
        0
    }
}

pub(super) mod batch;
#[cfg(test)]
mod tests;
