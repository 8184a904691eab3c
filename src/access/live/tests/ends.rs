//! Sessions that their viewers end: what is written down of them, and who notices.
//!
//! Must not know: how a session is revoked.

use super::*;

/// Live sessions, as the store counts them.
async fn watching(bench: &Bench) -> u64 {
    let now = bench.clock.now();
    let counts = bench.store.viewers(now.minus(LEASE), now).await.unwrap();
    counts.into_iter().map(|(_, viewers)| viewers).sum()
}

#[tokio::test]
async fn what_ended_before_it_was_written_down_never_is() {
    let bench = Bench::new(SessionRules::default()).await;
    for session in ["a/one@1", "a/two@2"] {
        bench.ask(session).await.unwrap();
    }
    bench.live.end(&viewer("one")).await.unwrap();
    for _ in 0..2 {
        bench.live.write().await.unwrap();
        assert_eq!(bench.stored().await, 1, "the other one");
        assert_eq!(watching(&bench).await, 1);
        bench.pass(5);
    }
    // What was written down already is over there.
    bench.live.end(&viewer("two")).await.unwrap();
    assert_eq!(watching(&bench).await, 0);
}

#[tokio::test]
async fn one_viewer_s_end_brings_nobody_else_to_the_store() {
    let bench = Bench::new(hard(1)).await;
    let of = |subject: &str, session: &str| Principal {
        subject: subject.to_owned(),
        ..viewer(&format!("{subject}-{session}"))
    };
    let facts = Facts {
        stream: &"live/a".parse().unwrap(),
        ip: Some("192.0.2.7".parse().unwrap()),
        headers: &agent(),
    };
    let ask = async |who: &Principal| bench.live.admit(who, &facts, bench.rules).await;
    for subject in ["alice", "bob"] {
        assert_eq!(ask(&of(subject, "first")).await, Ok(()));
        let second = ask(&of(subject, "second")).await;
        assert_eq!(second, Err(Denied::TooManySessions));
    }
    // Bob's slot is free in the store, and nobody has told this server.
    bench.another().end(&of("bob", "first")).await.unwrap();
    bench.live.end(&of("alice", "first")).await.unwrap();
    assert_eq!(ask(&of("alice", "second")).await, Ok(()));
    let remembered = ask(&of("bob", "second")).await;
    assert_eq!(remembered, Err(Denied::TooManySessions));
    bench.pass(1);
    assert_eq!(ask(&of("bob", "second")).await, Ok(()));
}
