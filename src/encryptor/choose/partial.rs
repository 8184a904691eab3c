//! Which parts of a segment can be encrypted, while it is not complete yet.
//!
//! Must not know: how parts are listed.

use std::time::Duration;

use super::{Candidate, Choice, Chooser, Found, stall};
use crate::domain::{Position, Timestamp};
use crate::encryptor::event::StallReason;
use crate::encryptor::notices::Stall;
use crate::encryptor::partials::{gap_name, part_name};
use crate::encryptor::piece::Piece;
use crate::encryptor::place::Timeline;
use crate::encryptor::source::Sight;
use crate::playlist::{PartialSegment, Segment, Serving};

/// A part that cannot be encrypted now.
struct Absent {
    is_growing: bool,
}

/// For how long a segment whose file is complete waits for its parts.
const PATIENCE: Duration = Duration::from_secs(2);

impl Chooser<'_, '_> {
    /// Whether parts are published at all: a finished list is for nobody who waits for them.
    fn has_parts(&self) -> bool {
        self.context.containers.serving != Serving::Plain
            && self.track.timeline == Timeline::Live
            && !self.list.is_iframes()
    }

    /// Takes the parts of `segment` that are whole, in order; says whether others are to
    /// come soon. All are looked at, so that they settle together.
    pub(super) fn parts(
        &mut self,
        segment: &Segment,
        position: Option<Position>,
        choice: &mut Choice,
    ) -> bool {
        if !self.has_parts() || choice.stall.is_some() {
            return false;
        }
        let msn = segment.msn;
        let first = self.track.partials.count(msn);
        let (mut is_whole, mut is_written) = (true, false);
        for (index, part) in segment.parts.iter().enumerate().skip(first) {
            let is_next = self.track.partials.count(msn) == index;
            if part.gap {
                let name = gap_name(&self.track.at, msn, index, part);
                let name = name.filter(|_| is_next);
                // Otherwise once those before it are durable, which is soon.
                is_written |= is_whole && name.is_none();
                is_whole &= name.is_some();
                if let Some(name) = name {
                    self.track.partials.note_gap(msn, name);
                }
                continue;
            }
            match self.part(segment, (index, part), position) {
                Ok(candidate) if is_whole => choice.ready.push(candidate),
                Ok(_) => {}
                Err(Absent { is_growing }) => {
                    is_whole = false;
                    is_written |= is_growing;
                }
            }
        }
        self.track.partials.waits |= is_written;
        is_written
    }

    /// Why `segment`, which is whole, is not listed yet although its file may be: parts of it are, and
    /// the rest of them come at once. A list that names some parts and then the segment has a hole
    /// for players that have loaded those. Not for long: a part that does not come holds up nothing.
    pub(super) fn awaits_its_parts(&self, segment: &Segment) -> Option<Stall> {
        let is_begun = self.track.partials.count(segment.msn) > 0;
        let file = Piece::of(&self.track.at, self.list.is_iframes(), segment).ok();
        let written = file.and_then(|file| self.source.stamp(&file.path));
        let is_fresh = written.is_some_and(|stamp| {
            let written = Timestamp::from_millis(stamp.modified);
            self.context.now.since(written) < PATIENCE
        });
        let detail = || format!("parts of {} are being written", segment.uri);
        (is_begun && is_fresh).then(|| stall(segment.msn, StallReason::Growing, detail()))
    }

    fn part(
        &mut self,
        segment: &Segment,
        (index, part): (usize, &PartialSegment),
        position: Option<Position>,
    ) -> Result<Candidate, Absent> {
        const ABSENT: Absent = Absent { is_growing: false };
        let msn = segment.msn;
        let placed = self.placed(msn, position).map_err(|_| ABSENT)?;
        let source = Piece::part(&self.track.at, part).map_err(|_| ABSENT)?;
        let stamp = match self.source.sight(&source, self.context.now) {
            Sight::Settled(stamp) => stamp,
            Sight::Growing => return Err(Absent { is_growing: true }),
            _ => return Err(ABSENT),
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
        let name = name.ok().filter(|name| name.uri == uri).ok_or(ABSENT)?;
        let candidate = self.named(segment, found, (name, 1));
        let candidate = candidate.map_err(|_| ABSENT)?;
        Ok(Candidate {
            partial: Some(index),
            duration: part.duration,
            ..candidate
        })
    }
}
