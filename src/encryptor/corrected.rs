//! A finished asset whose files are not those that an earlier run published.
//!
//! What is published never changes, so a corrected asset is not published over the old one: the
//! operator is told. Must not know: exit codes.

use super::engine::Engine;
use super::lease::Lease;
use super::path::Beneath;
use super::piece::Piece;
use super::source::Content;
use super::track::Media;
use crate::crypto::cbc::padded;
use crate::playlist::Segment;

impl Engine {
    /// The segments that an earlier run published and that the source has otherwise by now, as far
    /// as that shows: by their lengths, or by their bytes where the key is at hand.
    pub(super) fn corrected(&mut self, lease: Option<&Lease>) -> Vec<String> {
        let mut changed = Vec::new();
        for at in self.tracks.keys().cloned().collect::<Vec<_>>() {
            for (segment, media) in self.taken_over(&at) {
                if self.is_changed(&at, &segment, &media, lease) {
                    changed.push(format!("{at} segment {}", segment.msn));
                }
            }
        }
        changed
    }

    /// What of a finished list was not encrypted by this run, nor known to it.
    fn taken_over(&self, at: &Beneath) -> Vec<(Segment, Media)> {
        let Some(track) = self.tracks.get(at).filter(|track| !track.is_live()) else {
            return Vec::new();
        };
        let segments = track.source.iter().flat_map(|list| list.segments());
        let both = segments.filter_map(|segment| {
            let media = track.done.get(&segment.msn)?.media.as_ref()?;
            let is_here = media.source.is_some() || media.fingerprint.is_some();
            let is_alone = media.range.is_none() && segment.parts.is_empty();
            (!is_here && is_alone).then(|| (segment.clone(), media.clone()))
        });
        both.collect()
    }

    fn is_changed(
        &mut self,
        at: &Beneath,
        segment: &Segment,
        media: &Media,
        lease: Option<&Lease>,
    ) -> bool {
        let Some(track) = self.tracks.get(at) else {
            return false;
        };
        let rendition = track.name.clone();
        let Ok(piece) = Piece::of(at, track.is_iframes(), segment) else {
            return false;
        };
        let there = (self.source.stamp(&piece.path), self.sink.stamp(&media.path));
        let (Some(source), Some(sink)) = there else {
            return false; // gone since, or lost: told elsewhere
        };
        if !self.is_recording && padded(piece.len_in(source.len)) != sink.len {
            return true;
        }
        let lease = lease.filter(|lease| lease.by_kid(media.kid).is_some());
        let Some(lease) = lease.filter(|_| source.modified >= sink.modified) else {
            return false;
        };
        match self.source.segment(&piece, source) {
            Content::Whole(bytes) => !self.is_made_of(bytes, &rendition, segment.msn, media, lease),
            _ => false,
        }
    }
}
