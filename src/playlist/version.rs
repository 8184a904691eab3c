//! EXT-X-VERSION: what a listing needs (§8).
//!
//! Must not know: how it is written.

use std::ops::{AddAssign, SubAssign};

use super::listing::{Earlier, Encrypted, Entry, Span};
use super::media::{Block, MediaPlaylist, Segment};

/// How many segments of a listing have what a version is needed for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Needs {
    ivs: usize,
    ranges: usize,
    sections: usize,
    fractions: usize,
    gaps: usize,
}

impl Needs {
    /// Of one segment.
    pub(super) fn of(entry: &Entry, segment: &Segment, block: &Block) -> Self {
        let own = match entry {
            Entry::Encrypted(entry) => Self::of_entry(entry),
            Entry::Gap => Self::default(),
        };
        Self {
            fractions: usize::from(block.is_fractional),
            gaps: usize::from(*entry == Entry::Gap || segment.gap),
            ..own
        }
    }

    /// Of one of which only parts are listed.
    pub(super) fn of_entry(entry: &Encrypted) -> Self {
        Self {
            ivs: usize::from(entry.iv.is_some()),
            ranges: usize::from(entry.range.is_some()),
            sections: usize::from(entry.section.is_some()),
            ..Self::default()
        }
    }

    /// The table of §8, as far as a list that we encrypt can have it; EXT-X-GAP came with version 8.
    pub(super) fn version(&self, list: &MediaPlaylist, span: &Span<'_>) -> u64 {
        let is_iframes = list.is_iframes();
        let earlier = span.earlier.as_ref().map(Earlier::version);
        let needed = [
            (self.ivs > 0, 2),
            (self.ranges > 0 || is_iframes, 4),
            (self.sections > 0, if is_iframes { 5 } else { 6 }),
            (self.fractions > 0, 3),
            (self.gaps > 0, 8),
        ];
        let needed = needed.into_iter().filter(|(is_needed, _)| *is_needed);
        let said = [list.header.version, earlier];
        let all = said.into_iter().flatten().chain(needed.map(|(_, is)| is));
        all.fold(1, u64::max)
    }
}

impl AddAssign for Needs {
    fn add_assign(&mut self, other: Self) {
        self.ivs += other.ivs;
        self.ranges += other.ranges;
        self.sections += other.sections;
        self.fractions += other.fractions;
        self.gaps += other.gaps;
    }
}

impl SubAssign for Needs {
    fn sub_assign(&mut self, other: Self) {
        self.ivs -= other.ivs;
        self.ranges -= other.ranges;
        self.sections -= other.sections;
        self.fractions -= other.fractions;
        self.gaps -= other.gaps;
    }
}
