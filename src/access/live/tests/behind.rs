//! What renewals cost the store: nothing with a request, and a few statements for all together.
//!
//! Must not know: how they are written.

use super::*;

/// A request of a viewer who has one session.
async fn fetch(bench: &Bench, viewer: usize) {
    let who = Principal {
        subject: format!("viewer-{viewer}"),
        ..super::viewer("only")
    };
    let facts = Facts {
        stream: &"live/a".parse().unwrap(),
        ip: Some("192.0.2.7".parse().unwrap()),
        headers: &agent(),
    };
    assert_eq!(bench.live.admit(&who, &facts, bench.rules).await, Ok(()));
}

#[tokio::test]
async fn renewals_are_written_down_together() {
    for (rules, sessions, writes) in [(SessionRules::default(), 2_500, 3), (hard(1), 50, 1)] {
        let bench = Bench::new(rules).await;
        for viewer in 0..sessions {
            fetch(&bench, viewer).await;
        }
        bench.live.write().await.unwrap();
        let first = bench.clock.now();
        bench.pass(5);
        let measures = bench.store.measures();
        let counts = || (measures.writes.get(), measures.reads.get());
        let before = counts();
        for viewer in 0..sessions {
            fetch(&bench, viewer).await;
        }
        assert_eq!(counts(), before, "a fetch turns to nobody");
        bench.live.write().await.unwrap();
        assert_eq!(counts(), (before.0 + writes, before.1 + 1), "{rules:?}");
        let seen = bench.store.viewers(first, bench.clock.now()).await.unwrap();
        let all = u64::try_from(sessions).unwrap();
        assert_eq!(seen, [("live/a".parse().unwrap(), all)]);
    }
}
