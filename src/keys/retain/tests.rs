//! Retention with a clock in hand: what is served how long, and what no clock can hurry.
//!
//! Must not know: HTTP, or SQL.

use std::time::Duration;

use super::*;
use crate::api::{PeriodUse, ProgressReport, RenditionProgress, Text};
use crate::domain::{Kid, Rotation};
use crate::keys::testing::{Bench, after_noon, empty_report, every, segments};

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

/// Lets time pass in sweeps.
async fn pass(bench: &Bench, seconds: u64) {
    let (step, mut left) = (MINUTE, seconds);
    while left > 0 {
        bench.clock.advance_secs(step.min(left));
        left -= step.min(left);
        bench.keys.sweep().await.unwrap();
    }
}

/// As [`pass`], in which nobody sweeps but at the end, as long ago as retention's time catches up.
async fn skip(bench: &Bench, seconds: u64) {
    bench.clock.advance_secs(seconds);
    let rows = bench
        .keys
        .store
        .reckon(bench.keys.clock.now(), Duration::MAX / 8);
    rows.await.unwrap();
    bench.keys.sweep().await.unwrap();
}

async fn state(bench: &Bench, kid: Kid) -> Option<PeriodState> {
    let row = bench.keys.store.key(kid).await.unwrap();
    row.map(|row| {
        let is_wiped = row.sealed_key.is_none();
        assert_eq!(is_wiped, row.facts.state == PeriodState::Destroyed);
        row.facts.state
    })
}

async fn kids(bench: &Bench, stream: &StreamId, from: i64, count: u32) -> Vec<Kid> {
    let lease = bench.lease(stream, from, count).await;
    lease.periods.iter().map(|one| one.period.kid).collect()
}

/// A playlist lists these keys, `last` as its last segment.
async fn listing(bench: &Bench, stream: &StreamId, kids: &[Kid], last: (u64, i64), kept: bool) {
    let one = |kid: &Kid| PeriodUse {
        kid: Text(*kid),
        first: 0,
        last: last.0,
    };
    let report = ProgressReport {
        renditions: vec![RenditionProgress {
            rendition: Text("v0.m3u8".parse().unwrap()),
            last_time: Some(Text(after_noon(last.1))),
            duration_ms: 120_000,
            kept,
            iframes: false,
            periods: kids.iter().map(one).collect(),
        }],
        ..empty_report()
    };
    bench.keys.note(stream, &report).await.unwrap();
}

#[tokio::test]
async fn a_listed_key_lives_as_long_as_a_playlist_that_listed_it() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(600)).await;
    let keys = kids(&bench, &stream, 0, 3).await;
    listing(&bench, &stream, &keys[..1], (10, 599), false).await;
    skip(&bench, 700).await;
    listing(&bench, &stream, &keys[..2], (11, 700), false).await;
    // Listed at 700; 120 s of playlist, 120 s for its longest segment, an hour.
    skip(&bench, 240 + HOUR - 1).await;
    listing(&bench, &stream, &keys[1..], (12, 1200 + 3000), false).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Active));
    skip(&bench, 1).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Retired));
    assert_eq!(state(&bench, keys[1]).await, Some(PeriodState::Active));
    assert!(matches!(
        bench.keys.content_key(keys[0]).await,
        Err(KeysError::Gone)
    ));
    let facts = bench.keys.locate(keys[0]).await.unwrap().unwrap();
    assert_eq!(
        facts.state,
        PeriodState::Retired,
        "no cache holds it up here"
    );
}

#[tokio::test]
async fn a_retired_key_is_wiped_and_then_forgotten_with_its_ledger() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(600)).await;
    let keys = kids(&bench, &stream, 0, 1).await;
    listing(&bench, &stream, &keys, (10, 700), false).await;
    skip(&bench, 2 * HOUR).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Retired));
    skip(&bench, 30 * 24 * HOUR - 1).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Retired));
    assert_eq!(bench.keys.store.usages(keys[0]).await.len(), 1);
    skip(&bench, 1).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Destroyed));
    assert_eq!(bench.keys.store.usages(keys[0]).await, []);
    listing(&bench, &stream, &keys, (10, 700), false).await;
    assert_eq!(
        bench.keys.store.usages(keys[0]).await,
        [],
        "the ledger stays closed"
    );
    bench.keys.ready().await.unwrap();
    skip(&bench, 30 * 24 * HOUR - 1).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Destroyed));
    skip(&bench, 1).await;
    assert_eq!(state(&bench, keys[0]).await, None);
}

#[tokio::test]
async fn a_period_that_goes_on_never_gets_a_second_key() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", Rotation::Never).await;
    let kid = kids(&bench, &stream, 0, 1).await[0];
    bench.keys.revoke_key(kid).await.unwrap();
    for _ in 0..5 {
        skip(&bench, 31 * 24 * HOUR).await;
    }
    assert_eq!(state(&bench, kid).await, Some(PeriodState::Destroyed));
    assert_eq!(kids(&bench, &stream, 0, 1).await, []);
    bench.keys.remove_stream(&stream).await.unwrap();
    skip(&bench, 2 * 24 * HOUR).await;
    assert_eq!(state(&bench, kid).await, None);
}

#[tokio::test]
async fn what_nobody_reports_lives_a_window_longer() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(600)).await;
    let keys = kids(&bench, &stream, 0, 2).await;
    skip(&bench, 600 + 25 * HOUR - 1).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Pending));
    skip(&bench, 1).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Retired));
    assert_eq!(state(&bench, keys[1]).await, Some(PeriodState::Pending));
}

#[tokio::test]
async fn what_may_still_be_published_is_never_retired() {
    let bench = Bench::new().await;
    let counted = bench.register("live/counted", segments(100)).await;
    let never = bench.register("live/never", Rotation::Never).await;
    let stands = bench.register("live/stands", every(600)).await;
    let mut kept = Vec::new();
    for (stream, count) in [(&counted, 3), (&never, 1), (&stands, 1)] {
        let keys = kids(&bench, stream, 0, count).await;
        listing(&bench, stream, &keys[..1], (50, 10), false).await;
        kept.extend(keys);
    }
    // The source stands still at ten seconds, for less than the window.
    skip(&bench, 20 * HOUR).await;
    for kid in &kept {
        assert!(state(&bench, *kid).await.unwrap().is_delivered());
    }
    listing(&bench, &counted, &kept[1..2], (250, 20), false).await;
    bench.keys.rotate_stream(&never, false).await.unwrap();
    skip(&bench, HOUR).await;
    skip(&bench, 90 * 24 * HOUR).await;
    let [past, present, next, cut, stood] = kept[..] else {
        panic!("{kept:?}")
    };
    for gone in [past, cut, stood] {
        assert_eq!(state(&bench, gone).await, Some(PeriodState::Retired));
    }
    assert_eq!(
        state(&bench, present).await,
        Some(PeriodState::Retired),
        "listed up to 250"
    );
    assert_eq!(state(&bench, next).await, Some(PeriodState::Pending));
}

#[tokio::test]
async fn what_a_finished_playlist_lists_lives_until_its_stream_is_removed() {
    let bench = Bench::new().await;
    let stream = bench.register("vod/a", every(600)).await;
    let keys = kids(&bench, &stream, -3, 2).await;
    listing(&bench, &stream, &keys, (10, -1200), true).await;
    skip(&bench, 1000 * 24 * HOUR).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Active));
    listing(&bench, &stream, &keys, (10, -1200), false).await;
    skip(&bench, 10 * 24 * HOUR).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Active));
    bench.keys.remove_stream(&stream).await.unwrap();
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Retired));
    let again = bench.register("vod/a", every(600)).await;
    let new = kids(&bench, &again, -3, 2).await;
    skip(&bench, 1).await;
    skip(&bench, 30 * 24 * HOUR).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Destroyed));
    assert_ne!(state(&bench, new[0]).await, Some(PeriodState::Destroyed));
    assert!(bench.keys.sweep().await.is_ok());
}

#[tokio::test]
async fn a_revoked_key_is_wiped_too() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(600)).await;
    let keys = kids(&bench, &stream, 0, 1).await;
    bench.keys.revoke_key(keys[0]).await.unwrap();
    skip(&bench, 1).await;
    skip(&bench, 30 * 24 * HOUR - 1).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Revoked));
    skip(&bench, 1).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Destroyed));
}

#[tokio::test]
async fn a_lease_keeps_what_it_covers_and_what_a_silent_one_may_list() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(1)).await;
    bench.hold(&stream, "a", None).await;
    let keys = kids(&bench, &stream, 0, 1).await;
    listing(&bench, &stream, &keys, (0, 2), false).await;
    // Listed last at 0 and over at 1, but a lease lasts until 3600 whose holder was not heard of.
    skip(&bench, HOUR + 240 + HOUR - 1).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Active));
    skip(&bench, 1).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Retired));
    let leave = ProgressReport {
        leaving: true,
        ..empty_report()
    };
    let other = bench.register("live/b", every(1)).await;
    bench.hold(&other, "encryptor-1", None).await;
    let at = i64::try_from(2 * HOUR + 240).unwrap();
    let keys = kids(&bench, &other, at, 1).await;
    listing(&bench, &other, &keys, (0, at), false).await;
    bench.keys.note(&other, &leave).await.unwrap();
    skip(&bench, 1 + 240 + HOUR).await;
    assert_eq!(
        state(&bench, keys[0]).await,
        Some(PeriodState::Active),
        "at its last listed second"
    );
    listing(&bench, &other, &[], (0, at + 1), false).await;
    skip(&bench, 25 * HOUR).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Retired));
}

#[tokio::test]
async fn a_clock_that_leaps_hurries_nothing() {
    for leap in [HOUR, 24 * HOUR, 366 * 24 * HOUR] {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(600)).await;
        let keys = kids(&bench, &stream, 0, 1).await;
        listing(&bench, &stream, &keys, (10, 700), false).await;
        pass(&bench, 2 * MINUTE).await;
        bench.clock.advance_secs(leap);
        for _ in 0..10 {
            assert_eq!(bench.keys.sweep().await.unwrap().retired, 0);
        }
        // Put right, it is as if nothing had been.
        bench.clock.turn_back(Duration::from_secs(leap));
        pass(&bench, HOUR).await;
        assert_eq!(
            state(&bench, keys[0]).await,
            Some(PeriodState::Active),
            "{leap}"
        );
        pass(&bench, 600 + 240).await;
        assert_eq!(
            state(&bench, keys[0]).await,
            Some(PeriodState::Retired),
            "{leap}"
        );
    }
}

#[tokio::test]
async fn after_a_leap_retention_goes_at_twice_the_clock_at_most() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(600)).await;
    let keys = kids(&bench, &stream, 0, 1).await;
    listing(&bench, &stream, &keys, (10, 700), false).await;
    bench.keys.sweep().await.unwrap();
    bench.clock.advance_secs(24 * HOUR);
    pass(&bench, (600 + 240 + HOUR) / 2 - 5 * MINUTE).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Active));
    pass(&bench, 5 * MINUTE).await;
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Retired));
}

#[tokio::test]
async fn two_servers_sweep_and_encryptors_report_at_once() {
    let one = Bench::new().await;
    let two = one.another().await;
    let stream = one.register("live/a", every(600)).await;
    let keys = kids(&one, &stream, -40, 40).await;
    listing(&one, &stream, &keys[39..], (10, 700), false).await;
    one.keys.sweep().await.unwrap();
    one.clock.advance_secs(3 * 24 * HOUR);
    for bench in [&one, &two] {
        let reckoned = bench
            .keys
            .store
            .reckon(bench.keys.clock.now(), Duration::MAX / 8);
        reckoned.await.unwrap();
    }
    let report = listing(&one, &stream, &keys[39..], (11, 701), false);
    let (first, second, ()) = tokio::join!(one.keys.sweep(), two.keys.sweep(), report);
    let retired = first.unwrap().retired + second.unwrap().retired;
    let mut gone = 0;
    for kid in &keys {
        gone += usize::from(state(&one, *kid).await == Some(PeriodState::Retired));
    }
    assert_eq!(retired, gone, "each is counted once");
    assert!(gone >= 39, "{gone}");
    let again = (
        one.keys.sweep().await.unwrap(),
        two.keys.sweep().await.unwrap(),
    );
    assert_eq!(again, (Swept::default(), Swept::default()));
}

#[tokio::test]
async fn a_key_that_is_listed_while_it_is_swept_stays() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(600)).await;
    let keys = kids(&bench, &stream, 0, 1).await;
    listing(&bench, &stream, &keys, (10, 700), false).await;
    bench.clock.advance_secs(3 * HOUR);
    let at = bench.keys.clock.now();
    let due = bench.keys.store.due(at, 10).await.unwrap();
    let scene = bench.keys.scene(&stream, at).await.unwrap();
    let step = bench.keys.retention.step(&due[0], scene.as_ref(), at);
    assert!(
        matches!(
            step,
            Step::Note {
                state: PeriodState::Retired,
                ..
            }
        ),
        "{step:?}"
    );
    listing(&bench, &stream, &keys, (11, 701), false).await;
    let steps = [(due[0].clone(), step)];
    assert_eq!(bench.keys.store.apply(&stream, &steps).await.unwrap(), []);
    assert_eq!(state(&bench, keys[0]).await, Some(PeriodState::Active));
}

#[tokio::test]
async fn after_a_cut_what_the_old_grid_had_is_kept_for_old_leases() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(600)).await;
    let keys = kids(&bench, &stream, 0, 4).await;
    bench.keys.rotate_stream(&stream, true).await.unwrap();
    // Period 1 of the old grid begins at 600; a lease has it for an hour, then nobody.
    skip(&bench, 600 + HOUR + 25 * HOUR - 1).await;
    assert_eq!(state(&bench, keys[1]).await, Some(PeriodState::Pending));
    skip(&bench, 1).await;
    assert_eq!(state(&bench, keys[1]).await, Some(PeriodState::Retired));
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_keeps_no_others_keys_alive() {
    let bench = Bench::new().await;
    let good = bench.register("live/good", every(600)).await;
    let bad = bench.register("live/bad", every(600)).await;
    let wanted = kids(&bench, &good, -10, 10).await;
    kids(&bench, &bad, 0, 420).await;
    let store = &bench.keys.store;
    store.forget_checks().await;
    let spoiled = "UPDATE streams SET iv = 'none' WHERE stream = 'live/bad'";
    store.put(spoiled).await;
    bench.clock.advance_secs(40 * HOUR);
    let reckoned = store.reckon(bench.keys.clock.now(), Duration::MAX / 8);
    reckoned.await.unwrap();
    let told = bench.keys.sweep().await.unwrap_err().to_string();
    assert!(told.contains("live/bad"), "{told}");
    for kid in wanted {
        assert_eq!(state(&bench, kid).await, Some(PeriodState::Retired));
    }
}
