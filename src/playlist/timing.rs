//! EXTINF (§4.4.4.1) and EXT-X-PROGRAM-DATE-TIME (§4.4.4.6): how long a segment is, and when.
//!
//! Must not know: rotation; it only says when a segment begins.

use std::time::Duration;

use super::PlaylistError;
use super::media::Segment;
use super::number;
use super::tag::Tag;
use super::text::{Line, Text};
use crate::domain::Timestamp;

/// An EXTINF that waits for its URI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inf {
    pub(super) line: usize,
    pub(super) duration: Duration,
    /// Written with a point: needs version 3.
    pub(super) is_fractional: bool,
}

/// `#EXTINF:<duration>,[<title>]`, the duration an integer or a decimal, never negative. A
/// missing comma is let pass.
pub(super) fn inf(text: &Text, line: &Line) -> Result<Inf, PlaylistError> {
    let value = text.value(line);
    let duration = value
        .split_once(',')
        .map_or(value, |(duration, _)| duration)
        .trim();
    let seconds = number::seconds(duration).ok_or(PlaylistError::Number {
        tag: Tag::Inf.name(),
        line: line.number,
    })?;
    Ok(Inf {
        line: line.number,
        duration: seconds,
        is_fractional: duration.contains('.'),
    })
}

/// The date and time of the next segment's first sample.
pub(super) fn program_date_time(text: &Text, line: &Line) -> Result<Timestamp, PlaylistError> {
    let value = text.value(line).trim();
    value
        .parse()
        .map_err(|_| PlaylistError::Time { line: line.number })
}

/// §6.3.3: a segment without its own date takes the last one before it plus the durations
/// between, one before the first date takes that minus the durations between.
///
/// Durations are summed exactly and cut to the millisecond once, so no error builds up.
pub(super) fn carry(segments: &mut [Segment]) -> Dates {
    let mut dates = Dates::default();
    let first = segments.iter().position(|segment| segment.time.is_some());
    let Some(first) = first else { return dates };
    let (before, after) = segments.split_at_mut(first);
    dates.carry(after);
    let anchor = after[0].time;
    let mut until = Duration::ZERO;
    for segment in before.iter_mut().rev() {
        until = until.saturating_add(segment.duration);
        segment.time = anchor.map(|time| time.minus(whole_millis_up(until)));
    }
    dates
}

/// A date, and how long after it the next segment begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Dates {
    anchor: Option<Timestamp>,
    since: Duration,
}

impl Dates {
    /// Carries the date on to the segments that come next.
    pub(super) fn carry(&mut self, segments: &mut [Segment]) {
        for segment in segments {
            if segment.time.is_some() {
                (self.anchor, self.since) = (segment.time, Duration::ZERO);
            }
            segment.time = self.anchor.map(|time| time.plus(self.since));
            if self.anchor.is_some() {
                self.since = self.since.saturating_add(segment.duration);
            }
        }
    }

    /// The same of a list whose dates are put off.
    pub(super) fn put_off(self, shift: Duration) -> Self {
        Self {
            anchor: self.anchor.map(|time| time.plus(shift)),
            ..self
        }
    }
}

/// Rounded up, so that a date counted back is cut downwards like one counted on.
fn whole_millis_up(span: Duration) -> Duration {
    span.saturating_add(Duration::from_nanos(999_999))
}
