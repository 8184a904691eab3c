//! When each segment of a media playlist is, which decides its period.
//!
//! Must not know: keys, files.

use std::time::Duration;

use super::undated::Times;
use crate::domain::{Boundary, Position, Schedule, Timestamp};
use crate::playlist::MediaPlaylist;

/// Where the times of undated segments come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timeline {
    /// A finished asset: from its own durations.
    Finished,
    /// A live source, or one that was seen live: from the server.
    Live,
}

/// The positions of the segments from the index `from` on, by the times that are `assigned`, in the
/// order of the playlist; the one that is not complete has one too.
pub(super) fn positions(
    (list, from): (&MediaPlaylist, usize),
    schedule: &Schedule,
    timeline: Timeline,
    assigned: Option<&Times>,
) -> Vec<Position> {
    let mut elapsed: Duration = match timeline {
        Timeline::Finished => list.segments()[..from].iter().map(|s| s.duration).sum(),
        Timeline::Live => Duration::ZERO, // nobody asks
    };
    let origin = origin(schedule);
    let place = |segment: &crate::playlist::Segment| {
        let taken = match timeline {
            Timeline::Finished => origin.map(|origin| origin.plus(elapsed)),
            Timeline::Live => assigned.and_then(|times| times.get(&segment.msn).copied()),
        };
        elapsed = elapsed.saturating_add(segment.duration);
        Position {
            segment: segment.msn,
            time: segment.time.or(taken),
        }
    };
    list.segments()[from..]
        .iter()
        .chain(list.open())
        .map(place)
        .collect()
}

/// Where a finished asset without dates begins: where the first era by time does.
fn origin(schedule: &Schedule) -> Option<Timestamp> {
    schedule.eras().find_map(|era| match era.start {
        Boundary::Time(time) => Some(time),
        Boundary::Segment(_) => None,
    })
}
