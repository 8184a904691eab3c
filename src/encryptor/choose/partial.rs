//! Which parts of a segment can be encrypted, while it is not complete yet.
//!
//! Must not know: how parts are listed.

use super::{Candidate, Choice, Chooser, Found};
use crate::domain::Position;
use crate::encryptor::partials::{gap_name, part_name};
use crate::encryptor::piece::Piece;
use crate::encryptor::place::Timeline;
use crate::encryptor::source::Sight;
use crate::playlist::{PartialSegment, Segment, Serving};

impl Chooser<'_, '_> {
    /// Whether parts are published at all: a finished list is for nobody who waits for them.
    fn has_parts(&self) -> bool {
        self.context.containers.serving != Serving::Plain
            && self.track.timeline == Timeline::Live
            && !self.list.is_iframes()
    }

    /// Takes the parts of `segment` that are whole, in order. A part that is not holds up no
    /// segment: players that need it take the segment in its place.
    pub(super) fn parts(
        &mut self,
        segment: &Segment,
        position: Option<Position>,
        choice: &mut Choice,
    ) {
        if !self.has_parts() || choice.stall.is_some() {
            return;
        }
        let msn = segment.msn;
        let first = self.track.partials.count(msn);
        for (index, part) in segment.parts.iter().enumerate().skip(first) {
            let is_next = self.track.partials.count(msn) == index;
            if part.gap && is_next {
                let name = gap_name(&self.track.at, msn, index, part);
                let Some(name) = name else { return };
                self.track.partials.note_gap(msn, name);
            } else if part.gap {
                return; // once those before it are durable
            } else if let Some(candidate) = self.part(segment, (index, part), position) {
                choice.ready.push(candidate);
            } else {
                return;
            }
        }
    }

    fn part(
        &mut self,
        segment: &Segment,
        (index, part): (usize, &PartialSegment),
        position: Option<Position>,
    ) -> Option<Candidate> {
        let msn = segment.msn;
        let placed = self.placed(msn, position).ok()?;
        let source = Piece::part(&self.track.at, part).ok()?;
        let stamp = match self.source.sight(&source, self.context.now) {
            Sight::Settled(stamp) => stamp,
            Sight::Growing => {
                self.track.partials.waits = true;
                return None;
            }
            _ => return None,
        };
        let uri = part_name(&part.uri, msn, index);
        let found = Found {
            source,
            stamp,
            placed,
        };
        let name = self
            .names
            .claim(&self.track.name, &self.track.at, msn, &uri);
        let name = name.ok().filter(|name| name.uri == uri)?;
        let candidate = self.named(segment, found, (name, 1));
        candidate.ok().map(|candidate| Candidate {
            partial: Some(index),
            duration: part.duration,
            ..candidate
        })
    }
}
