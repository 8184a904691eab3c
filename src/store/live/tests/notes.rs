//! What is written behind, listed, counted and swept.
//!
//! Must not know: limits.

use super::*;

#[tokio::test]
async fn sightings_are_written_and_what_is_gone_is_told() {
    let mut bench = Bench::new(1, None).await;
    let named: Vec<_> = ["a/one@1", "a/two@2", "b/three@3"].map(parts).into();
    let all = |bench: &Bench| -> Vec<_> {
        let each = named.iter();
        each.map(|(name, at)| bench.sighting(name, at)).collect()
    };
    let nothing = bench.store.renew_sessions(&all(&bench)).await.unwrap();
    assert_eq!((nothing.written, nothing.gone), (vec![], vec![0, 1, 2]));
    bench.store.note_sessions(&all(&bench)).await.unwrap();
    bench.store.note_sessions(&all(&bench)).await.unwrap();
    bench
        .store
        .end_session("viewers", "two", bench.now)
        .await
        .unwrap();
    bench.pass(5);
    let renewed = bench.store.renew_sessions(&all(&bench)).await.unwrap();
    assert_eq!(
        (renewed.written, renewed.gone),
        (vec![0, 2], vec![]),
        "one has ended"
    );
    let times = (bench.now.minus(LEASE), bench.now);
    let counts = bench.store.viewers(times.0, times.1).await.unwrap();
    let counts: Vec<_> = counts
        .iter()
        .map(|(stream, n)| (stream.as_str(), *n))
        .collect();
    assert_eq!(counts, [("live/a", 1), ("live/b", 1)]);
    let rows = bench
        .store
        .live_sessions(SessionFilter::default(), times, 100)
        .await
        .unwrap();
    assert_eq!(rows[0].seen, bench.now);
    assert_eq!(rows[0].address, named[0].1.address);
}

#[tokio::test]
async fn the_list_has_pages_and_viewers() {
    let bench = Bench::new(1, None).await;
    let (_, at) = parts("a/one@1");
    let names = [of("bob", "s1"), of("alice", "s2"), of("bob", "s3")];
    let all: Vec<_> = names.iter().map(|name| bench.sighting(name, &at)).collect();
    bench.store.note_sessions(&all).await.unwrap();
    let times = (bench.now.minus(LEASE), bench.now);
    let list = async |viewer, after, limit| -> Vec<String> {
        let which = SessionFilter { viewer, after };
        let rows = bench
            .store
            .live_sessions(which, times, limit)
            .await
            .unwrap();
        rows.into_iter().map(|row| row.name.session).collect()
    };
    assert_eq!(list(None, None, 2).await, ["s1", "s2"]);
    assert_eq!(list(None, Some(&names[1]), 2).await, ["s3"]);
    assert_eq!(list(Some("bob"), None, 9).await, ["s1", "s3"]);
    assert_eq!(list(Some("bob"), Some(&names[0]), 9).await, ["s3"]);
    assert_eq!(list(Some("eve"), None, 9).await, [""; 0]);
}

#[tokio::test]
async fn what_is_over_is_swept_and_the_future_is_brought_back() {
    let mut bench = Bench::new(1, None).await;
    for session in ["a/one@1", "b/two@2"] {
        let (name, at) = parts(session);
        bench
            .store
            .note_sessions(&[bench.sighting(&name, &at)])
            .await
            .unwrap();
        bench.pass(1_000_000);
    }
    let now = Timestamp::from_millis(START + 1_000);
    for _ in 0..2 {
        let more = bench
            .store
            .sweep_sessions(now.minus(LEASE), now)
            .await
            .unwrap();
        assert!(!more);
    }
    bench.now = now;
    assert_eq!(bench.live().await, ["one", "two"]);
    bench.pass(900);
    let alive = bench.now.minus(LEASE);
    assert!(!bench.store.sweep_sessions(alive, bench.now).await.unwrap());
    let all = bench
        .store
        .live_sessions(SessionFilter::default(), (alive.minus(LEASE), alive), 9);
    assert_eq!(all.await.unwrap(), [], "the rows are gone");
}
