//! When a source is asked again, as chance has it: at the least, and at the most.
//!
//! Must not know: any real source.

use super::super::super::script::Always;
use super::*;

/// What chance can say, and what it comes to: at the least, somewhere between, at the most.
const CHANCES: [u8; 3] = [0, 51, 255];

/// After so many milliseconds it is asked once more, and not before.
async fn is_asked_after(bench: &Bench, millis: u64) {
    let before = bench.script.asked();
    bench.pass_millis(millis - 1);
    bench.tick().await;
    assert_eq!(bench.script.asked(), before, "before {millis} ms");
    bench.pass_millis(1);
    bench.tick().await;
    assert_eq!(bench.script.asked(), before + 1, "after {millis} ms");
}

#[tokio::test]
async fn a_yes_of_a_minute_is_asked_for_again_within_half_and_four_fifths_of_it() {
    for (chance, millis) in CHANCES.into_iter().zip([30_000, 33_600, 48_000]) {
        let bench = Bench::with(Line::Say(YES), "", Arc::new(Always(chance)));
        bench.check("alice").await.unwrap();
        is_asked_after(&bench, millis).await;
        is_asked_after(&bench, millis).await;
    }
}

#[tokio::test]
async fn a_refresh_that_failed_is_tried_again_after_three_to_twelve_seconds() {
    for (chance, millis) in CHANCES.into_iter().zip([3_000, 4_800, 12_000]) {
        let bench = Bench::with(Line::Say(YES), "", Arc::new(Always(chance)));
        bench.check("alice").await.unwrap();
        bench.script.set(Line::Fail);
        bench.pass(48);
        bench.tick().await;
        assert_eq!(bench.script.asked(), 2);
        is_asked_after(&bench, millis).await;
        is_asked_after(&bench, millis).await;
    }
}

#[tokio::test]
async fn a_no_is_not_asked_for_again() {
    let bench = Bench::new(Line::Say(Answer::NO), "");
    assert!(!bench.is_let_in("alice").await);
    bench.pass(9);
    bench.tick().await;
    assert_eq!(bench.script.asked(), 1);
}

#[tokio::test]
async fn what_was_called_off_is_asked_for_again_when_it_is_due_and_does_not_count_before() {
    let bench = Bench::with(Line::Say(YES), "", Arc::new(Always(255)));
    bench.check("alice").await.unwrap();
    bench
        .consulted
        .forget(None, Some(&"live/news".parse().unwrap()));
    is_asked_after(&bench, 48_000).await;
    bench.script.set(Line::Fail);
    assert!(bench.is_let_in("alice").await, "the source said so anew");
    bench.consulted.forget(Some("alice"), None);
    is_asked_after(&bench, 48_000).await;
    assert!(is_undecided(&bench.check("alice").await), "nobody said so");
}
