//! Sessions at one server and at two, with a clock that stands until it is moved.
//!
//! Must not know: the statements behind a claim.

mod behind;
mod ends;

use crate::access::policy::{BindIp, LimitKind, SessionLimit};
use crate::access::testing::START;
use crate::domain::PrincipalKind as Kind;
use crate::store::SessionFilter;
use crate::store::testing::{Scratch, scratch};

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::*;

const LEASE: Duration = Duration::from_secs(900);

/// A clock whose hands somebody may set, and the time that passes whoever does.
struct SetClock {
    wall: AtomicI64,
    steady: AtomicU64,
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::Relaxed))
    }

    fn steady(&self) -> Duration {
        Duration::from_secs(self.steady.load(Ordering::Relaxed))
    }
}

/// A server's sessions.
struct Bench {
    _dir: Scratch,
    store: Store,
    clock: Arc<SetClock>,
    live: Arc<Live>,
    rules: SessionRules,
}

/// What every client of these tests calls itself.
fn agent() -> Vec<(String, String)> {
    vec![("user-agent".to_owned(), "player".to_owned())]
}

fn soft(max: u32) -> SessionRules {
    limited(max, LimitKind::Soft)
}

fn hard(max: u32) -> SessionRules {
    limited(max, LimitKind::Hard)
}

fn limited(max: u32, kind: LimitKind) -> SessionRules {
    let grace = Duration::from_secs(30);
    SessionRules {
        limit: Some(SessionLimit { max, kind, grace }),
        bind: BindIp::Off,
    }
}

fn bound(bind: BindIp) -> SessionRules {
    SessionRules { limit: None, bind }
}

fn viewer(session: &str) -> Principal {
    Principal {
        kind: Kind::Viewer,
        scheme: "viewers".into(),
        subject: "alice".to_owned(),
        session: session.to_owned(),
        also: vec![],
        token: session.to_owned(),
        address: None,
        streams: vec![],
        within: vec![],
        actions: vec![],
        kid: None,
        issued: None,
        uses: None,
        expires: None,
    }
}

impl Bench {
    async fn new(rules: SessionRules) -> Self {
        let (dir, store) = scratch().await;
        let clock = Arc::new(SetClock {
            wall: AtomicI64::new(START.millis()),
            steady: AtomicU64::new(1_000),
        });
        Self {
            live: Live::new(LEASE, store.clone(), Arc::clone(&clock) as _),
            _dir: dir,
            store,
            clock,
            rules,
        }
    }

    /// Another server on the same store.
    fn another(&self) -> Arc<Live> {
        Live::new(LEASE, self.store.clone(), Arc::clone(&self.clock) as _)
    }

    fn pass(&self, seconds: u64) {
        let to = self.clock.now().plus(Duration::from_secs(seconds));
        self.set(to);
        self.clock.steady.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Sets the clock; no time passes.
    fn set(&self, to: Timestamp) {
        self.clock.wall.store(to.millis(), Ordering::Relaxed);
    }

    /// A request of a session named as `stream/session@device`.
    async fn ask_at(&self, live: &Live, text: &str) -> Result<(), Denied> {
        let (stream, rest) = text.split_once('/').unwrap();
        let (session, device) = rest.split_once('@').unwrap();
        let facts = Facts {
            stream: &format!("live/{stream}").parse().unwrap(),
            ip: Some(format!("192.0.2.{device}").parse().unwrap()),
            headers: &agent(),
        };
        live.admit(&viewer(session), &facts, self.rules).await
    }

    async fn ask(&self, text: &str) -> Result<(), Denied> {
        self.ask_at(&self.live, text).await
    }

    /// Sessions in the store, live or not.
    async fn stored(&self) -> usize {
        let long_ago = Timestamp::from_millis(0);
        let all = self
            .store
            .live_sessions(SessionFilter::default(), (long_ago, long_ago), 100);
        all.await.unwrap().len()
    }
}

#[tokio::test]
async fn a_session_that_is_known_asks_nobody() {
    for rules in [
        SessionRules::default(),
        hard(1),
        soft(1),
        bound(BindIp::Exact),
    ] {
        let bench = Bench::new(rules).await;
        bench.ask("a/one@1").await.unwrap();
        bench.store.close().await;
        for _ in 0..10 {
            bench.pass(600);
            assert_eq!(bench.ask("a/one@1").await, Ok(()), "{rules:?}");
        }
        bench.pass(900);
        let undecided = Denied::Undecided("the store of live sessions is away");
        let (known, new) = (bench.ask("a/one@1").await, bench.ask("a/two@2").await);
        match rules.is_empty() {
            true => assert_eq!((known, new), (Ok(()), Ok(()))),
            false => assert_eq!((known, new), (Err(undecided.clone()), Err(undecided))),
        }
    }
}

#[tokio::test]
async fn limits_hold_and_a_refusal_is_remembered_for_a_moment() {
    let bench = Bench::new(hard(1)).await;
    assert_eq!(bench.ask("a/one@1").await, Ok(()));
    assert_eq!(bench.ask("a/two@2").await, Err(Denied::TooManySessions));
    bench.live.end(&viewer("one")).await.unwrap();
    assert_eq!(
        bench.ask("a/two@2").await,
        Ok(()),
        "a logout frees the slot at once"
    );
    assert_eq!(bench.ask("a/one@1").await, Err(Denied::Displaced));
    bench.store.close().await;
    assert_eq!(bench.ask("a/one@1").await, Err(Denied::Displaced));
    bench.pass(1);
    assert!(matches!(
        bench.ask("a/one@1").await,
        Err(Denied::Undecided(_))
    ));
}

#[tokio::test]
async fn the_newest_wins_after_the_grace_and_the_oldest_hears_of_it() {
    let bench = Bench::new(soft(1)).await;
    let other = bench.another();
    bench.ask("a/one@1").await.unwrap();
    bench.ask_at(&other, "a/two@2").await.unwrap();
    bench.live.write().await.unwrap();
    bench.pass(29);
    assert_eq!(bench.ask("a/one@1").await, Ok(()));
    bench.pass(1);
    assert_eq!(bench.ask("a/one@1").await, Err(Denied::Displaced));
    assert_eq!(bench.ask_at(&other, "a/two@2").await, Ok(()));
}

#[tokio::test]
async fn zapping_over_twenty_channels_and_back_is_never_refused() {
    for rules in [soft(1), hard(1)] {
        let bench = Bench::new(rules).await;
        let servers = [Arc::clone(&bench.live), bench.another()];
        for round in 0..3 {
            for (server, live) in servers.iter().enumerate() {
                for channel in 0..20 {
                    let ask = format!("c{channel}/token{channel}@1");
                    let asked = bench.ask_at(live, &ask).await;
                    assert_eq!(asked, Ok(()), "{rules:?} {round} {server} {channel}");
                }
                live.write().await.unwrap();
            }
        }
        let asked = bench.ask("c19/intruder@1").await;
        assert_eq!(asked.is_err(), rules == hard(1), "the same channel twice");
    }
}

#[tokio::test]
async fn a_session_is_written_behind_and_forgotten_when_its_lease_ends() {
    let bench = Bench::new(SessionRules::default()).await;
    bench.ask("a/one@1").await.unwrap();
    bench.ask("b/two@1").await.unwrap();
    assert_eq!(bench.stored().await, 0);
    let times = || (bench.live.alive(), bench.clock.now());
    bench.live.write().await.unwrap();
    bench.pass(600);
    bench.ask("b/one@1").await.unwrap();
    bench.live.write().await.unwrap();
    let (alive, now) = times();
    let counts = bench.store.viewers(alive, now).await.unwrap();
    assert_eq!(
        counts,
        [("live/b".parse().unwrap(), 2)],
        "the last one watched"
    );
    bench.pass(400);
    bench.live.write().await.unwrap();
    assert_eq!(bench.stored().await, 1);
    assert_eq!(
        bench
            .live
            .sessions
            .watched(bench.live.clock.steady(), bench.live.lease)
            .len(),
        1
    );
}

#[tokio::test]
async fn what_another_server_has_forgotten_is_claimed_again() {
    let bench = Bench::new(hard(1)).await;
    bench.ask("a/one@1").await.unwrap();
    bench.store.put("DELETE FROM live_sessions").await;
    bench.pass(1);
    bench.ask("a/one@1").await.unwrap();
    bench.live.write().await.unwrap();
    let other = bench.another();
    assert_eq!(bench.ask_at(&other, "a/two@2").await, Ok(()));
    assert_eq!(bench.ask("a/one@1").await, Err(Denied::TooManySessions));
}

#[tokio::test]
async fn renewals_wait_while_the_store_is_away() {
    let bench = Bench::new(SessionRules::default()).await;
    bench.ask("a/one@1").await.unwrap();
    bench.store.close().await;
    bench.live.write().await.unwrap_err();
    let waiting = bench
        .live
        .sessions
        .unwritten(bench.live.clock.steady(), bench.live.lease);
    assert_eq!(waiting.len(), 1);
}

#[tokio::test]
async fn the_first_address_binds_here_and_elsewhere() {
    for (bind, near, far) in [(BindIp::Exact, "1", "2"), (BindIp::Network, "2", "2.9")] {
        let bench = Bench::new(bound(bind)).await;
        let other = bench.another();
        bench.ask("a/one@1").await.unwrap();
        for live in [&bench.live, &other] {
            assert_eq!(bench.ask_at(live, &format!("a/one@{near}")).await, Ok(()));
        }
        let far = match far.split_once('.') {
            Some(_) => "198.51.100.2",
            None => "192.0.2.2",
        };
        let facts = Facts {
            stream: &"live/a".parse().unwrap(),
            ip: Some(far.parse().unwrap()),
            headers: &agent(),
        };
        let third = bench.another();
        for live in [&bench.live, &other, &third] {
            let asked = live.admit(&viewer("one"), &facts, bench.rules).await;
            assert_eq!(asked, Err(Denied::WrongAddress), "{bind:?}");
        }
        let nowhere = Facts { ip: None, ..facts };
        let asked = bench
            .live
            .admit(&viewer("new"), &nowhere, bench.rules)
            .await;
        assert_eq!(asked, Err(Denied::WrongAddress));
    }
}

#[tokio::test]
async fn a_stricter_stream_asks_anew() {
    let mut bench = Bench::new(hard(2)).await;
    bench.ask("a/one@1").await.unwrap();
    bench.pass(1);
    bench.ask("a/two@2").await.unwrap();
    bench.rules = hard(1);
    assert_eq!(bench.ask("b/two@2").await, Err(Denied::TooManySessions));
    assert_eq!(bench.ask("b/one@1").await, Ok(()));
    bench.store.close().await;
    bench.rules = hard(2);
    assert_eq!(
        bench.ask("a/one@1").await,
        Ok(()),
        "it holds a slot of fewer"
    );
}

#[tokio::test]
async fn machines_and_probes_are_no_viewers() {
    let bench = Bench::new(hard(1)).await;
    bench.ask("a/one@1").await.unwrap();
    let facts = Facts {
        stream: &"live/a".parse().unwrap(),
        ip: None,
        headers: &agent(),
    };
    for kind in [Kind::Machine, Kind::Probe] {
        let who = Principal {
            kind,
            ..viewer("machine")
        };
        assert_eq!(bench.live.admit(&who, &facts, hard(1)).await, Ok(()));
    }
    let who = Principal {
        kind: Kind::Grant,
        ..viewer("two")
    };
    let asked = bench.live.admit(&who, &facts, hard(1)).await;
    assert_eq!(
        asked,
        Err(Denied::TooManySessions),
        "a grant speaks for its viewer"
    );
}

#[tokio::test]
async fn a_clock_set_back_moves_nobody() {
    let bench = Bench::new(soft(1)).await;
    bench.ask("a/one@1").await.unwrap();
    bench.pass(10);
    bench.ask("a/two@2").await.unwrap();
    bench.live.write().await.unwrap();
    bench.set(START.minus(Duration::from_secs(100_000)));
    assert_eq!(bench.ask("a/one@1").await, Ok(()), "in its grace");
    assert_eq!(bench.ask("a/three@3").await, Ok(()));
    // A server that begins anew knows nothing but the store.
    let again = bench.another();
    assert_eq!(bench.ask_at(&again, "a/two@2").await, Ok(()));
    assert_eq!(
        bench.ask_at(&again, "a/one@1").await,
        Ok(()),
        "in its grace"
    );
    bench.pass(31);
    assert_eq!(
        bench.ask_at(&again, "a/one@1").await,
        Err(Denied::Displaced)
    );
}
