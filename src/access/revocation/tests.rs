//! Revocations at the gate: whom each kind refuses, whom it does not, and what is said when the news
//! are old.
//!
//! Must not know: how a revocation is made.

use std::time::Duration;

use super::*;
use crate::access::testing::{Bench, START};
use crate::access::{Gate, Lease};
use crate::domain::{Action, KeyFacts, Kid, PeriodState, StreamId};
use crate::store::{Heed as _, Maker, NewRevocation, Revoking};

/// A clock like the bench's whose uptime a test moves.
struct Uptime(AtomicU64);

impl Clock for Uptime {
    fn now(&self) -> Timestamp {
        START
    }

    fn steady(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

fn seconds_later(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

/// Alice's, of the scheme `team-a`, issued at [`START`].
fn alice() -> Principal {
    let streams = vec!["live/*".parse().unwrap()];
    Principal {
        kind: PrincipalKind::Viewer,
        scheme: "team-a".into(),
        also: Vec::new(),
        subject: "alice".to_owned(),
        session: "evening".to_owned(),
        token: "t-1".to_owned(),
        within: streams.clone(),
        streams,
        actions: Action::ALL.to_vec(),
        kid: None,
        issued: Some(START),
        address: None,
        uses: None,
        expires: None,
    }
}

fn revocation(revoked: Revoked) -> NewRevocation {
    NewRevocation {
        revoked,
        scheme: None,
        until: None,
        maker: Maker::Operator("operator".to_owned()),
        note: String::new(),
    }
}

fn viewer(name: &str) -> Revoked {
    Revoked::Viewer(name.to_owned())
}

/// What a list of this one revocation says to `who`.
fn judged(new: NewRevocation, who: &Principal, now: Timestamp) -> Option<&'static str> {
    let row = RevocationRow {
        id: "1".to_owned(),
        made: START,
        says: new,
    };
    List::new(vec![row]).revoking(who, now)
}

async fn revoke(store: &Store, id: &str, new: &NewRevocation) {
    let made = store.add_revocation(id, new, START).await.unwrap();
    assert_eq!(made, Revoking::Made(id.to_owned()));
}

#[test]
fn each_kind_refuses_its_own() {
    let name = |name: &str| name.to_owned();
    let cases = [
        (viewer("alice"), Some("viewer")),
        (viewer("alicf"), None),
        (viewer("evening"), None),
        (Revoked::Session(name("evening")), Some("session")),
        (Revoked::Session(name("t-1")), None),
        (Revoked::Token(name("t-1")), Some("token")),
        (Revoked::Token(name("alice")), None),
        (Revoked::Before(seconds_later(1)), Some("before")),
        (Revoked::Before(START), None),
    ];
    for (revoked, expected) in cases {
        let said = judged(revocation(revoked.clone()), &alice(), START);
        assert_eq!(said, expected, "{revoked:?}");
    }
}

#[test]
fn what_does_not_say_when_it_was_issued_may_be_older() {
    let undated = Principal {
        issued: None,
        ..alice()
    };
    let long_ago = Revoked::Before(Timestamp::from_millis(1));
    assert_eq!(judged(revocation(long_ago.clone()), &alice(), START), None);
    let said = judged(revocation(long_ago), &undated, START);
    assert_eq!(said, Some("before"));
}

#[test]
fn a_scheme_has_viewers_of_its_own() {
    let of_team = |scheme: &str| NewRevocation {
        scheme: Some(scheme.to_owned()),
        ..revocation(viewer("alice"))
    };
    let grant = |scheme: &str| Principal {
        kind: PrincipalKind::Grant,
        scheme: scheme.into(),
        ..alice()
    };
    let cases = [
        (alice(), Some("viewer"), None),
        (grant("team-a"), Some("viewer"), None),
        (grant("team-b"), None, Some("viewer")),
        (grant("grant"), None, None),
    ];
    for (who, by_a, by_b) in cases {
        assert_eq!(judged(of_team("team-a"), &who, START), by_a, "{who:?}");
        assert_eq!(judged(of_team("team-b"), &who, START), by_b, "{who:?}");
    }
}

#[test]
fn one_that_ends_has_ended_then_and_stands_again_when_the_clock_is_set_back() {
    let new = NewRevocation {
        until: Some(seconds_later(60)),
        ..revocation(viewer("alice"))
    };
    let row = RevocationRow {
        id: "1".to_owned(),
        made: START,
        says: new,
    };
    let list = List::new(vec![row]);
    let at = |seconds| list.revoking(&alice(), seconds_later(seconds));
    let said = [59, 60, 61, 3600, 1].map(at);
    assert_eq!(said, [Some("viewer"), None, None, None, Some("viewer")]);
    let long_ago = Timestamp::from_millis(0);
    assert_eq!(list.revoking(&alice(), long_ago), Some("viewer"));
}

#[tokio::test]
async fn viewers_and_their_grants_are_refused_at_every_door_and_nobody_else() {
    let bench = Bench::open().await;
    let stream: StreamId = "live/a".parse().unwrap();
    let key = KeyFacts {
        kid: Kid::from_bytes([1; 16]),
        stream: stream.clone(),
        state: PeriodState::Active,
    };
    revoke(&bench.store, "1", &revocation(viewer("alice"))).await;
    bench
        .gate
        .heed(&News::Changes(vec![Change::Revoked("1".to_owned())]))
        .await
        .unwrap();
    let refused = |kind| match kind {
        PrincipalKind::Viewer
        | PrincipalKind::Session
        | PrincipalKind::Grant
        | PrincipalKind::SessionGrant => Some(Denied::Revoked("viewer")),
        PrincipalKind::Probe | PrincipalKind::Machine => None,
    };
    for kind in [
        PrincipalKind::Viewer,
        PrincipalKind::Session,
        PrincipalKind::Grant,
        PrincipalKind::SessionGrant,
        PrincipalKind::Probe,
        PrincipalKind::Machine,
    ] {
        let who = Gate::assume(Principal { kind, ..alice() });
        let bob = Gate::assume(Principal {
            kind,
            subject: "bob".to_owned(),
            ..alice()
        });
        let gate = &bench.gate;
        assert_eq!(bench.deliver(&who, Some(&key)).await.err(), refused(kind));
        assert_eq!(bench.play(&who, &stream).await.err(), refused(kind));
        assert_eq!(gate.manage::<Lease>(&who, &stream).err(), refused(kind));
        assert!(bench.deliver(&bob, Some(&key)).await.is_ok(), "{kind:?}");
        assert!(bench.play(&bob, &stream).await.is_ok(), "{kind:?}");
    }
}

#[tokio::test]
async fn without_news_nobody_is_let_in_for_long() {
    let bench = Bench::open().await;
    let clock = Arc::new(Uptime(AtomicU64::new(100)));
    let revocations = Revocations::new(bench.store.clone(), Arc::clone(&clock) as _);
    let check = |who: &Principal| revocations.check(who, START);
    let machine = Principal {
        kind: PrincipalKind::Machine,
        ..alice()
    };
    bench.store.freshness().told(clock.steady());
    let unloaded = Denied::Undecided("revocations are not loaded");
    assert_eq!(check(&alice()), Err(unloaded));
    revocations.heed(&News::Lost).await.unwrap();
    assert_eq!(check(&alice()), Ok(()));
    let bound = bench.store.freshness().stale_after().as_secs();
    clock.0.store(100 + bound, Ordering::Relaxed);
    assert_eq!(check(&alice()), Ok(()));
    clock.0.store(101 + bound, Ordering::Relaxed);
    let stale = Denied::Undecided("revocations may have been missed");
    assert_eq!(check(&alice()), Err(stale));
    assert_eq!(check(&machine), Ok(()));
    bench.store.freshness().told(clock.steady());
    assert_eq!(check(&alice()), Ok(()));
}

#[tokio::test]
async fn other_news_read_nothing_and_of_many_readings_none_is_missed() {
    let bench = Bench::open().await;
    let clock = Arc::new(Uptime(AtomicU64::new(0)));
    let revocations = Revocations::new(bench.store.clone(), clock);
    let other = News::Changes(vec![Change::Key(Kid::from_bytes([1; 16]))]);
    revocations.heed(&other).await.unwrap();
    assert!(revocations.lists.load().is_none());
    let names: Vec<String> = (0..40).map(|at| format!("viewer-{at}")).collect();
    let all = names.iter().map(|name| async {
        revoke(&bench.store, name, &revocation(viewer(name))).await;
        revocations.read().await.unwrap();
        let who = Principal {
            subject: name.clone(),
            ..alice()
        };
        assert_eq!(
            revocations.check(&who, START),
            Err(Denied::Revoked("viewer"))
        );
    });
    futures_util::future::join_all(all).await;
    let first = revocations.lists.load_full();
    revocations.heed(&other).await.unwrap();
    assert!(Arc::ptr_eq(
        &first.unwrap(),
        &revocations.lists.load_full().unwrap()
    ));
}

#[tokio::test]
async fn one_more_is_read_alone_and_many_or_fewer_are_read_with_all() {
    let bench = Bench::open().await;
    let clock = Arc::new(Uptime(AtomicU64::new(0)));
    let revocations = Revocations::new(bench.store.clone(), clock);
    revocations.read().await.unwrap();
    let whole = || Arc::clone(&revocations.lists.load_full().unwrap().all);
    let refuses = |name: &str| {
        let who = Principal {
            subject: name.to_owned(),
            ..alice()
        };
        revocations.check(&who, START).is_err()
    };
    let first = whole();
    let news = |ids: &[String]| News::Changes(ids.iter().cloned().map(Change::Revoked).collect());
    let names: Vec<String> = (0..=MOST_RECENT).map(|at| format!("{at:03}")).collect();
    for name in &names {
        revoke(&bench.store, name, &revocation(viewer(name))).await;
    }
    assert!(!refuses("000"));
    // What is told again, or was lifted meanwhile, is no more than it was.
    let told = [&names[..2], &names[1..2], &["lifted".to_owned()]].concat();
    revocations.heed(&news(&told)).await.unwrap();
    assert!(refuses("000") && refuses("001") && !refuses("002"));
    revocations
        .heed(&news(&names[..MOST_RECENT]))
        .await
        .unwrap();
    assert!(Arc::ptr_eq(&first, &whole()) && refuses("255") && !refuses("256"));
    revocations
        .heed(&news(&names[MOST_RECENT..]))
        .await
        .unwrap();
    assert!(!Arc::ptr_eq(&first, &whole()));
    assert!(names.iter().all(|name| refuses(name)));
    assert!(bench.store.remove_revocation("000").await.unwrap());
    let lifted = vec![Change::Revoked("001".to_owned()), Change::Revocations];
    revocations.heed(&News::Changes(lifted)).await.unwrap();
    assert!(!refuses("000") && refuses("001"));
}
