//! The text of sessions: what comes back, what was changed, and how long it lasts.
//!
//! Must not know: what the gate then allows.

use std::time::Duration;

use super::*;
use crate::access::testing::START;
use crate::crypto::MacKey;
use crate::domain::SystemEntropy;

fn sessions(toml: &str) -> Sessions {
    let ring = Arc::new(Ring::new(vec![MacKey::new(&[1; 32])]).unwrap());
    Sessions::new(&toml::from_str(toml).unwrap(), ring).unwrap()
}

fn viewer(life: Option<u64>) -> Principal {
    Principal {
        kind: PrincipalKind::Viewer,
        scheme: "viewers".into(),
        also: Vec::new(),
        subject: "alice".to_owned(),
        session: "s".to_owned(),
        token: "t".to_owned(),
        streams: vec!["live/*".parse().unwrap()],
        within: vec![StreamPattern::any()],
        actions: vec![Action::Deliver, Action::Play, Action::Lease],
        kid: None,
        issued: None,
        address: None,
        uses: None,
        expires: life.map(after),
    }
}

fn after(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn begin(sessions: &Sessions, who: &Principal) -> Begun {
    let source = (START, &SystemEntropy as &dyn Entropy);
    sessions
        .begin((who, Vec::new()), None, None, source)
        .unwrap()
}

#[test]
fn a_session_speaks_for_its_viewer_and_no_packager() {
    let sessions = sessions("");
    let also: Vec<Arc<str>> = vec!["edge".into()];
    let stream: StreamId = "live/a".parse().unwrap();
    let address = Some("192.0.2.7".parse().unwrap());
    let source = (START, &SystemEntropy as &dyn Entropy);
    let begun = sessions
        .begin((&viewer(Some(60)), also), Some(&stream), address, source)
        .unwrap();
    let who = sessions.principal(begun.cookie.expose()).unwrap();
    assert_eq!(who.kind, PrincipalKind::Session);
    assert_eq!((who.subject.as_str(), who.token.as_str()), ("alice", "t"));
    assert_eq!(who.session, begun.id);
    assert!(who.is_vouched_by("viewers") && who.is_vouched_by("edge"));
    assert_eq!(who.actions, Action::VIEWER);
    assert_eq!(who.address, address);
    assert_eq!(who.issued, Some(START));
    assert!(who.covers(&stream) && !who.covers(&"live/b".parse().unwrap()));
    let grant = sessions.principal(begun.grant.expose()).unwrap();
    assert_eq!(grant.kind, PrincipalKind::SessionGrant);
    assert_eq!((grant.session, grant.expires), (who.session, who.expires));
}

#[test]
fn two_sessions_are_two() {
    let sessions = sessions("");
    let ids = [0; 2].map(|_| begin(&sessions, &viewer(None)).id);
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn it_ends_with_its_token_unless_it_may_outlive_it() {
    for (toml, token, expected) in [
        ("life = \"100s\"", Some(60), 60),
        ("life = \"100s\"", Some(200), 100),
        ("life = \"100s\"", None, 100),
        ("life = \"100s\"\noutlive_token = true", Some(60), 100),
    ] {
        let begun = begin(&sessions(toml), &viewer(token));
        assert_eq!(begun.expires, after(expected), "{toml} {token:?}");
    }
}

#[test]
fn it_is_renewed_up_to_its_bound_and_a_grant_is_not() {
    let sessions = sessions("life = \"100s\"\nlongest = \"150s\"");
    let begun = begin(&sessions, &viewer(None));
    let renew = |text: &SecretText, at: u64| {
        let renewed = sessions.renew(text.expose(), after(at));
        renewed.map(|it| it.unwrap())
    };
    let first = renew(&begun.cookie, 20).unwrap();
    assert_eq!((first.expires, &first.id), (after(120), &begun.id));
    assert_eq!(renew(&first.cookie, 90).unwrap().expires, after(150));
    assert!(renew(&begun.grant, 20).is_none());
    assert!(renew(&SecretText::new("x".to_owned()), 20).is_none());
}

#[test]
fn a_change_anywhere_is_refused() {
    let sessions = sessions("");
    let text = begin(&sessions, &viewer(None)).cookie;
    for at in 0..text.expose().len() {
        let mut bytes = text.expose().as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(sessions.principal(&changed).is_err(), "{at}");
        assert!(sessions.principal(&text.expose()[..at]).is_err(), "{at}");
    }
}

#[test]
fn what_no_cookie_holds_is_refused() {
    let sessions = sessions("");
    let streams = (0..250).map(|at| format!("live/{at:060}").parse().unwrap());
    let who = Principal {
        streams: streams.collect(),
        ..viewer(None)
    };
    let source = (START, &SystemEntropy as &dyn Entropy);
    let begun = sessions.begin((&who, Vec::new()), None, None, source);
    assert_eq!(begun.unwrap_err(), TooLong);
}

#[test]
fn mistakes_are_named() {
    let ring = Arc::new(Ring::new(vec![MacKey::new(&[1; 32])]).unwrap());
    for (toml, expected) in [
        ("life = \"0s\"", SessionsFault::Life),
        ("life = \"2h\"\nlongest = \"1h\"", SessionsFault::Life),
        (
            "domain = \"a;b.c\"",
            SessionsFault::Domain("a;b.c".to_owned()),
        ),
        (
            "domain = \"local\"",
            SessionsFault::Domain("local".to_owned()),
        ),
    ] {
        let made = Sessions::new(&toml::from_str(toml).unwrap(), Arc::clone(&ring));
        assert_eq!(made.unwrap_err(), expected);
    }
}
