//! Cuts: where a new key, or a new rule, may begin.
//!
//! Encryptors hear of a change within a refresh, so it begins two refreshes ahead of the clock
//! and of what they reported; an earlier one would meet segments that are published already.
//! Must not know: how an encryptor learns of the cut.

use std::time::Duration;

use crate::access::{Permit, Rotate};
use crate::api::{RotateRequest, Unreachable};
use crate::domain::{
    Boundary, Era, Position, REFRESH, Rotation, Schedule, Slot, Stream, StreamId, Timestamp,
};
use crate::store::{Reach, RenditionReach};

use super::announce::{Care, PATIENCE};
use super::{ATTEMPTS, Keys, KeysError, is_writable, segments_in, was_cut};

/// Two refreshes of an encryptor's lease.
const AHEAD: Duration = Duration::from_secs(2 * REFRESH.as_secs());
/// How far ahead a change may be while another is still to come, in units of [`AHEAD`].
const CHANGES_AHEAD: u32 = 6;
/// How far behind another a rendition may be that has the same numbers: a packager writes one after
/// the other.
const TOGETHER: Duration = Duration::from_secs(30);
/// The same in segments, at the least.
const TOGETHER_AT_LEAST: u64 = 3;
/// A rendition that has not moved for this long while another did stands still.
const STANDS_STILL: Duration = Duration::from_secs(60);
/// How far ahead of the clock a cut may be. One reported time of the year 9999 would otherwise
/// put a cut there, and no other could be made before it.
pub(super) const FURTHEST: Duration = Duration::from_secs(24 * 3600);

/// A stream with its cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The stream, the cut in its schedule.
    pub stream: Stream,
    /// The first period under the new key.
    pub slot: Slot,
    /// Who holds a lease and may go on under the old key.
    pub unreachable: Vec<Unreachable>,
}

impl Keys {
    /// Cuts to a new key at the soonest boundary that every encryptor with a lease acknowledges in
    /// time; if one does not, nothing changes. With `now`, at the soonest ahead of what was
    /// reported, whoever hears of it. A cut that is still to come is answered again.
    pub async fn rotate(
        &self,
        permit: &Permit<Rotate>,
        ask: &RotateRequest,
    ) -> Result<Rotated, KeysError> {
        let rotated = self.rotate_stream(permit.stream(), ask.now).await?;
        tracing::info!(
            stream = %permit.stream(), subject = permit.subject(),
            index = rotated.slot.index, now = ask.now, unreachable = rotated.unreachable.len(),
            "cut to a new key"
        );
        Ok(rotated)
    }

    pub(super) async fn rotate_stream(
        &self,
        id: &StreamId,
        soonest: bool,
    ) -> Result<Rotated, KeysError> {
        let care = if soonest { Care::Nobody } else { Care::All };
        for _ in 0..ATTEMPTS {
            self.quiet(id, care).await?;
            let row = self.registered(id).await?;
            let reach = self.store.reach(id, self.lease).await?;
            let now = self.clock.now();
            let schedule = &row.stream.schedule;
            if is_pending(schedule, reach, (!soonest).then_some(now)) {
                // Another server may have announced it just now, and may still take it back.
                self.quiet(id, care).await?;
                if self.store.version(id).await? != Some(row.stream.version) {
                    continue;
                }
                // Whoever waived the wait for it may have missed some.
                let unreachable = match care {
                    Care::Nobody => self.unheard(id, row.stream.version).await?,
                    Care::All => {
                        let behind = self.behind(id, row.stream.version).await?;
                        behind.iter().map(Into::into).collect()
                    }
                };
                return Ok(Rotated::new(row.stream, unreachable));
            }
            let is_leased = self.is_leased(id).await?;
            let at = match care {
                Care::Nobody => just_after(reach, now),
                Care::All => ahead(reach, now, is_leased),
            };
            let reach = self.reach_of_all(id, reach, schedule.rule()).await?;
            let cut = cut(schedule, at, schedule.rule(), (reach, now))?;
            let missed = self.carry_through(&row, &cut, (care, is_leased)).await?;
            if let Some(unreachable) = missed {
                let stream = Stream {
                    version: row.stream.version.saturating_add(1),
                    schedule: cut,
                    ..row.stream
                };
                return Ok(Rotated::new(stream, unreachable));
            }
        }
        Err(KeysError::Busy)
    }
}

impl Keys {
    /// Where a cut under `rule` can be made in all renditions together. One by number is for those that
    /// share their numbers: where they run apart it would reach the slower hours after the faster.
    /// So a stream without a rule is then cut by the clock, and one that counts is not cut at all.
    pub(super) async fn reach_of_all(
        &self,
        id: &StreamId,
        reach: Reach,
        rule: Rotation,
    ) -> Result<Reach, KeysError> {
        let is_by_time = reach.time.is_some() && rule == Rotation::Never;
        if is_by_time || matches!(rule, Rotation::Every(_)) {
            return Ok(reach);
        }
        match (run_apart(&self.store.reaches(id).await?, reach), rule) {
            (true, Rotation::Segments(_)) => Err(KeysError::Conflict(
                "the renditions' segment numbers run apart, and a cut by number would reach the \
                 slower ones much later; let the stream rotate by time (every), which cuts all at once",
            )),
            (true, _) => Ok(Reach {
                time: Some(self.clock.now()),
                ..reach
            }),
            (false, _) => Ok(reach),
        }
    }
}

/// Whether renditions that move number their segments at speeds of their own.
fn run_apart(all: &[RenditionReach], reach: Reach) -> bool {
    let newest = all.iter().map(|one| one.moved).max();
    let moves = |one: &&RenditionReach| Some(one.moved.plus(STANDS_STILL)) >= newest;
    let numbers = || all.iter().filter(moves).map(|one| one.segment);
    let (first, last) = (numbers().max().unwrap_or(0), numbers().min().unwrap_or(0));
    first - last > segments_in(TOGETHER, reach).max(TOGETHER_AT_LEAST)
}

impl Rotated {
    /// Of a stream whose last era is the cut.
    fn new(stream: Stream, unreachable: Vec<Unreachable>) -> Self {
        Self {
            slot: first_slot(stream.schedule.last()),
            stream,
            unreachable,
        }
    }
}

/// The schedule with another rule from a point ahead of everything, a pending cut included.
pub(super) fn change_rule(
    schedule: &Schedule,
    rule: Rotation,
    reach: Reach,
    (now, is_leased): (Timestamp, bool),
) -> Result<Schedule, KeysError> {
    let mut at = ahead(reach, now, is_leased);
    if was_cut(schedule) && is_pending(schedule, reach, Some(now)) {
        let limit = further(at, reach, CHANGES_AHEAD);
        at = further(beyond(at, schedule.last().start), reach, 1);
        if at.segment > limit.segment || at.time > limit.time {
            return Err(KeysError::Conflict(
                "another change of the stream is still to come",
            ));
        }
    }
    cut(schedule, at, rule, (reach, now))
}

/// A stream without a rule is cut by time if its segments have times, else by number.
pub(super) fn cut(
    schedule: &Schedule,
    at: Position,
    rule: Rotation,
    (reach, now): (Reach, Timestamp),
) -> Result<Schedule, KeysError> {
    let has_times = reach.time.is_some() || schedule.needs_time();
    let time = at.time.filter(|_| rule != Rotation::Never || has_times);
    let cut = schedule.cut(Position { time, ..at }, rule)?;
    let start = cut.last().start;
    if !is_writable(start) {
        return Err(KeysError::Conflict(
            "the stream has reported a time or number that is out of range",
        ));
    }
    match start {
        Boundary::Time(time) if time > now.plus(FURTHEST) => Err(KeysError::Conflict(
            "the stream has reported a time that is more than a day ahead of the clock",
        )),
        _ => Ok(cut),
    }
}

/// Whether the last era is a cut that nothing has reached; without `now`, nothing reported.
fn is_pending(schedule: &Schedule, reach: Reach, now: Option<Timestamp>) -> bool {
    was_cut(schedule)
        && match schedule.last().start {
            Boundary::Time(start) => reach.time.max(now).is_none_or(|at| at < start),
            Boundary::Segment(start) => reach.segment.is_none_or(|at| at < start),
        }
}

fn first_slot(era: &Era) -> Slot {
    Slot {
        index: era.base,
        boundary: era.start,
    }
}

/// Two refreshes ahead of the clock and of everything reported; if acknowledgements must come
/// first, two refreshes after they have.
pub(super) fn ahead(reach: Reach, now: Timestamp, is_leased: bool) -> Position {
    let wait = if is_leased { PATIENCE } else { Duration::ZERO };
    let segment = reach.segment.unwrap_or(0);
    let here = Position {
        segment: segment.saturating_add(segments_in(wait, reach)),
        time: Some(reach.time.unwrap_or(now).max(now).plus(wait)),
    };
    further(here, reach, 1)
}

/// The next segment after everything reported.
fn just_after(reach: Reach, now: Timestamp) -> Position {
    Position {
        segment: reach.segment.unwrap_or(0).saturating_add(1),
        time: Some(reach.time.unwrap_or(now).plus(Duration::from_millis(1))),
    }
}

fn further(from: Position, reach: Reach, times: u32) -> Position {
    let segments = segments_in(AHEAD, reach).saturating_add(1);
    Position {
        segment: from
            .segment
            .saturating_add(segments.saturating_mul(times.into())),
        time: from.time.map(|time| time.plus(AHEAD * times)),
    }
}

fn beyond(from: Position, start: Boundary) -> Position {
    match start {
        Boundary::Segment(segment) => Position {
            segment: from.segment.max(segment),
            ..from
        },
        Boundary::Time(time) => Position {
            time: from.time.max(Some(time)),
            ..from
        },
    }
}

#[cfg(test)]
mod tests;
