//! Leases: which periods, one key each, under races, cuts and a killed server.
//!
//! Must not know: HTTP, or an encryptor.

use std::collections::HashSet;

use futures_util::future::join_all;

use super::*;
use crate::domain::{PeriodState, Rotation, StreamPolicy};
use crate::keys::testing::{Bench, NOON, after_noon, every, id, policy, segments};

fn boundaries(lease: &Lease) -> Vec<(i64, Boundary)> {
    let place = |leased: &LeasedPeriod| (leased.period.index, leased.period.boundary);
    lease.periods.iter().map(place).collect()
}

fn time(seconds: i64) -> Boundary {
    Boundary::Time(after_noon(seconds))
}

#[tokio::test]
async fn a_lease_covers_the_hour_from_the_period_before() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(600)).await;
    bench.clock.advance_secs(5);
    let ask = LeaseRequest::default();
    let lease = bench
        .keys
        .lease_stream("packager", &stream, &ask)
        .await
        .unwrap();
    let expected: Vec<_> = (-1..=6).map(|index| (index, time(index * 600))).collect();
    assert_eq!(boundaries(&lease), expected);
    let first = &lease.periods[0];
    assert_eq!(first.end, Some(time(0)));
    assert_eq!(first.period.state, PeriodState::Pending);
    assert_eq!(
        first.uri,
        format!("https://keys.example.net/v1/keys/{}", first.period.kid)
    );
    let again = bench
        .keys
        .lease_stream("packager", &stream, &ask)
        .await
        .unwrap();
    assert_eq!(again, lease);
}

#[tokio::test]
async fn long_periods_come_two_ahead_and_older_ones_on_request() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(86_400)).await;
    let ask = LeaseRequest::default();
    let lease = bench
        .keys
        .lease_stream("packager", &stream, &ask)
        .await
        .unwrap();
    let indices: Vec<i64> = lease.periods.iter().map(|one| one.period.index).collect();
    assert_eq!(indices, [-1, 0, 1]);
    let old = bench.lease(&stream, -400, 2).await;
    assert_eq!(old.periods[0].period.index, -400);
    assert_ne!(old.periods[0].key, old.periods[1].key);
}

#[tokio::test]
async fn what_the_schedule_has_not_is_not_leased() {
    let bench = Bench::new().await;
    let never = bench.register("live/never", Rotation::Never).await;
    let lease = bench
        .keys
        .lease_stream("packager", &never, &LeaseRequest::default())
        .await
        .unwrap();
    assert_eq!(boundaries(&lease), [(0, Boundary::Segment(0))]);
    let counted = bench.register("live/counted", segments(100)).await;
    assert_eq!(bench.lease(&counted, -5, 7).await.periods.len(), 2);
    let timed = bench.register("live/timed", every(10)).await;
    for far in [i64::MIN, i64::MAX - 2, i64::MAX, 1 << 40] {
        assert_eq!(
            bench.lease(&timed, far, 1000).await.periods.len(),
            0,
            "{far}"
        );
    }
    for count in [0, 1001] {
        let ask = LeaseRequest {
            count: Some(count),
            ..LeaseRequest::default()
        };
        let refused = bench.keys.lease_stream("packager", &timed, &ask).await;
        assert!(matches!(refused, Err(KeysError::Invalid(_))));
    }
}

#[tokio::test]
async fn by_count_a_lease_starts_at_what_was_reported() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", segments(100)).await;
    let kid = bench.lease(&stream, 0, 1).await.periods[0].period.kid;
    bench.report(&stream, kid, 1000, None).await;
    bench.clock.advance_secs(60);
    bench.report(&stream, kid, 1010, None).await;
    let lease = bench
        .keys
        .lease_stream("packager", &stream, &LeaseRequest::default())
        .await
        .unwrap();
    let expected: Vec<_> = (9..=16)
        .map(|index: i64| (index, Boundary::Segment(index.unsigned_abs() * 100)))
        .collect();
    assert_eq!(boundaries(&lease), expected, "6 s a segment, 600 an hour");
}

#[tokio::test]
async fn thirty_two_at_once_on_two_servers_get_one_key_each_period() {
    let one = Bench::new().await;
    let two = one.another().await;
    let stream = one.register("live/a", every(10)).await;
    let leases = join_all((0..32).map(|at| {
        let bench = if at % 2 == 0 { &one } else { &two };
        bench.lease(&stream, -5, 50)
    }))
    .await;
    for lease in &leases[1..] {
        assert_eq!(lease.periods, leases[0].periods);
    }
    let kids: HashSet<Kid> = leases[0].periods.iter().map(|one| one.period.kid).collect();
    let keys: HashSet<[u8; 16]> = leases[0]
        .periods
        .iter()
        .map(|one| *one.key.expose())
        .collect();
    assert_eq!((kids.len(), keys.len()), (50, 50));
}

#[tokio::test]
async fn what_was_answered_survives_a_killed_server() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(10)).await;
    let before = bench.lease(&stream, 0, 20).await;
    // The files as a crash leaves them: nothing closed, nothing checkpointed.
    let after_crash = bench.after_crash().await;
    assert_eq!(after_crash.lease(&stream, 0, 20).await, before);
}

#[tokio::test]
async fn leases_amid_cuts_agree_on_every_boundary() {
    let one = Bench::new().await;
    let two = one.another().await;
    let stream = one.register("live/a", every(10)).await;
    let acts = (0..24).map(|at| {
        let (bench, stream) = (if at % 2 == 0 { &one } else { &two }, &stream);
        async move {
            one_cut(bench, stream, at % 3 == 0).await;
            bench.lease(stream, -2, 30).await
        }
    });
    let mut kids = HashMap::new();
    for lease in join_all(acts).await {
        for one in lease.periods {
            let kid = *kids.entry(one.period.boundary).or_insert(one.period.kid);
            assert_eq!(kid, one.period.kid);
        }
    }
}

/// Moves the clock past what is to come, so that there is something to cut.
async fn one_cut(bench: &Bench, stream: &StreamId, cut: bool) {
    if cut {
        bench.clock.advance_secs(11);
        bench.keys.rotate_stream(stream, false).await.unwrap();
    }
}

#[tokio::test]
async fn renditions_may_have_keys_of_their_own() {
    let bench = Bench::new().await;
    let stream = id("live/a");
    let own = StreamPolicy {
        key_scope: KeyScope::Rendition,
        ..policy(every(10))
    };
    bench
        .keys
        .register_stream("packager", &stream, own)
        .await
        .unwrap();
    let ask = |rendition: Option<&str>| LeaseRequest {
        from: Some(0),
        count: Some(1),
        rendition: rendition.map(|path| path.parse().unwrap()),
        known: None,
        instance: None,
    };
    let refused = bench
        .keys
        .lease_stream("packager", &stream, &ask(None))
        .await;
    assert!(matches!(refused, Err(KeysError::Invalid(_))));
    let mut keys = Vec::new();
    for path in ["v0/a.m3u8", "v1/a.m3u8"] {
        let lease = bench
            .keys
            .lease_stream("packager", &stream, &ask(Some(path)))
            .await
            .unwrap();
        assert_eq!(
            lease.periods[0].period.scope,
            Scope::Rendition(path.parse().unwrap())
        );
        keys.push(lease.periods[0].key.clone());
    }
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn a_template_registers_on_first_sight() {
    let bench = Bench::new().await;
    let ask = LeaseRequest::default();
    let refused = bench
        .keys
        .lease_stream("packager", &id("live/a"), &ask)
        .await;
    assert!(matches!(refused, Err(KeysError::UnknownStream)));
    let lease = bench
        .keys
        .lease_stream("packager", &id("demo/a"), &ask)
        .await
        .unwrap();
    assert_eq!(lease.stream.policy, policy(every(20)));
    assert_eq!(lease.stream.created, NOON);
    let nested = bench
        .keys
        .lease_stream("packager", &id("demo/a/b"), &ask)
        .await;
    assert!(matches!(nested, Err(KeysError::Nested(other)) if other == id("demo/a")));
}

#[tokio::test]
async fn a_stolen_database_holds_no_key_in_the_clear() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(10)).await;
    let lease = bench.lease(&stream, 0, 50).await;
    let bytes = bench.keys.store.stolen(&bench.scratch).await;
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    for one in &lease.periods {
        assert!(
            holds(one.period.kid.as_bytes()),
            "the search finds what is there"
        );
        assert!(!holds(one.key.expose()), "{}", one.period.kid);
    }
}

/// Periods of any year, a thousand at a time, would fill the disk that all keys lie on.
#[tokio::test]
async fn one_credential_cannot_issue_without_end() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(1)).await;
    let ask = |from, count| LeaseRequest {
        from: Some(from),
        count: Some(count),
        ..LeaseRequest::default()
    };
    let lease = async |who: &str, at: i64, count| {
        let ask = ask(at * 1000, count);
        bench.keys.lease_stream(who, &stream, &ask).await
    };
    // The bench allows 2000 an hour.
    for at in 5..7 {
        assert!(lease("wild", at, 1000).await.is_ok());
    }
    assert!(matches!(lease("wild", 7, 1).await, Err(KeysError::TooMany)));
    assert!(matches!(
        lease("wild", -1, 1).await,
        Err(KeysError::TooMany)
    ));
    assert!(lease("wild", 0, 1000).await.is_ok(), "what the clock needs");
    let first_sight = bench
        .keys
        .lease_stream("wild", &id("demo/a"), &ask(0, 1))
        .await;
    assert!(matches!(first_sight, Err(KeysError::TooMany)));
    assert!(lease("wild", 5, 1000).await.is_ok(), "what there is stays");
    assert!(lease("other", 7, 1000).await.is_ok());
    bench.clock.advance_secs(3600);
    assert!(lease("wild", 8, 1000).await.is_ok());
}
