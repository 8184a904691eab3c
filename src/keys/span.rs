//! Which periods a lease is for, as a pure function.
//!
//! Must not know: keys, or which periods are issued.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::domain::{Boundary, Position, Schedule, Slot, Timestamp};
use crate::store::Reach;

use super::{LeaseRequest, is_writable, segments_in};

/// The most periods of one lease.
pub(super) const MAX_PERIODS: u32 = 1000;

/// From where a stream is now to where it will be when the lease ends.
pub(super) struct Span {
    now: Position,
    end: Position,
}

impl Span {
    /// Of a stream that has come as far as `reach`.
    pub(super) fn new(reach: Reach, now: Timestamp, lease: Duration) -> Self {
        let segment = reach.segment.unwrap_or(0);
        Self {
            now: Position {
                segment,
                time: Some(now),
            },
            end: Position {
                segment: segment.saturating_add(segments_in(lease, reach)),
                time: Some(now.plus(lease)),
            },
        }
    }

    /// Whether the clock calls for the period that begins at `boundary` within the lease. No report
    /// can hurry that, as it can by count.
    pub(super) fn is_due(&self, boundary: Boundary) -> bool {
        match boundary {
            Boundary::Time(time) => (self.now.time..=self.end.time).contains(&Some(time)),
            Boundary::Segment(_) => false,
        }
    }

    /// The period of now; `None` if it cannot be said.
    pub(super) fn present(&self, schedule: &Schedule) -> Option<Slot> {
        schedule.slot_at(self.now)
    }

    /// The slots to lease, in order; those that the schedule has not, or that cannot be written
    /// down, are left out.
    pub(super) fn slots(&self, schedule: &Schedule, ask: &LeaseRequest) -> Vec<Slot> {
        self.indices(schedule, ask)
            .filter_map(|index| schedule.slot(index))
            .filter(|slot| is_writable(slot.boundary))
            .collect()
    }

    fn indices(&self, schedule: &Schedule, ask: &LeaseRequest) -> RangeInclusive<i64> {
        let index = |position| schedule.slot_at(position).map_or(0, |slot| slot.index);
        let current = index(self.now);
        let from = ask.from.unwrap_or(current.saturating_sub(1));
        let last = match ask.count {
            Some(count) => from.saturating_add(i64::from(count) - 1),
            None => index(self.end)
                .max(current.saturating_add(1))
                .max(from.saturating_add(1))
                .min(from.saturating_add(i64::from(MAX_PERIODS) - 1)),
        };
        from..=last
    }
}
