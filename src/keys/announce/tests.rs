//! Leases and the cuts that wait for them: acknowledged, missed, taken back, left behind.
//!
//! Must not know: HTTP, or an encryptor.

use std::time::Duration;

use futures_util::future::join_all;

use super::*;
use crate::domain::{Boundary, Timestamp};
use crate::keys::Rotated;
use crate::keys::testing::{Bench, after_noon, every, named, policy};
use crate::store::Looked;

const HOUR: u64 = 3600;

pub(super) fn time(seconds: i64) -> Boundary {
    Boundary::Time(after_noon(seconds))
}

pub(super) async fn version(bench: &Bench, stream: &StreamId) -> u64 {
    bench.keys.store.version(stream).await.unwrap().unwrap()
}

pub(super) async fn eras(bench: &Bench, stream: &StreamId) -> usize {
    let row = bench.keys.registered(stream).await.unwrap();
    row.stream.schedule.eras().count()
}

/// Waits as a long poll does until the stream is no longer at `known`.
pub(super) async fn hear(bench: &Bench, stream: &StreamId, known: u64) -> u64 {
    let news = async {
        while bench.hear().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = bench.keys.changed(stream, known) => {}
        () = news => panic!("the store is away"),
    }
    version(bench, stream).await
}

pub(super) async fn rotate(bench: &Bench, stream: &StreamId) -> Result<Rotated, KeysError> {
    bench.keys.rotate_stream(stream, false).await
}

/// The names in a refusal, with the ends of their leases.
pub(super) fn missed(refused: &Result<Rotated, KeysError>) -> Vec<(&str, Timestamp)> {
    match refused {
        Err(KeysError::Unreachable(missed)) => missed
            .iter()
            .map(|one| (one.instance.as_str(), one.lease_end.0))
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// Two encryptors of a stream that rotates each minute.
pub(super) async fn two() -> (Bench, StreamId) {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(60)).await;
    for instance in ["a", "b"] {
        let ends = bench.hold(&stream, instance, None).await;
        assert_eq!(ends, after_noon(3600));
        bench.hold(&stream, instance, Some(1)).await;
    }
    (bench, stream)
}

/// Announces a cut as a server that is killed before it hears of any acknowledgement.
pub(super) async fn announce_and_die(bench: &Bench, stream: &StreamId) {
    let before = version(bench, stream).await;
    let one = bench.another().await;
    tokio::select! {
        cut = rotate(&one, stream) => panic!("{cut:?}"),
        now = hear(bench, stream, before) => assert_eq!(now, before + 1),
    }
}

#[tokio::test]
async fn a_cut_waits_for_every_encryptor_and_both_ways_to_acknowledge() {
    let (bench, stream) = two().await;
    let encryptors = async {
        assert_eq!(
            hear(&bench, &stream, 1).await,
            2,
            "it is in the schedule at once"
        );
        bench.hold(&stream, "a", Some(2)).await;
        let settled = bench
            .keys
            .store
            .settle(&stream, after_noon(0), (Patience::ByClock, None));
        assert!(
            matches!(settled.await.unwrap(), Some(Looked { settled: Settled::Waiting(who), version: 2, .. }) if who[0].instance == "b")
        );
        bench.acknowledge(&stream, "b", 1, false).await;
        let settled = bench
            .keys
            .store
            .settle(&stream, after_noon(0), (Patience::ByClock, None));
        assert!(matches!(
            settled.await.unwrap(),
            Some(Looked {
                settled: Settled::Waiting(_),
                ..
            })
        ));
        bench.acknowledge(&stream, "b", 2, false).await;
    };
    let (cut, ()) = tokio::join!(rotate(&bench, &stream), encryptors);
    let cut = cut.unwrap();
    assert_eq!((cut.slot.boundary, cut.stream.version), (time(15), 2));
    assert_eq!(cut.unreachable, []);
    let again = rotate(&bench, &stream).await.unwrap();
    assert_eq!(again, cut, "a cut still to come is answered again");
}

#[tokio::test]
async fn one_that_does_not_acknowledge_keeps_everything_as_it_was() {
    let (bench, stream) = two().await;
    let before = bench.lease(&stream, 0, 3).await;
    let encryptors = async {
        hear(&bench, &stream, 1).await;
        bench.hold(&stream, "a", Some(2)).await;
        bench.clock.advance_secs(5);
    };
    let (refused, ()) = tokio::join!(rotate(&bench, &stream), encryptors);
    assert_eq!(missed(&refused), [("b", after_noon(3600))]);
    let says = refused.unwrap_err().to_string();
    assert!(
        says.contains("b (until 2026-01-02T13:00:00.000Z)"),
        "{says}"
    );
    let after = bench.lease(&stream, 0, 3).await;
    assert_eq!(after.periods, before.periods);
    assert_eq!(after.stream.schedule, before.stream.schedule);
    assert_eq!(
        after.stream.version, 3,
        "whoever took the cut hears that it is gone"
    );
    for instance in ["a", "b"] {
        bench.hold(&stream, instance, Some(3)).await;
    }
    let encryptors = async {
        hear(&bench, &stream, 3).await;
        for instance in ["a", "b"] {
            bench.hold(&stream, instance, Some(4)).await;
        }
    };
    let (cut, ()) = tokio::join!(rotate(&bench, &stream), encryptors);
    assert_eq!(cut.unwrap().slot.boundary, time(20));
}

#[tokio::test]
async fn a_silent_one_is_named_at_once_and_nothing_is_announced() {
    let (bench, stream) = two().await;
    bench.clock.advance_secs(10);
    bench.hold(&stream, "a", Some(1)).await;
    let refused = rotate(&bench, &stream).await;
    assert_eq!(missed(&refused), [("b", after_noon(3600))]);
    assert_eq!(
        (version(&bench, &stream).await, eras(&bench, &stream).await),
        (1, 1)
    );
    bench.clock.advance_secs(HOUR - 10);
    bench.hold(&stream, "a", Some(1)).await;
    let encryptors = async {
        hear(&bench, &stream, 1).await;
        bench.hold(&stream, "a", Some(2)).await;
    };
    let (cut, ()) = tokio::join!(rotate(&bench, &stream), encryptors);
    assert_eq!(cut.unwrap().unreachable, [], "its lease has ended");
}

#[tokio::test]
async fn at_once_cuts_and_names_who_may_go_on() {
    let (bench, stream) = two().await;
    bench.clock.advance_secs(10);
    bench.hold(&stream, "a", Some(1)).await;
    let encryptors = async {
        hear(&bench, &stream, 1).await;
        bench.hold(&stream, "a", Some(2)).await;
    };
    let (cut, ()) = tokio::join!(bench.keys.rotate_stream(&stream, true), encryptors);
    let cut = cut.unwrap();
    let soon = Boundary::Time(after_noon(10).plus(Duration::from_millis(1)));
    assert_eq!((cut.slot.boundary, cut.stream.version), (soon, 2));
    let names: Vec<_> = cut
        .unreachable
        .iter()
        .map(|one| one.instance.as_str())
        .collect();
    assert_eq!(names, ["b"]);
    assert_eq!(eras(&bench, &stream).await, 2);
}

#[tokio::test]
async fn at_once_overrides_a_cut_that_is_waited_for() {
    let (bench, stream) = two().await;
    announce_and_die(&bench, &stream).await;
    bench.hold(&stream, "a", Some(2)).await;
    let cut = bench.keys.rotate_stream(&stream, true).await.unwrap();
    assert_eq!((cut.slot.boundary, cut.stream.version), (time(15), 2));
    assert_eq!(cut.unreachable.len(), 1);
    bench.clock.advance_secs(6);
    bench.hold(&stream, "a", Some(2)).await;
    assert_eq!(
        version(&bench, &stream).await,
        2,
        "it is no longer taken back"
    );
}

#[tokio::test]
async fn nobody_waits_for_one_that_left() {
    let (bench, stream) = two().await;
    bench.acknowledge(&stream, "b", 1, true).await;
    bench.acknowledge(&stream, "a", 1, true).await;
    let cut = rotate(&bench, &stream).await.unwrap();
    assert_eq!(cut.slot.boundary, time(10), "nothing is announced");
    bench.hold(&stream, "a", None).await;
    bench.clock.advance_secs(11);
    assert!(matches!(
        rotate(&bench, &stream).await,
        Err(KeysError::Unreachable(_))
    ));
}

#[tokio::test]
async fn a_cut_that_a_killed_server_left_is_confirmed_by_the_last_acknowledgement() {
    let (bench, stream) = two().await;
    announce_and_die(&bench, &stream).await;
    bench.acknowledge(&stream, "a", 2, false).await;
    bench.hold(&stream, "b", Some(2)).await;
    bench.clock.advance_secs(6);
    bench.hold(&stream, "b", Some(2)).await;
    assert_eq!(
        (version(&bench, &stream).await, eras(&bench, &stream).await),
        (2, 2)
    );
    let cut = rotate(&bench, &stream).await.unwrap();
    assert_eq!(cut.slot.boundary, time(15));
}

#[tokio::test]
async fn a_cut_that_a_killed_server_left_is_taken_back_by_whoever_looks_next() {
    for by_report in [false, true] {
        let (bench, stream) = two().await;
        announce_and_die(&bench, &stream).await;
        bench.clock.advance_secs(5);
        match by_report {
            true => bench.acknowledge(&stream, "a", 2, false).await,
            false => drop(bench.hold(&stream, "a", Some(2)).await),
        }
        assert_eq!(
            (version(&bench, &stream).await, eras(&bench, &stream).await),
            (3, 1)
        );
    }
}

#[tokio::test]
async fn the_next_rotate_settles_what_a_killed_server_left() {
    let (bench, stream) = two().await;
    announce_and_die(&bench, &stream).await;
    bench.clock.advance_secs(7);
    let encryptors = async {
        // Taken back is 3, announced 4; who is slow hears of both at once.
        let mut heard = 2;
        while heard < 4 {
            heard = hear(&bench, &stream, heard).await;
        }
        assert_eq!(heard, 4);
        for instance in ["a", "b"] {
            bench.hold(&stream, instance, Some(4)).await;
        }
    };
    let (cut, ()) = tokio::join!(rotate(&bench, &stream), encryptors);
    assert_eq!(cut.unwrap().slot.boundary, time(22));
    assert_eq!(eras(&bench, &stream).await, 2);
}

#[tokio::test]
async fn a_cut_that_began_while_all_servers_were_away_stands() {
    let (bench, stream) = two().await;
    announce_and_die(&bench, &stream).await;
    bench.clock.advance_secs(16);
    bench.hold(&stream, "a", Some(2)).await;
    bench.hold(&stream, "b", Some(1)).await;
    assert_eq!(
        (version(&bench, &stream).await, eras(&bench, &stream).await),
        (2, 2)
    );
}

#[tokio::test]
async fn two_servers_that_are_asked_at_once_make_one_cut() {
    let (one, stream) = two().await;
    let two = one.another().await;
    let encryptors = async {
        assert_eq!(hear(&two, &stream, 1).await, 2);
        one.hold(&stream, "a", Some(2)).await;
        two.hold(&stream, "b", Some(2)).await;
    };
    let asked = join_all((0..8).map(|at| rotate(if at % 2 == 0 { &one } else { &two }, &stream)));
    let (cuts, ()) = tokio::join!(asked, encryptors);
    for cut in cuts {
        let cut = cut.unwrap();
        assert_eq!((cut.slot.boundary, cut.stream.version), (time(15), 2));
    }
}

#[tokio::test]
async fn two_servers_share_a_refusal() {
    let (one, stream) = two().await;
    let two = one.another().await;
    let encryptors = async {
        hear(&two, &stream, 1).await;
        one.hold(&stream, "a", Some(2)).await;
        one.clock.advance_secs(5);
    };
    let asked = join_all([rotate(&one, &stream), rotate(&two, &stream)]);
    let (refused, ()) = tokio::join!(asked, encryptors);
    // The one that only saw that the cut is gone may have tried again, and been refused alike.
    for refused in &refused {
        assert!(missed(refused).iter().any(|(name, _)| *name == "b"));
    }
    assert_eq!(eras(&one, &stream).await, 1);
}

#[tokio::test]
async fn a_clock_that_goes_back_does_not_prolong_the_wait() {
    let (bench, stream) = two().await;
    announce_and_die(&bench, &stream).await;
    bench.clock.turn_back(Duration::from_secs(HOUR));
    bench.hold(&stream, "a", Some(2)).await;
    assert_eq!(
        (version(&bench, &stream).await, eras(&bench, &stream).await),
        (3, 1)
    );
}

#[tokio::test]
async fn another_rule_needs_the_same_acknowledgements() {
    let (bench, stream) = two().await;
    let change = || {
        bench
            .keys
            .register_stream("packager", &stream, policy(every(20)))
    };
    let encryptors = async {
        hear(&bench, &stream, 1).await;
        bench.hold(&stream, "a", Some(2)).await;
        bench.clock.advance_secs(5);
    };
    let (refused, ()) = tokio::join!(change(), encryptors);
    assert!(
        matches!(refused, Err(KeysError::Unreachable(_))),
        "{refused:?}"
    );
    let row = bench.keys.registered(&stream).await.unwrap();
    assert_eq!(row.stream.policy.rotation, every(60));
    let encryptors = async {
        assert_eq!(hear(&bench, &stream, 3).await, 4);
        for instance in ["a", "b"] {
            bench.hold(&stream, instance, Some(4)).await;
        }
    };
    let (changed, ()) = tokio::join!(change(), encryptors);
    let stream = changed.unwrap().stream;
    assert_eq!((stream.policy.rotation, stream.version), (every(20), 4));
}

#[tokio::test]
async fn a_removal_ends_what_is_waited_for() {
    let (bench, stream) = two().await;
    let removal = async {
        hear(&bench, &stream, 1).await;
        assert!(bench.keys.remove_stream(&stream).await.unwrap());
    };
    let (refused, ()) = tokio::join!(rotate(&bench, &stream), removal);
    assert!(
        matches!(refused, Err(KeysError::UnknownStream)),
        "{refused:?}"
    );
    let follower = named("a", Some(1));
    let refused = bench
        .keys
        .lease_stream("packager", &stream, &follower)
        .await;
    assert!(matches!(refused, Err(KeysError::UnknownStream)));
    bench.register("live/a", every(60)).await;
    assert!(
        rotate(&bench, &stream).await.is_ok(),
        "its leases went with it"
    );
}
