//! EXT-X-VERSION: what a listing needs (§8).
//!
//! Must not know: how it is written.

use super::listing::{Entry, Listing};
use super::media::{Block, MediaPlaylist};

/// The table of §8, as far as a list that we encrypt can have it; EXT-X-GAP came with version 8.
pub(super) fn needed(list: &MediaPlaylist, listing: Listing<'_>, listed: &[Block]) -> u64 {
    let segments = &list.segments[listing.first..];
    let encrypted = || {
        let listed = listing.entries.iter().chain(listing.low.open);
        listed.filter_map(|entry| match entry {
            Entry::Encrypted(entry) => Some(entry),
            Entry::Gap => None,
        })
    };
    let mut with_segments = listing.entries.iter().zip(segments);
    let mut needed = list.header.version.unwrap_or(1);
    if let Some(earlier) = listing.earlier {
        needed = needed.max(earlier.version());
    }
    if encrypted().any(|entry| entry.iv.is_some()) {
        needed = needed.max(2);
    }
    if encrypted().any(|entry| entry.range.is_some()) || list.is_iframes() {
        needed = needed.max(4);
    }
    if encrypted().any(|entry| entry.section.is_some()) {
        needed = needed.max(if list.is_iframes() { 5 } else { 6 });
    }
    if listed.iter().any(|block| block.is_fractional) {
        needed = needed.max(3);
    }
    if with_segments.any(|(entry, segment)| *entry == Entry::Gap || segment.gap) {
        needed = needed.max(8);
    }
    needed
}
