//! The text of grants: vectors, tampering, bounds, and what permits put into them.
//!
//! Must not know: what the gate then allows.

use proptest::prelude::*;

use super::*;
use crate::access::AccessConfigError;
use crate::access::testing::{Bench, START};
use crate::access::{Lease, Permit, Play};
use crate::crypto::MacKey;
use crate::domain::Action;

fn ring(fills: &[u8]) -> Grants {
    let keys = fills.iter().map(|fill| MacKey::new(&[*fill; 32]));
    Grants::new(Arc::new(Ring::new(keys.collect()).unwrap()))
}

fn kid(fill: u8) -> Kid {
    Kid::from_bytes([fill; 16])
}

fn grant(kind: GrantKind) -> Grant {
    Grant {
        kind,
        expires: START,
        issued: None,
        scheme: "viewers".to_owned(),
        subject: "alice".to_owned(),
        session: "s1".to_owned(),
        token: "t1".to_owned(),
        address: None,
        stream: "live/news".parse().unwrap(),
    }
}

/// Computed apart from this code, from the layout alone. The texts lie in caches: they must not
/// change from one version to the next.
#[test]
fn the_text_is_as_laid_down() {
    let counted = Kid::from_bytes(std::array::from_fn(|i| i as u8));
    let probe = Grant {
        subject: "packager".to_owned(),
        session: String::new(),
        ..grant(GrantKind::Probe(counted))
    };
    let cases = [
        (
            grant(GrantKind::Play),
            "AqdY82IBAAABoxhcUACAAAAAAAAAAAAHdmlld2VycwAFYWxpY2UAAnMxAAJ0MQBsaXZlL25ld3PMMXHP0_lzdOYXSRLl6Jv7",
        ),
        (
            grant(GrantKind::Key(counted)),
            "AqdY82ICAAABoxhcUACAAAAAAAAAAAABAgMEBQYHCAkKCwwNDg8AB3ZpZXdlcnMABWFsaWNlAAJzMQACdDEAbGl2ZS9uZXdzrPO68SZKUtzvMoBZ3MfeTg",
        ),
        (
            probe,
            "AqdY82IDAAABoxhcUACAAAAAAAAAAAABAgMEBQYHCAkKCwwNDg8AB3ZpZXdlcnMACHBhY2thZ2VyAAAAAnQxAGxpdmUvbmV3c3QAZtnqTVrBzPUMb0a8xuc",
        ),
    ];
    for (grant, text) in cases {
        assert_eq!(ring(&[1]).sign(&grant).expose(), text);
        assert_eq!(ring(&[1]).open(text), Ok(grant));
    }
}

#[test]
fn the_first_key_signs_and_any_verifies() {
    let text = ring(&[1]).sign(&grant(GrantKind::Play));
    assert!(ring(&[2, 1]).open(text.expose()).is_ok());
    assert_eq!(ring(&[2]).open(text.expose()), Err(Unsigned::Mac));
    assert_ne!(ring(&[2, 1]).sign(&grant(GrantKind::Play)), text);
    assert!(matches!(
        Ring::new(Vec::new()),
        Err(AccessConfigError::NoGrantKey)
    ));
}

#[test]
fn a_change_anywhere_is_refused() {
    let grants = ring(&[1]);
    for kind in [
        GrantKind::Play,
        GrantKind::Key(kid(1)),
        GrantKind::Probe(kid(1)),
    ] {
        let text = grants.sign(&grant(kind));
        for at in 0..text.expose().len() {
            for other in [b'A', b'_', b'.', b'='] {
                let mut bytes = text.expose().as_bytes().to_vec();
                if std::mem::replace(&mut bytes[at], other) != other {
                    let changed = String::from_utf8(bytes).unwrap();
                    assert!(grants.open(&changed).is_err(), "{at} {changed}");
                }
            }
            assert!(grants.open(&text.expose()[..at]).is_err(), "cut at {at}");
        }
        for added in ["A", "AA", "=", ".", "\n"] {
            assert!(grants.open(&format!("{}{added}", text.expose())).is_err());
        }
    }
}

/// A MAC over the right bytes does not make nonsense a grant.
#[test]
fn signed_nonsense_is_refused() {
    let key = MacKey::new(&[1; 32]);
    let made = Ring::new(vec![key]).unwrap();
    let sign = |version: u8, fields: &[u8]| {
        let form = Form { version, ..FORM };
        made.sign(&form, fields).expose().to_owned()
    };
    let fields = grant(GrantKind::Play).written();
    assert!(ring(&[1]).open(&sign(FORM.version, &fields)).is_ok());
    assert_eq!(
        ring(&[1]).open(&sign(FORM.version + 1, &fields)),
        Err(Unsigned::Form)
    );
    for nonsense in [&b""[..], &[9; 40], &[fields.as_slice(), b"/.."].concat()] {
        assert_eq!(
            ring(&[1]).open(&sign(FORM.version, nonsense)),
            Err(Unsigned::Form)
        );
    }
}

#[test]
fn the_longest_names_fit_and_longer_ones_open_nothing() {
    let longest = |name: usize| Grant {
        subject: "x".repeat(name),
        session: "x".repeat(name),
        token: "x".repeat(name),
        stream: ["x"; 8].map(|x| x.repeat(64)).join("/").parse().unwrap(),
        ..grant(GrantKind::Key(kid(1)))
    };
    let text = ring(&[1]).sign(&longest(255));
    assert_eq!(ring(&[1]).open(text.expose()), Ok(longest(255)));
    for name in [300, 70_000] {
        let text = ring(&[1]).sign(&longest(name));
        assert_eq!(ring(&[1]).open(text.expose()), Err(Unsigned::Form));
    }
}

#[tokio::test]
async fn permits_decide_what_a_grant_says() {
    let bench = Bench::open().await;
    let actions = [Action::Play, Action::Lease];
    let machine = bench.api_key("machine", "live/*", &actions).await;
    let who = bench.admit(&machine).await.unwrap();
    let stream = "live/news".parse().unwrap();
    let play: Permit<Play> = bench.play(&who, &stream).await.unwrap();
    let lease: Permit<Lease> = bench.gate.manage(&who, &stream).unwrap();
    let grants = bench.gate.grants();
    let open = |text: SecretText| grants.open(text.expose()).unwrap();

    assert_eq!(open(grants.for_play(&play)).kind, GrantKind::Play);
    let key = open(grants.for_key(&play, kid(7)));
    assert_eq!(key.kind, GrantKind::Key(kid(7)));
    assert_eq!(key.subject, "machine");
    assert_eq!((key.stream, key.expires), (stream, play.grants_end()));
    assert_eq!(grants.for_key(&play, kid(7)), grants.for_key(&play, kid(7)));
    assert_ne!(grants.for_key(&play, kid(7)), grants.for_key(&play, kid(8)));

    let minutes = |n: u64| START.plus(Duration::from_secs(60 * n));
    let probe = |now| grants.probe(&lease, kid(7), now);
    assert_eq!(probe(START), probe(minutes(59)));
    assert_ne!(probe(START), probe(minutes(60)));
    assert_eq!(open(probe(START)).expires, minutes(120));
    assert_eq!(open(probe(minutes(59))).expires, minutes(120));
}

proptest! {
    #[test]
    fn every_grant_comes_back_as_it_was(
        subject in ".{0,60}",
        session in ".{0,60}",
        token in ".{0,60}",
        address in any::<Option<std::net::IpAddr>>(),
        issued in any::<Option<u32>>(),
        millis in any::<i64>(),
        bytes in any::<[u8; 16]>(),
        kind in 0..3,
    ) {
        let kid = Kid::from_bytes(bytes);
        let kind = [GrantKind::Play, GrantKind::Key(kid), GrantKind::Probe(kid)][kind as usize];
        let made = Grant {
            subject,
            session,
            token,
            address,
            issued: issued.map(|at| Timestamp::from_millis(at.into())),
            expires: Timestamp::from_millis(millis),
            ..grant(kind)
        };
        let text = ring(&[1]).sign(&made);
        prop_assert!(!text.expose().contains(['.', ',', '"', '=', '+', '/']));
        prop_assert_eq!(ring(&[1]).open(text.expose()), Ok(made));
    }

    #[test]
    fn no_text_makes_the_reader_fail(text in "[A-Za-z0-9_-]{0,200}") {
        prop_assert!(ring(&[1]).open(&text).is_err());
    }
}
