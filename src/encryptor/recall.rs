//! Takes back what is durable and not listed yet, where the schedule has changed under it.
//!
//! A segment can be durable long before its playlist lists it: while an asset is encrypted, or
//! while the sink is full. Must not know: how the schedule changes.

use super::choose::Context;
use super::engine::Engine;
use super::lease::Lease;
use super::place::{self, Claims};
use super::term::Footing;
use super::track::Track;

impl Engine {
    /// Has every segment that is not listed yet encrypted again if another key is its own by now.
    ///
    /// After this the pass follows the schedule of `context` in all that it publishes.
    pub(super) fn recall(&mut self, context: &Context<'_>) {
        let Some(lease) = context.lease.filter(|_| context.footing == Footing::Leased) else {
            return;
        };
        self.followed = Some(lease.version());
        for track in self.tracks.values_mut() {
            for msn in misplaced(track, lease, context.claims) {
                track.done.remove(&msn);
                track.dirty = true;
            }
        }
    }
}

/// Unlisted segments that are encrypted under another key than their own.
fn misplaced(track: &Track, lease: &Lease, claims: &Claims) -> Vec<u64> {
    let listed = track.listed.as_ref().map(|listed| listed.last);
    let is_unlisted = |msn: u64| listed.is_none_or(|last| msn > last);
    let last_done = track.done.last_key_value();
    let Some(list) = track
        .source
        .as_ref()
        .filter(|_| last_done.is_some_and(|(msn, _)| is_unlisted(*msn)))
    else {
        return Vec::new();
    };
    let positions = place::positions(list, lease.schedule(), track.timeline, claims);
    let unlisted = positions.into_iter().filter(|at| is_unlisted(at.segment));
    let misplaced = unlisted.filter(|at| {
        let media = track.done.get(&at.segment).and_then(|done| done.media.as_ref());
        let slot = lease.slot_at(*at);
        matches!((media, slot), (Some(media), Some(slot)) if lease.kid(&track.name, slot) != Some(media.kid))
    });
    misplaced.map(|at| at.segment).collect()
}
