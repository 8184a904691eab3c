//! What a rendition tells of itself: to the server's ledger, and at the end of a run.
//!
//! Must not know: who is told, how segments become durable.

use super::done::Done;
use super::place::Timeline;
use super::track::Track;
use crate::api::{RenditionProgress, Text};
use crate::domain::{Fingerprint, Run};

/// How many published segments' marks are told.
const MAX_MARKED: usize = 64;

impl Track {
    /// What the run's published segments were made of, by the source's numbers, where they were
    /// made here. A finished asset is made anew whenever it is wanted and leaves none.
    pub(super) fn marks(&self, run: &Run) -> impl Iterator<Item = (u64, Fingerprint)> {
        let listed = self
            .listed
            .as_ref()
            .filter(|_| self.timeline == Timeline::Live);
        let range = listed.map_or(0..0, |listed| self.floor..listed.last.saturating_add(1));
        let done = (!range.is_empty()).then(|| self.done.range(range).rev().take(MAX_MARKED));
        let of = |(msn, done): (&u64, &Done)| {
            Some((run.source(*msn)?, done.media.as_ref()?.fingerprint?))
        };
        let mut marks: Vec<_> = done.into_iter().flatten().filter_map(of).collect();
        marks.reverse();
        marks.into_iter()
    }

    /// What the source lists with media and players do not get: published as a gap, or not at all.
    pub(super) fn unpublished(&self) -> impl Iterator<Item = u64> {
        let segments = self.source.iter().flat_map(|list| list.segments());
        let wanted = segments.filter(|segment| !segment.gap && segment.msn >= self.floor);
        let has_media = |msn: &u64| self.done.get(msn).is_some_and(|done| done.media.is_some());
        wanted
            .map(|segment| segment.msn)
            .filter(move |msn| !has_media(msn))
    }

    /// What the published playlist lists, for the server's ledger.
    pub(super) fn progress(&self) -> Option<RenditionProgress> {
        let listed = self.listed.as_ref()?;
        let periods = listed.periods.periods();
        let last = self.done.get(&listed.last);
        Some(RenditionProgress {
            rendition: Text(self.name.clone()),
            last_time: last.and_then(|done| done.time).map(Text),
            duration_ms: u64::try_from(listed.longest.as_millis()).unwrap_or(u64::MAX),
            // A list that has ended is never swapped again, whatever its type says or does not.
            kept: listed.ended || self.source.as_ref().is_some_and(|list| list.is_pinned()),
            iframes: self
                .source
                .as_ref()
                .map_or_else(|| listed.is_iframes(), |list| list.is_iframes()),
            periods,
        })
    }
}
