//! What of an earlier run stays listed while the next one begins.
//!
//! The list keeps its length: for each segment of the new run one of the old goes, as long as the
//! two adjoin; an EVENT list loses nothing (§6.2.1). Must not know: how the source restarted.

use std::time::Duration;

use super::track::Listed;
use crate::playlist::{Earlier, MediaPlaylist, Playlist, RewriteError};

/// Segments of the published playlist that are of an earlier run.
pub(super) struct Remains {
    list: MediaPlaylist,
    first: usize,
    end: usize,
    gaps: u64,
}

/// Numbers that are listed as gaps; where more are missing, nothing of the earlier run stays.
const MAX_GAPS: u64 = 16;
/// The same of a list that may lose nothing, which is not published where more are missing.
const MAX_PINNED: u64 = 10_000;

impl Remains {
    /// What stays of `listed` before the segment `floor`, the first of `new` segments of `list`.
    pub(super) fn of(
        listed: &Listed,
        floor: u64,
        list: &MediaPlaylist,
        new: usize,
    ) -> Result<Option<Self>, RewriteError> {
        let Some(published) = listed.read() else {
            return Ok(None);
        };
        let segments = published.segments();
        let end = segments.partition_point(|segment| segment.msn < floor);
        let Some(last) = segments[..end].last() else {
            return Ok(None);
        };
        let gaps = floor - last.msn - 1;
        let is_pinned = list.is_pinned();
        if is_pinned && gaps > MAX_PINNED {
            return Err(RewriteError::Apart { missing: gaps });
        }
        let room = match is_pinned {
            true => end,
            false => {
                let gaps = usize::try_from(gaps).unwrap_or(usize::MAX);
                let room = segments.len().saturating_sub(new);
                room.saturating_sub(gaps).min(end)
            }
        };
        let stays = room > 0 && (is_pinned || gaps <= MAX_GAPS);
        Ok(stays.then_some(Self {
            first: end - room,
            list: published,
            end,
            gaps,
        }))
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
    /// The text for sinks that get no parts.
    pub(super) fn plain(&self) -> String {
        let text = self.text.to_string();
        let list = text.contains("#EXT-X-PART").then(|| self.read());
        list.flatten().map_or(text, |list| list.plain())
    }

    /// Whether it lists I-frames.
    pub(super) fn is_iframes(&self) -> bool {
        self.text.is_iframes()
    }

    /// The playlist, read.
    pub(super) fn read(&self) -> Option<MediaPlaylist> {
        match Playlist::parse(&self.text.to_string()) {
            Ok(Playlist::Media(list)) => Some(list),
            _ => None,
        }
    }
}
