//! Reports and claims: what is noted, what is bounded, who wins.
//!
//! Must not know: HTTP, or SQL.

use super::*;
use crate::api::{PeriodUse, RenditionProgress};
use crate::domain::{Kid, PeriodState, Timestamp};
use crate::keys::testing::{Bench, after_noon, empty_report, every, id};

async fn claim(bench: &Bench, stream: &StreamId, claims: &[u64]) -> Vec<(u64, Timestamp)> {
    let report = ProgressReport {
        claims: claims.to_vec(),
        ..empty_report()
    };
    let reply = bench.keys.note(stream, &report).await.unwrap();
    let pair = |claim: Claim| (claim.segment, claim.time.0);
    reply.claims.into_iter().map(pair).collect()
}

#[tokio::test]
async fn a_listed_period_is_active_and_in_the_ledger() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(10)).await;
    let kid = bench.lease(&stream, 0, 1).await.periods[0].period.kid;
    bench.report(&stream, kid, 10, None).await;
    bench.clock.advance_secs(5);
    bench.report(&stream, kid, 12, None).await;
    let facts = bench.keys.store.key(kid).await.unwrap().unwrap().facts;
    assert_eq!(facts.state, PeriodState::Active);
    let ledger = bench.keys.store.usages(kid).await;
    assert_eq!(ledger, [("v0/index.m3u8".to_owned(), 7, 12, after_noon(5))]);
}

#[tokio::test]
async fn one_key_fills_no_ledger() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(10)).await;
    let kid = bench.lease(&stream, 0, 1).await.periods[0].period.kid;
    let listing = |at: usize, last| RenditionProgress {
        rendition: Text(format!("v{at}.m3u8").parse().unwrap()),
        last_time: None,
        duration_ms: 0,
        kept: false,
        iframes: false,
        periods: vec![PeriodUse {
            kid: Text(kid),
            first: 1,
            last,
        }],
    };
    let note = async |renditions| {
        let report = ProgressReport {
            renditions,
            ..empty_report()
        };
        bench.keys.note(&stream, &report).await.unwrap();
        bench.keys.store.usages(kid).await
    };
    let many = note((0..300).map(|at| listing(at, 2)).collect()).await;
    assert_eq!(many.len(), 256);
    let again = note(vec![listing(0, 9)]).await;
    assert_eq!(again[0].2, 9, "what is noted goes on");
}

#[tokio::test]
async fn another_streams_key_is_not_touched() {
    let bench = Bench::new().await;
    let (mine, other) = (
        bench.register("live/a", every(10)).await,
        bench.register("live/b", every(10)).await,
    );
    let kid = bench.lease(&other, 0, 1).await.periods[0].period.kid;
    bench.report(&mine, kid, 10, Some(9)).await;
    let window = std::time::Duration::from_secs(60);
    let reach = bench.keys.store.reach(&mine, window).await.unwrap();
    assert_eq!((reach.segment, reach.time), (None, None), "nor moves mine");
    let facts = bench.keys.store.key(kid).await.unwrap().unwrap().facts;
    assert_eq!(facts.state, PeriodState::Pending);
    assert_eq!(bench.keys.store.usages(kid).await, []);
}

#[tokio::test]
async fn the_reply_tells_the_version() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(10)).await;
    let version = async || {
        bench
            .keys
            .note(&stream, &empty_report())
            .await
            .unwrap()
            .version
    };
    assert_eq!(version().await, 1);
    bench.keys.rotate_stream(&stream, false).await.unwrap();
    assert_eq!(version().await, 2);
    let unknown = bench.keys.note(&id("live/none"), &empty_report()).await;
    assert!(matches!(unknown, Err(KeysError::UnknownStream)));
}

#[tokio::test]
async fn the_first_claim_wins_and_times_follow_numbers() {
    let (bench, at) = (Bench::new().await, after_noon);
    let other = bench.another().await;
    let stream = bench.register("live/a", every(10)).await;
    assert_eq!(
        claim(&bench, &stream, &[10, 11]).await,
        [(10, at(0)), (11, at(0))]
    );
    bench.clock.advance_secs(60);
    let later = claim(&other, &stream, &[12, 10, 9]).await;
    assert_eq!(later, [(12, at(60)), (10, at(0)), (9, at(0))]);
    assert_eq!(claim(&bench, &stream, &[20]).await, [(20, at(60))]);
    bench.clock.advance_secs(60);
    assert_eq!(claim(&bench, &stream, &[15]).await, [(15, at(60))]);
    assert_eq!(claim(&bench, &stream, &[30]).await, [(30, at(120))]);
    let reopened = bench.another().await;
    let all = claim(&reopened, &stream, &[9, 10, 11, 12, 15, 20, 30]).await;
    assert!(all.is_sorted_by_key(|claim| claim.1), "{all:?}");
}

#[tokio::test]
async fn a_clock_that_goes_back_turns_no_claim_around_and_stops_none() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(10)).await;
    bench.clock.advance_secs(3600);
    claim(&bench, &stream, &[10]).await;
    bench.clock.turn_back(std::time::Duration::from_secs(3600));
    let mut segments = 11..;
    let mut next = async |seconds| {
        bench.clock.advance_secs(seconds);
        let segment = segments.next().unwrap();
        claim(&bench, &stream, &[segment]).await[0].1
    };
    assert_eq!(next(0).await, after_noon(3600));
    assert_eq!(next(10).await, after_noon(3605), "at half its pace");
    assert_eq!(next(0).await, after_noon(3605));
    assert_eq!(next(3590).await, after_noon(5400), "3600 by the clock");
    assert_eq!(next(3590).await, after_noon(7195), "7190 by the clock");
    assert_eq!(next(10).await, after_noon(7200), "they meet");
    assert_eq!(next(10).await, after_noon(7210), "and go together");
}

#[tokio::test]
async fn claims_of_yesterday_go_but_the_newest_stay() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(10)).await;
    for hundred in 0..12 {
        let numbers: Vec<u64> = (hundred * 100..(hundred + 1) * 100).collect();
        claim(&bench, &stream, &numbers).await;
    }
    assert_eq!(bench.keys.store.count_claims(&stream).await, 1200);
    bench.clock.advance_secs(86_401);
    claim(&bench, &stream, &[1200]).await;
    assert_eq!(bench.keys.store.count_claims(&stream).await, 1000);
    assert_eq!(
        claim(&bench, &stream, &[1199]).await,
        [(1199, after_noon(0))]
    );
}

#[tokio::test]
async fn reports_are_bounded() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(10)).await;
    let listing = |first, last, count| RenditionProgress {
        rendition: Text("a.m3u8".parse().unwrap()),
        last_time: None,
        duration_ms: 0,
        kept: false,
        iframes: false,
        periods: vec![
            PeriodUse {
                kid: Text(Kid::from_bytes([1; 16])),
                first,
                last,
            };
            count
        ],
    };
    let named = |instance: &str| ProgressReport {
        instance: instance.to_owned(),
        ..empty_report()
    };
    let listed = |one| ProgressReport {
        renditions: vec![one],
        ..empty_report()
    };
    let claiming = |claims| ProgressReport {
        claims,
        ..empty_report()
    };
    for bad in [
        named(""),
        named("a b"),
        named(&"a".repeat(65)),
        claiming(vec![1; 1001]),
        claiming(vec![u64::MAX]),
        listed(listing(2, 1, 1)),
        listed(listing(1, u64::MAX, 1)),
        listed(listing(1, 1, 10_001)),
    ] {
        let refused = bench.keys.note(&stream, &bad).await;
        assert!(matches!(refused, Err(KeysError::Invalid(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn times_that_were_taken_stand_where_nobody_claimed() {
    let (bench, at) = (Bench::new().await, after_noon);
    let stream = bench.register("live/a", every(10)).await;
    bench.clock.advance_secs(300);
    let take = async |claims: &[u64], taken: &[(u64, i64)]| {
        let taken = taken.iter().map(|(segment, seconds)| Claim {
            rendition: None,
            segment: *segment,
            time: Text(at(*seconds)),
        });
        let report = ProgressReport {
            claims: claims.to_vec(),
            taken: taken.collect(),
            ..empty_report()
        };
        let reply = bench.keys.note(&stream, &report).await.unwrap();
        let pair = |claim: Claim| (claim.segment, claim.time.0);
        reply.claims.into_iter().map(pair).collect::<Vec<_>>()
    };
    let first = take(&[13, 12], &[(10, 100), (11, 110)]).await;
    let (a, b) = ((10, at(100)), (11, at(110)));
    assert_eq!(
        first,
        [(13, at(300)), (12, at(300)), a, b],
        "in the order asked"
    );
    let second = take(&[10], &[(11, 200), (20, 290), (19, 295), (21, 280)]).await;
    let (c, d, e) = ((20, at(300)), (19, at(300)), (21, at(300)));
    assert_eq!(
        second,
        [a, b, c, d, e],
        "first writer wins, and order stays"
    );
    bench.clock.advance_secs(60);
    // A report that comes late brings what the clock of then said, a second a segment.
    let late = take(&[], &[(30, 301), (31, 302)]).await;
    assert_eq!(late, [(30, at(301)), (31, at(302))]);
    let wild = take(&[], &[(40, i64::MAX / 2000), (41, 363)]).await;
    assert_eq!(
        wild,
        [(40, at(365)), (41, at(365))],
        "five seconds ahead at most"
    );
    bench.clock.advance_secs(10);
    assert_eq!(
        take(&[42], &[]).await,
        [(42, at(370))],
        "and the clock is met again"
    );
    let past = bench.register("live/b", every(10)).await;
    let report = ProgressReport {
        taken: vec![Claim {
            rendition: None,
            segment: 1,
            time: Text(at(-400 * 86_400)),
        }],
        ..empty_report()
    };
    let reply = bench.keys.note(&past, &report).await.unwrap();
    assert_eq!(
        reply.claims[0].time.0,
        at(370 - 86_400),
        "a day ago at most"
    );
}
