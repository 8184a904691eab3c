//! Cuts: where a new key, or a new rule, may begin.
//!
//! Encryptors hear of a change within a refresh, so it begins two refreshes ahead of the clock
//! and of what they reported; an earlier one would meet segments that are published already.
//! Must not know: how an encryptor learns of the cut.

use std::time::Duration;

use crate::access::{Permit, Rotate};
use crate::api::RotateRequest;
use crate::domain::{
    Boundary, Era, Position, Rotation, Schedule, Slot, Stream, StreamId, Timestamp,
};
use crate::store::{Reach, StreamRow};

use super::{ATTEMPTS, Keys, KeysError, is_writable, segments_in, was_cut};

/// Two refreshes of an encryptor's lease.
const AHEAD: Duration = Duration::from_secs(10);
/// How far ahead a change may be while another is still to come, in units of [`AHEAD`].
const CHANGES_AHEAD: u32 = 6;
/// How far ahead of the clock a cut may be. One reported time of the year 9999 would otherwise
/// put a cut there, and no other could be made before it.
const FURTHEST: Duration = Duration::from_secs(24 * 3600);

/// A stream with its cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The stream, the cut in its schedule.
    pub stream: Stream,
    /// The first period under the new key.
    pub slot: Slot,
}

impl Keys {
    /// Cuts to a new key at the soonest boundary that every encryptor hears of in time; with
    /// `now`, at the soonest ahead of what was reported. A cut that is still to come is answered
    /// again.
    pub async fn rotate(
        &self,
        permit: &Permit<Rotate>,
        ask: &RotateRequest,
    ) -> Result<Rotated, KeysError> {
        let rotated = self.rotate_stream(permit.stream(), ask.now).await?;
        tracing::info!(
            stream = %permit.stream(), subject = permit.subject(),
            index = rotated.slot.index, now = ask.now, "cut to a new key"
        );
        Ok(rotated)
    }

    pub(super) async fn rotate_stream(
        &self,
        id: &StreamId,
        soonest: bool,
    ) -> Result<Rotated, KeysError> {
        for _ in 0..ATTEMPTS {
            let row = self.registered(id).await?;
            let reach = self.store.reach(id, self.lease).await?;
            let now = self.clock.now();
            let schedule = &row.stream.schedule;
            if is_pending(schedule, reach, (!soonest).then_some(now)) {
                return Ok(Rotated {
                    slot: first_slot(schedule.last()),
                    stream: row.stream,
                });
            }
            let at = if soonest {
                just_after(reach, now)
            } else {
                ahead(reach, now)
            };
            let cut = cut(schedule, at, schedule.rule(), (reach, now))?;
            self.append(&row, &cut).await?;
            self.signals.send(id);
        }
        Err(KeysError::Busy)
    }

    /// Adds the schedule's last era to the stream, unless the stream has changed since.
    pub(super) async fn append(
        &self,
        row: &StreamRow,
        schedule: &Schedule,
    ) -> Result<bool, KeysError> {
        let (id, version) = (&row.stream.id, row.stream.version);
        let era = schedule.last();
        Ok(self.store.append_era(id, version, era).await?)
    }
}

/// The schedule with another rule from a point ahead of everything, a pending cut included.
pub(super) fn change_rule(
    schedule: &Schedule,
    rule: Rotation,
    reach: Reach,
    now: Timestamp,
) -> Result<Schedule, KeysError> {
    let mut at = ahead(reach, now);
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
fn cut(
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

/// Two refreshes ahead of the clock and of everything reported.
fn ahead(reach: Reach, now: Timestamp) -> Position {
    let here = Position {
        segment: reach.segment.unwrap_or(0),
        time: reach.time.max(Some(now)),
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
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::domain::Kid;
    use crate::keys::testing::{Bench, after_noon, every, segments};

    fn time(seconds: i64) -> Boundary {
        Boundary::Time(after_noon(seconds))
    }

    async fn rotate(bench: &Bench, stream: &StreamId, now: bool) -> (i64, Boundary) {
        let slot = bench.keys.rotate_stream(stream, now).await.unwrap().slot;
        (slot.index, slot.boundary)
    }

    async fn first_kid(bench: &Bench, stream: &StreamId) -> Kid {
        bench.lease(stream, 0, 1).await.periods[0].period.kid
    }

    #[tokio::test]
    async fn by_time_a_cut_is_ahead_of_clock_and_reports() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(60)).await;
        let kid = first_kid(&bench, &stream).await;
        bench.clock.advance_secs(3);
        assert_eq!(rotate(&bench, &stream, false).await, (1, time(13)));
        bench.clock.advance_secs(9);
        assert_eq!(
            rotate(&bench, &stream, false).await,
            (1, time(13)),
            "still to come"
        );
        bench.clock.advance_secs(1);
        bench.report(&stream, kid, 30, Some(40)).await;
        assert_eq!(rotate(&bench, &stream, false).await, (2, time(50)));
        let after = bench.lease(&stream, 0, 4).await;
        let starts: Vec<_> = after
            .periods
            .iter()
            .map(|one| one.period.boundary)
            .collect();
        assert_eq!(starts, [time(0), time(13), time(50), time(110)]);
        assert_eq!(after.periods[0].period.kid, kid, "what was leased stays");
        assert_eq!(after.stream.version, 3);
    }

    #[tokio::test]
    async fn by_count_a_cut_is_as_many_segments_ahead_as_ten_seconds_take() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", segments(100)).await;
        assert_eq!(
            rotate(&bench, &stream, false).await,
            (1, Boundary::Segment(11))
        );
        let kid = first_kid(&bench, &stream).await;
        bench.report(&stream, kid, 500, None).await;
        bench.clock.advance_secs(60);
        bench.report(&stream, kid, 510, None).await;
        assert_eq!(
            rotate(&bench, &stream, false).await,
            (7, Boundary::Segment(513))
        );
        assert_eq!(
            rotate(&bench, &stream, false).await,
            (7, Boundary::Segment(513))
        );
        bench.report(&stream, kid, 513, None).await;
        let next = rotate(&bench, &stream, true).await;
        assert_eq!(next, (8, Boundary::Segment(514)));
    }

    #[tokio::test]
    async fn a_stream_without_a_rule_is_cut_by_what_its_segments_have() {
        let bench = Bench::new().await;
        let numbered = bench.register("live/numbered", Rotation::Never).await;
        let kid = first_kid(&bench, &numbered).await;
        bench.report(&numbered, kid, 20, None).await;
        assert_eq!(
            rotate(&bench, &numbered, false).await,
            (1, Boundary::Segment(31))
        );
        let timed = bench.register("live/timed", Rotation::Never).await;
        let kid = first_kid(&bench, &timed).await;
        bench.report(&timed, kid, 20, Some(-4)).await;
        assert_eq!(rotate(&bench, &timed, false).await, (1, time(10)));
        bench.clock.advance_secs(11);
        assert_eq!(rotate(&bench, &timed, false).await, (2, time(21)));
        assert_eq!(bench.lease(&timed, 0, 9).await.periods.len(), 3);
    }

    #[tokio::test]
    async fn an_unused_stream_gets_a_new_key_too() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", Rotation::Never).await;
        assert_eq!(
            rotate(&bench, &stream, true).await,
            (1, Boundary::Segment(1))
        );
        let timed = bench.register("live/b", every(10)).await;
        let start = Boundary::Time(after_noon(0).plus(Duration::from_millis(1)));
        assert_eq!(rotate(&bench, &timed, true).await, (1, start));
    }

    #[tokio::test]
    async fn a_time_far_ahead_holds_up_no_later_cut() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(60)).await;
        let kid = first_kid(&bench, &stream).await;
        bench.report(&stream, kid, 9, Some(2 * 86_400)).await;
        for now in [false, true] {
            let refused = bench.keys.rotate_stream(&stream, now).await;
            assert!(matches!(refused, Err(KeysError::Conflict(_))), "{now}");
        }
        bench.report(&stream, kid, 10, Some(2)).await;
        assert_eq!(rotate(&bench, &stream, false).await, (1, time(12)));
    }

    #[tokio::test]
    async fn at_once_means_the_next_segment() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(60)).await;
        let kid = first_kid(&bench, &stream).await;
        bench.report(&stream, kid, 9, Some(-20)).await;
        let next = Boundary::Time(after_noon(-20).plus(Duration::from_millis(1)));
        assert_eq!(rotate(&bench, &stream, true).await, (0, next));
        let after = bench.lease(&stream, -1, 2).await;
        assert_eq!(after.periods[1].period.boundary, next);
    }

    #[tokio::test]
    async fn of_many_cuts_at_once_there_is_one() {
        let one = Bench::new().await;
        let two = one.another().await;
        let stream = one.register("live/a", every(60)).await;
        let cuts = join_all((0..16).map(|at| {
            let bench = if at % 2 == 0 { &one } else { &two };
            bench.keys.rotate_stream(&stream, false)
        }))
        .await;
        for cut in cuts {
            let cut = cut.unwrap();
            assert_eq!((cut.slot.boundary, cut.stream.version), (time(10), 2));
        }
    }

    #[tokio::test]
    async fn a_cut_after_a_lease_is_in_the_next_lease() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(10)).await;
        let before = bench.lease(&stream, 0, 6).await;
        bench.clock.advance_secs(14);
        assert_eq!(rotate(&bench, &stream, false).await, (3, time(24)));
        let after = bench.lease(&stream, 0, 6).await;
        assert_eq!(after.periods[..2], before.periods[..2]);
        assert_eq!(after.periods[2].period, before.periods[2].period);
        assert_eq!(after.periods[2].end, Some(time(24)));
        assert_eq!(after.periods[3].period.boundary, time(24));
        assert_ne!(after.periods[3].key, before.periods[3].key);
    }

    #[tokio::test]
    async fn a_report_out_of_range_stops_no_more_than_the_cut() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(10)).await;
        let kid = first_kid(&bench, &stream).await;
        let last = "9999-12-31T23:59:59.999Z".parse::<Timestamp>().unwrap();
        let seconds = (last.millis() - after_noon(0).millis()) / 1000;
        bench.report(&stream, kid, 1, Some(seconds)).await;
        let refused = bench.keys.rotate_stream(&stream, false).await;
        assert!(matches!(refused, Err(KeysError::Conflict(_))));
        bench.report(&stream, kid, 2, Some(0)).await;
        bench.keys.rotate_stream(&stream, false).await.unwrap();
    }
}
