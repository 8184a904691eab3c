//! Takes back what is durable and not listed yet, where the schedule has changed under it.
//!
//! A segment can be durable long before its playlist lists it: while an asset is encrypted, or
//! while the sink is full. Must not know: how the schedule changes.

use std::collections::{BTreeMap, BTreeSet};

use super::choose::Context;
use super::engine::Engine;
use super::iframes;
use super::lease::Lease;
use super::partials::Parent;
use super::path::Beneath;
use super::term::Footing;
use super::track::{Media, Track};
use crate::domain::Kid;

impl Engine {
    /// Has every segment that is not listed yet encrypted again if another key is its own by now.
    ///
    /// After this the pass follows the schedule of `context` in all that it publishes.
    pub(super) fn recall(&mut self, context: &Context<'_>) {
        let Some(lease) = context.lease.filter(|_| context.footing == Footing::Leased) else {
            return;
        };
        self.followed = Some(lease.version());
        let mut sections = Vec::new();
        for (at, track) in &mut self.tracks {
            recall_parts(track, lease, context);
            for msn in misplaced(track, lease, context) {
                let done = track.done.remove(&msn);
                let section =
                    done.and_then(|done| Some((done.media?.section?.path, done.duration)));
                sections.extend(section.map(|section| (at.clone(), section)));
                track.dirty = true;
            }
        }
        for (at, section) in sections {
            self.let_go_section(&at, section, context.now);
        }
    }
}

/// Forgets parts that no playlist names and that are under another key than their segment's by now.
/// Their names are theirs still: they are written again.
fn recall_parts(track: &mut Track, lease: &Lease, context: &Context<'_>) {
    let source = track.source.clone();
    let Some(list) = source.filter(|_| track.partials.has_unlisted()) else {
        return;
    };
    let positions = iframes::positions(track, (&list, 0), context);
    let segments = list.segments().iter().chain(list.open());
    let placed = segments.map(|segment| segment.msn).zip(positions);
    let kids = placed.filter_map(|(msn, position)| {
        let slot = lease.slot_at(position?)?;
        Some((msn, lease.kid(&track.name, slot)?))
    });
    let kids: BTreeMap<u64, Kid> = kids.collect();
    let forget =
        |msn: u64, parent: &Parent| kids.get(&msn).is_some_and(|kid| parent.is_misplaced(*kid));
    track.partials.forget(forget);
}

/// Unlisted segments that are encrypted under another key than their own.
fn misplaced(track: &Track, lease: &Lease, context: &Context<'_>) -> BTreeSet<u64> {
    let listed = track.listed.as_ref().map(|listed| listed.last);
    let is_unlisted = |msn: u64| listed.is_none_or(|last| msn > last);
    let last_done = track.done.last_key_value();
    let Some(list) = track
        .source
        .as_ref()
        .filter(|_| last_done.is_some_and(|(msn, _)| is_unlisted(*msn)))
    else {
        return BTreeSet::new();
    };
    let from = list
        .segments()
        .partition_point(|segment| !is_unlisted(segment.msn));
    let positions = iframes::positions(track, (list, from), context);
    let numbers = list.segments()[from..].iter().map(|segment| segment.msn);
    let misplaced = numbers.zip(positions).filter(|(msn, position)| {
        if track.partials.kid(*msn).is_some() {
            return false; // published parts of it decide
        }
        let media = track.done.get(msn).and_then(|done| done.media.as_ref());
        let slot = position.and_then(|position| lease.slot_at(position));
        matches!((media, slot), (Some(media), Some(slot)) if lease.kid(&track.name, slot) != Some(media.kid))
    });
    with_joined(track, misplaced.map(|(msn, _)| msn).collect())
}

/// The same with the other ranges of their files, which are written together.
fn with_joined(track: &Track, numbers: BTreeSet<u64>) -> BTreeSet<u64> {
    let media = |msn: &u64| track.done.get(msn).and_then(|done| done.media.as_ref());
    let ranges = numbers.iter().filter_map(media);
    let files: BTreeSet<&Beneath> = ranges
        .filter(|media| media.range.is_some())
        .map(|media| &media.path)
        .collect();
    if files.is_empty() {
        return numbers;
    }
    let is_in = |media: &Media| files.contains(&media.path);
    let all = track.done.iter();
    all.filter(|(msn, done)| numbers.contains(msn) || done.media.as_ref().is_some_and(is_in))
        .map(|(msn, _)| *msn)
        .collect()
}
