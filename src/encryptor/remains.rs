//! What of an earlier run stays listed while the next one begins.
//!
//! The list keeps its length: for each segment of the new run one of the old goes, as long as the
//! two adjoin. Must not know: how the source restarted.

use std::time::Duration;

use super::track::Listed;
use crate::playlist::{Earlier, MediaPlaylist, Playlist};

/// Segments of the published playlist that are of an earlier run.
pub(super) struct Remains {
    list: MediaPlaylist,
    first: usize,
    end: usize,
    gaps: u64,
}

/// Numbers that are listed as gaps; where more are missing, nothing of the earlier run stays.
const MAX_GAPS: u64 = 16;

impl Remains {
    /// What stays of `listed` before the segment `floor`, the first of `new` segments of `list`.
    pub(super) fn of(
        listed: &Listed,
        floor: u64,
        list: &MediaPlaylist,
        new: usize,
    ) -> Option<Self> {
        let published = listed.read()?;
        let segments = published.segments();
        let end = segments.partition_point(|segment| segment.msn < floor);
        let last = segments[..end].last()?.msn;
        let gaps = floor - last - 1;
        let room = match list.is_pinned() {
            true => end,
            false => segments.len().saturating_sub(new),
        };
        let room = room.saturating_sub(usize::try_from(gaps).ok()?).min(end);
        let first = end - room;
        (room > 0 && gaps <= MAX_GAPS).then_some(Self {
            list: published,
            first,
            end,
            gaps,
        })
    }

    /// The same for the rewrite.
    pub(super) fn earlier(&self) -> Earlier<'_> {
        Earlier {
            list: &self.list,
            first: self.first,
            end: self.end,
            gaps: self.gaps,
        }
    }

    /// The first number that stays.
    pub(super) fn first(&self) -> u64 {
        self.list.segments()[self.first].msn
    }

    /// How long all of it is.
    pub(super) fn span(&self) -> Duration {
        let own = &self.list.segments()[self.first..self.end];
        let gaps = self.gaps().into_iter().map(|(_, duration)| duration);
        own.iter().map(|segment| segment.duration).chain(gaps).sum()
    }

    /// The numbers that are listed as gaps, and how long each is.
    pub(super) fn gaps(&self) -> Vec<(u64, Duration)> {
        let last = self.list.segments()[self.end - 1].msn;
        let target = self.list.target_duration();
        (1..=self.gaps).map(|gap| (last + gap, target)).collect()
    }
}

impl Listed {
    /// The playlist, read.
    pub(super) fn read(&self) -> Option<MediaPlaylist> {
        match Playlist::parse(&self.text) {
            Ok(Playlist::Media(list)) => Some(list),
            _ => None,
        }
    }
}
