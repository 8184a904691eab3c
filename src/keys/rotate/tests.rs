//! Cuts: where they begin, by time and by count, alone and under races.
//!
//! Must not know: HTTP, or an encryptor.

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
