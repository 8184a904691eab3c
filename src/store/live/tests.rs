//! Slots under every limit, on whichever database the run has.
//!
//! Must not know: a server.

mod notes;

use futures_util::future::join_all;

use super::*;
use crate::store::testing::{Scratch, scratch};

const LEASE: Duration = Duration::from_secs(900);
const GRACE: Duration = Duration::from_secs(30);
const START: i64 = 1_800_000_000_000;

/// A store, and a viewer's sessions at a moment.
struct Bench {
    _dir: Scratch,
    store: Store,
    now: Timestamp,
    slots: Option<Slots>,
}

/// A session named by what it is: `stream/session@device`.
fn parts(text: &str) -> (SessionName, Watching) {
    let (stream, rest) = text.split_once('/').unwrap();
    let (session, device) = rest.split_once('@').unwrap();
    let device: u8 = device.parse().unwrap();
    let at = Watching {
        stream: format!("live/{stream}").parse().unwrap(),
        address: Some(IpAddr::from([192, 0, 2, device])),
        device: device.into(),
    };
    (of("alice", session), at)
}

fn of(subject: &str, session: &str) -> SessionName {
    SessionName {
        scheme: "viewers".into(),
        subject: subject.to_owned(),
        session: session.to_owned(),
    }
}

impl Bench {
    async fn new(max: u32, grace: Option<Duration>) -> Self {
        let (dir, store) = scratch().await;
        Self {
            _dir: dir,
            store,
            now: Timestamp::from_millis(START),
            slots: Some(Slots { max, grace }),
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    async fn claimed(&self, text: &str) -> Claimed {
        let (name, at) = parts(text);
        let claim = Claim {
            at: &at,
            slots: self.slots,
            is_near: &|_| true,
            now: self.now,
            lease: LEASE,
        };
        self.store.claim_session(&name, &claim).await.unwrap()
    }

    /// In short: what became of it, and whom it displaced.
    async fn claim(&self, text: &str) -> String {
        match self.claimed(text).await {
            Claimed::Held(held) => {
                let over = |over: Timestamp| over.since(self.now).as_secs();
                let mut said = held
                    .over
                    .map_or("held".to_owned(), |at| format!("until {}", over(at)));
                for (session, at) in held.displaced {
                    said += &format!(" {session} {}", over(at));
                }
                said
            }
            other => format!("{other:?}").to_lowercase(),
        }
    }

    fn sighting<'a>(&self, name: &'a SessionName, at: &Watching) -> Sighting<'a> {
        Sighting {
            name,
            at: Arc::new(at.clone()),
            home: at.address,
            started: self.now,
            seen: self.now,
        }
    }

    /// The live sessions.
    async fn live(&self) -> Vec<String> {
        let times = (self.now.minus(LEASE), self.now);
        let all = self
            .store
            .live_sessions(SessionFilter::default(), times, 100);
        let all = all.await.unwrap().into_iter();
        all.map(|row| row.name.session).collect()
    }
}

#[tokio::test]
async fn a_hard_limit_refuses_the_newest_until_a_slot_is_free() {
    let mut bench = Bench::new(2, None).await;
    assert_eq!(bench.claim("a/one@1").await, "held");
    assert_eq!(bench.claim("a/two@2").await, "held");
    assert_eq!(bench.claim("a/three@3").await, "full");
    assert_eq!(bench.claim("a/one@1").await, "held", "it is renewed");
    assert_eq!(bench.live().await, ["one", "two"]);
    bench
        .store
        .end_session("viewers", "one", bench.now)
        .await
        .unwrap();
    assert_eq!(bench.claim("a/three@3").await, "held");
    assert_eq!(bench.claim("a/one@1").await, "displaced");
    bench.pass(901);
    assert_eq!(
        bench.claim("a/one@1").await,
        "held",
        "their leases have ended"
    );
    assert_eq!(bench.claim("a/four@4").await, "held");
    assert_eq!(bench.claim("a/two@2").await, "full");
}

#[tokio::test]
async fn a_soft_limit_gives_the_oldest_its_grace() {
    let mut bench = Bench::new(1, Some(GRACE)).await;
    assert_eq!(bench.claim("a/one@1").await, "held");
    bench.pass(10);
    assert_eq!(bench.claim("a/two@2").await, "held one 30");
    bench.pass(10);
    assert_eq!(bench.claim("a/one@1").await, "until 20");
    assert_eq!(bench.live().await, ["one", "two"]);
    let since = bench
        .store
        .displaced_since(Timestamp::from_millis(START + 10_000));
    let over = Timestamp::from_millis(START + 40_000);
    assert_eq!(since.await.unwrap(), [(of("alice", "one"), over)]);
    let later = bench
        .store
        .displaced_since(Timestamp::from_millis(START + 10_001));
    assert_eq!(later.await.unwrap(), []);
    bench.pass(20);
    assert_eq!(bench.claim("a/one@1").await, "displaced");
    assert_eq!(bench.live().await, ["two"]);
    bench
        .store
        .end_session("viewers", "two", bench.now)
        .await
        .unwrap();
    assert_eq!(
        bench.claim("a/one@1").await,
        "held",
        "the slot is free again"
    );
    assert_eq!(bench.claim("a/three@3").await, "held one 30");
}

#[tokio::test]
async fn zapping_takes_the_slot_along_and_two_on_one_stream_are_two() {
    let bench = Bench::new(1, None).await;
    assert_eq!(bench.claim("a/a@1").await, "held");
    assert_eq!(bench.claim("b/b@1").await, "held a 0");
    assert_eq!(bench.claim("a/a@1").await, "held b 0", "and back");
    assert_eq!(bench.claim("a/other@1").await, "full", "the same stream");
    assert_eq!(bench.claim("b/other@2").await, "full", "another device");
    assert_eq!(bench.live().await, ["a"]);
}

#[tokio::test]
async fn a_limit_that_is_lowered_leaves_as_many_as_it_says() {
    for (grace, left) in [(None, "one"), (Some(GRACE), "three")] {
        let mut bench = Bench::new(3, grace).await;
        for session in ["a/one@1", "a/two@2", "a/three@3"] {
            assert_eq!(bench.claim(session).await, "held");
            bench.pass(1);
        }
        bench.slots = Some(Slots { max: 1, grace });
        for session in ["a/one@1", "a/two@2", "a/three@3"] {
            bench.claim(session).await;
        }
        bench.pass(31);
        assert_eq!(bench.live().await, [left], "{grace:?}");
        assert_eq!(bench.claim(&format!("a/{left}@1")).await, "held");
    }
}

#[tokio::test]
async fn a_race_for_the_last_slots_has_as_many_winners() {
    let bench = Bench::new(3, None).await;
    let names: Vec<_> = (0..12).map(|n| format!("a/s{n}@{n}")).collect();
    let outcomes = join_all(names.iter().map(|name| bench.claim(name))).await;
    assert_eq!(outcomes.iter().filter(|one| *one == "held").count(), 3);
    assert_eq!(outcomes.iter().filter(|one| *one == "full").count(), 9);
    assert_eq!(bench.live().await.len(), 3);
}

#[tokio::test]
async fn other_viewers_and_schemes_have_slots_of_their_own() {
    let bench = Bench::new(1, None).await;
    assert_eq!(bench.claim("a/one@1").await, "held");
    let (_, at) = parts("a/one@1");
    let claim = Claim {
        at: &at,
        slots: bench.slots,
        is_near: &|_| true,
        now: bench.now,
        lease: LEASE,
    };
    let mut other = of("bob", "one");
    for _ in 0..2 {
        let claimed = bench.store.claim_session(&other, &claim).await.unwrap();
        assert!(matches!(claimed, Claimed::Held(_)), "{claimed:?}");
        other = SessionName {
            scheme: "others".into(),
            ..of("alice", "one")
        };
    }
}

#[tokio::test]
async fn the_first_address_is_kept_and_binds() {
    let mut bench = Bench::new(1, None).await;
    let claim = async |bench: &Bench, device: u8, now| {
        let (name, at) = parts(&format!("a/one@{device}"));
        let is_near = |home| home == IpAddr::from([192, 0, 2, device]);
        let claim = Claim {
            at: &at,
            slots: None,
            is_near: &is_near,
            now,
            lease: LEASE,
        };
        bench.store.claim_session(&name, &claim).await.unwrap()
    };
    assert!(matches!(
        claim(&bench, 1, bench.now).await,
        Claimed::Held(_)
    ));
    assert_eq!(claim(&bench, 2, bench.now).await, Claimed::Elsewhere);
    let (name, at) = parts("a/one@9");
    bench
        .store
        .renew_sessions(&[bench.sighting(&name, &at)])
        .await
        .unwrap();
    assert_eq!(
        claim(&bench, 9, bench.now).await,
        Claimed::Elsewhere,
        "the last does not"
    );
    let Claimed::Held(held) = claim(&bench, 1, bench.now).await else {
        panic!("from home");
    };
    assert_eq!(held.home, Some(IpAddr::from([192, 0, 2, 1])));
    bench.pass(900);
    assert!(matches!(
        claim(&bench, 2, bench.now).await,
        Claimed::Held(_)
    ));
}

#[tokio::test]
async fn a_clock_that_goes_back_takes_the_sessions_along() {
    let mut bench = Bench::new(1, Some(GRACE)).await;
    bench.pass(100_000);
    assert_eq!(bench.claim("a/one@1").await, "held");
    bench.pass(60);
    assert_eq!(bench.claim("a/two@2").await, "held one 30");
    bench.now = Timestamp::from_millis(START);
    assert_eq!(
        bench.claim("a/one@1").await,
        "until 30",
        "as it was when the clock went back"
    );
    assert_eq!(
        bench.claim("a/three@3").await,
        "held two 30",
        "the older of two"
    );
    bench.pass(901);
    assert_eq!(
        bench.live().await,
        [""; 0],
        "nobody is live for longer than a lease"
    );
}

#[tokio::test]
async fn claims_wait_for_no_others_viewer() {
    let bench = Bench::new(1, None).await;
    if matches!(bench.store.backend, crate::store::Backend::Sqlite(_)) {
        return; // it has one writer
    }
    let held = bench
        .store
        .write(Lock::Viewer(&of("bob", "x")))
        .await
        .unwrap();
    assert_eq!(bench.claim("a/one@1").await, "held");
    drop(held);
}
