//! Every action and principal at the gate, each refusal beside what is allowed.
//!
//! Must not know: how a token is verified.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::access::grant::{Grant, GrantKind};
use crate::access::testing::{Bench, START, Sent, in_query};
use crate::access::{Lease, Play, Progress, Read, Register, Rotate};
use crate::crypto::SecretText;
use crate::domain::{Action, Kid, PeriodState, PrincipalKind};

fn stream(text: &str) -> StreamId {
    text.parse().unwrap()
}

fn kid(fill: u8) -> Kid {
    Kid::from_bytes([fill; 16])
}

fn key(fill: u8, of: &str) -> KeyFacts {
    KeyFacts {
        kid: kid(fill),
        stream: stream(of),
        state: PeriodState::Active,
    }
}

fn machine(actions: &[Action]) -> Principal {
    let streams: Vec<_> = vec!["live/*".parse().unwrap()];
    Principal {
        kind: PrincipalKind::Machine,
        scheme: "api_key".into(),
        also: Vec::new(),
        subject: "machine".to_owned(),
        session: "s1".to_owned(),
        token: "t1".to_owned(),
        within: streams.clone(),
        streams,
        actions: actions.to_vec(),
        kid: None,
        issued: None,
        address: None,
        uses: None,
        expires: None,
    }
}

fn viewer(subject: &str) -> Admitted {
    Gate::assume(Principal {
        kind: PrincipalKind::Viewer,
        subject: subject.to_owned(),
        expires: Some(START.plus(Duration::from_secs(60))),
        ..machine(&Action::VIEWER)
    })
}

/// Only alice, and only live/a.
async fn alice_alone() -> Bench {
    let entitlement = json!({"source": "static", "viewers": [
        {"subject": "alice", "streams": ["live/a"]},
    ]});
    let entitlement = toml::to_string(&json!({"entitlement": entitlement})).unwrap();
    Bench::new(&entitlement).await
}

async fn deliver(bench: &Bench, who: &Admitted, key: &KeyFacts) -> Result<(), Denied> {
    deliver_if(bench, who, Some(key)).await
}

async fn deliver_if(bench: &Bench, who: &Admitted, key: Option<&KeyFacts>) -> Result<(), Denied> {
    bench.deliver(who, key).await.map(drop)
}

async fn play(bench: &Bench, who: &Admitted, name: &str) -> Result<Permit<Play>, Denied> {
    bench.play(who, &stream(name)).await
}

async fn admitted(bench: &Bench, grant: &SecretText) -> Admitted {
    bench.gate.admit(&in_query(grant).shown()).await.unwrap()
}

#[tokio::test]
async fn each_action_is_its_own() {
    let bench = Bench::open().await;
    let here = stream("live/a");
    for held in Action::ALL {
        let who = &Gate::assume(machine(&[held]));
        let gate = &bench.gate;
        let outcomes = [
            (
                Action::Deliver,
                deliver(&bench, who, &key(1, "live/a")).await,
            ),
            (Action::Play, play(&bench, who, "live/a").await.map(drop)),
            (
                Action::Register,
                gate.manage::<Register>(who, &here).map(drop),
            ),
            (Action::Read, gate.manage::<Read>(who, &here).map(drop)),
            (Action::Lease, gate.manage::<Lease>(who, &here).map(drop)),
            (Action::Rotate, gate.manage::<Rotate>(who, &here).map(drop)),
            (
                Action::Progress,
                gate.manage::<Progress>(who, &here).map(drop),
            ),
            (
                Action::Operate,
                gate.operate(who, Some(&key(1, "live/a"))).map(drop),
            ),
        ];
        for (asked, outcome) in outcomes {
            let expected = match asked == held {
                true => Ok(()),
                false => Err(Denied::WrongAction(asked)),
            };
            assert_eq!(outcome, expected, "{held} asked for {asked}");
        }
    }
}

#[tokio::test]
async fn other_streams_are_refused() {
    let bench = Bench::open().await;
    let who = Gate::assume(machine(&Action::ALL));
    let there = stream("vod/a");
    let refused = Some(Denied::WrongStream);
    assert_eq!(play(&bench, &who, "vod/a").await.err(), refused);
    assert_eq!(bench.gate.manage::<Lease>(&who, &there).err(), refused);
    let outcome = deliver(&bench, &who, &key(1, "vod/a")).await;
    assert_eq!(outcome, Err(Denied::UnknownKey));
    for key in [Some(&key(1, "vod/a")), None] {
        assert_eq!(
            bench.gate.operate(&who, key).err(),
            Some(Denied::UnknownKey)
        );
    }
}

#[tokio::test]
async fn delivery_is_decided_in_a_fixed_order() {
    let bench = alice_alone().await;
    let gone = KeyFacts {
        state: PeriodState::Retired,
        ..key(1, "live/a")
    };
    let foreign_and_gone = KeyFacts {
        stream: stream("vod/a"),
        ..gone.clone()
    };
    let packager = Gate::assume(machine(&Action::PACKAGER));
    let cases = [
        (&packager, None, Err(Denied::WrongAction(Action::Deliver))),
        (
            &packager,
            Some(key(1, "live/a")),
            Err(Denied::WrongAction(Action::Deliver)),
        ),
        (&viewer("alice"), None, Err(Denied::UnknownKey)),
        (
            &viewer("alice"),
            Some(foreign_and_gone),
            Err(Denied::UnknownKey),
        ),
        (&viewer("bob"), Some(gone.clone()), Err(Denied::NotEntitled)),
        (&viewer("alice"), Some(gone), Err(Denied::KeyGone)),
        (&viewer("alice"), Some(key(1, "live/a")), Ok(())),
    ];
    for (who, key, expected) in cases {
        let outcome = deliver_if(&bench, who, key.as_ref()).await;
        assert_eq!(outcome, expected, "{key:?}");
    }
}

#[tokio::test]
async fn pending_and_active_keys_are_delivered_and_no_others() {
    use PeriodState::{Active, Destroyed, Pending, Retired, Revoked};
    let bench = Bench::open().await;
    for state in [Pending, Active, Retired, Revoked, Destroyed] {
        let key = KeyFacts {
            state,
            ..key(1, "live/a")
        };
        let delivered = deliver(&bench, &viewer("alice"), &key).await.is_ok();
        assert_eq!(delivered, matches!(state, Pending | Active), "{state:?}");
    }
}

#[tokio::test]
async fn a_permit_says_what_it_is_for() {
    let bench = Bench::open().await;
    let who = viewer("alice");
    let permit = bench.deliver(&who, Some(&key(1, "live/a"))).await.unwrap();
    assert_eq!((permit.kid(), permit.stream()), (kid(1), &stream("live/a")));
    assert_eq!(permit.expires(), who.principal().expires);
    assert_eq!((permit.subject(), permit.session()), ("alice", "s1"));
}

#[tokio::test]
async fn the_entitled_alone_watch() {
    let bench = alice_alone().await;
    for (subject, name, expected) in [
        ("alice", "live/a", Ok(())),
        ("alice", "live/b", Err(Denied::NotEntitled)),
        ("bob", "live/a", Err(Denied::NotEntitled)),
    ] {
        let who = viewer(subject);
        let played = play(&bench, &who, name).await.map(drop);
        assert_eq!(played, expected, "{subject} {name}");
        let delivered = deliver(&bench, &who, &key(1, name)).await;
        assert_eq!(delivered, expected, "{subject} {name}");
    }
}

/// An entitlement that ends takes the grants written under it along.
#[tokio::test]
async fn grants_and_machines_need_the_entitlement_too() {
    let bench = alice_alone().await;
    let grant = |subject: &str| Grant {
        kind: GrantKind::Key(kid(1)),
        expires: START.plus(Duration::from_secs(60)),
        issued: None,
        scheme: "viewers".to_owned(),
        subject: subject.to_owned(),
        session: "s1".to_owned(),
        token: "t1".to_owned(),
        address: None,
        stream: stream("live/a"),
    };
    for (subject, expected) in [("alice", Ok(())), ("bob", Err(Denied::NotEntitled))] {
        let text = bench.gate.grants().sign(&grant(subject));
        let who = admitted(&bench, &text).await;
        assert_eq!(deliver(&bench, &who, &key(1, "live/a")).await, expected);
        let named = Gate::assume(Principal {
            subject: subject.to_owned(),
            ..machine(&Action::ALL)
        });
        assert_eq!(deliver(&bench, &named, &key(1, "live/a")).await, expected);
    }
}

/// An admission outlives its credential when a request waits, as a long poll does.
#[tokio::test]
async fn time_goes_on_after_admission() {
    let bench = Bench::open().await;
    let who = viewer("alice");
    bench.clock.set(START.plus(Duration::from_millis(59_999)));
    assert_eq!(deliver(&bench, &who, &key(1, "live/a")).await, Ok(()));
    bench.clock.set(START.plus(Duration::from_secs(60)));
    let over = Denied::from(Fault::Expired);
    assert_eq!(deliver(&bench, &who, &key(1, "live/a")).await, Err(over));
}

/// A long poll's permit is older than its answer.
#[tokio::test]
async fn a_permit_that_waited_ends_with_its_credential() {
    let bench = Bench::open().await;
    let packager = Gate::assume(Principal {
        expires: Some(START.plus(Duration::from_secs(60))),
        ..machine(&Action::PACKAGER)
    });
    let here = stream("live/a");
    let permit = bench.gate.manage::<Lease>(&packager, &here).unwrap();
    bench.clock.set(START.plus(Duration::from_millis(59_999)));
    assert_eq!(bench.gate.recheck(&permit), Ok(()));
    bench.clock.set(START.plus(Duration::from_secs(60)));
    let over = Denied::from(Fault::Expired);
    assert_eq!(bench.gate.recheck(&permit), Err(over));
}

#[tokio::test]
async fn a_play_grant_opens_its_streams_playlists_and_nothing_else() {
    let bench = Bench::open().await;
    let permit = play(&bench, &viewer("alice"), "live/a").await.unwrap();
    let who = admitted(&bench, &bench.gate.grants().for_play(&permit)).await;
    assert_eq!(who.principal().kind, PrincipalKind::Grant);
    let again = play(&bench, &who, "live/a").await.unwrap();
    assert_eq!(again.grants_end(), permit.grants_end());
    let other = play(&bench, &who, "live/b").await;
    assert_eq!(other.err(), Some(Denied::WrongStream));
    let refused = Err(Denied::WrongAction(Action::Deliver));
    assert_eq!(deliver(&bench, &who, &key(1, "live/a")).await, refused);
    let lease = bench.gate.manage::<Lease>(&who, &stream("live/a"));
    assert_eq!(lease.err(), Some(Denied::WrongAction(Action::Lease)));

    // The text is the same however often it is passed on.
    let grants = bench.gate.grants();
    assert_eq!(grants.for_play(&again), grants.for_play(&permit));
    assert_eq!(
        grants.for_key(&again, kid(1)),
        grants.for_key(&permit, kid(1))
    );
}

#[tokio::test]
async fn a_key_grant_opens_one_key_of_one_stream() {
    let bench = Bench::open().await;
    let permit = play(&bench, &viewer("alice"), "live/a").await.unwrap();
    let who = admitted(&bench, &bench.gate.grants().for_key(&permit, kid(1))).await;
    for (key, expected) in [
        (key(1, "live/a"), Ok(())),
        (key(2, "live/a"), Err(Denied::UnknownKey)),
        (key(1, "live/b"), Err(Denied::UnknownKey)),
    ] {
        assert_eq!(deliver(&bench, &who, &key).await, expected, "{key:?}");
    }
    let played = play(&bench, &who, "live/a").await;
    assert_eq!(played.err(), Some(Denied::WrongAction(Action::Play)));
}

#[tokio::test]
async fn a_grant_ends_with_the_token_behind_it() {
    let bench = Bench::open().await;
    let permit = play(&bench, &viewer("alice"), "live/a").await.unwrap();
    let grant = bench.gate.grants().for_key(&permit, kid(1));
    bench.clock.set(START.plus(Duration::from_millis(59_999)));
    assert!(bench.gate.admit(&in_query(&grant).shown()).await.is_ok());
    bench.clock.set(START.plus(Duration::from_secs(60)));
    let found = bench
        .gate
        .admit(&in_query(&grant).shown())
        .await
        .unwrap_err();
    assert_eq!(found, Denied::from(Fault::Expired));
}

#[tokio::test]
async fn the_grants_of_an_endless_key_end_all_the_same() {
    let bench = Bench::open().await;
    let who = Gate::assume(machine(&Action::VIEWER));
    let end = async || {
        let permit = play(&bench, &who, "live/a").await.unwrap();
        permit.grants_end().since(bench.clock.now())
    };
    let day = Duration::from_secs(24 * 3600);
    let first = end().await;
    assert!(first > day && first <= 2 * day, "{first:?}");
    bench.clock.advance(first - day - Duration::from_millis(1));
    assert_eq!(end().await, day + Duration::from_millis(1));
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(end().await, 2 * day);
}

/// No viewer stands behind a probe; a key grant of the same facts needs the entitlement.
#[tokio::test]
async fn a_probe_needs_no_entitlement() {
    let bench = alice_alone().await;
    let packager = Gate::assume(machine(&Action::PACKAGER));
    let lease = bench
        .gate
        .manage::<Lease>(&packager, &stream("live/a"))
        .unwrap();
    let probe = bench.gate.grants().probe(&lease, kid(1), bench.clock.now());
    let who = admitted(&bench, &probe).await;
    for (key, expected) in [
        (key(1, "live/a"), Ok(())),
        (key(2, "live/a"), Err(Denied::UnknownKey)),
        (key(1, "live/b"), Err(Denied::UnknownKey)),
    ] {
        assert_eq!(deliver(&bench, &who, &key).await, expected, "{key:?}");
    }
    bench.clock.advance(Duration::from_secs(2 * 3600));
    assert!(bench.gate.admit(&in_query(&probe).shown()).await.is_err());
}

#[tokio::test]
async fn a_token_for_another_address_makes_room_for_a_good_one() {
    let bench = Bench::new("[entitlement]\nsource = \"allow\"").await;
    let at = |address: Option<&str>| {
        Gate::assume(Principal {
            address: address.and_then(|text| text.parse().ok()),
            ..viewer("alice").principal().clone()
        })
    };
    let (elsewhere, free) = (at(Some("198.51.100.9")), at(None));
    let sent = Sent::default();
    let shown = sent.shown();
    let key = key(1, "live/a");
    let ask = async |tokens: &[&Admitted]| {
        let caller = bench.gate.caller(tokens);
        let permit = bench.gate.deliver(&caller, &shown, Some(&key)).await;
        permit.map(|permit| permit.principal().address)
    };
    assert_eq!(ask(&[&elsewhere]).await, Err(Denied::WrongAddress));
    assert_eq!(ask(&[&elsewhere, &free]).await, Ok(None));
    assert_eq!(ask(&[&free, &elsewhere]).await, Ok(None));
}
