//! What a policy takes and asks, each refusal beside what is allowed.
//!
//! Must not know: how a token is verified.

use super::*;
use crate::access::testing::{START, Sent};
use crate::domain::Action;

fn schemes() -> SchemesConfig {
    let instance = |name: &str| format!("[{name}]\nkind = \"hdnts\"\nsecrets = [\"ab\"]\n");
    toml::from_str(&["a", "b", "c"].map(instance).concat()).unwrap()
}

fn read(toml: &str) -> Result<Policy, PolicyFault> {
    let config = toml::from_str(&format!("streams = [\"live/*\"]\n{toml}")).unwrap();
    Policy::new(&config, &schemes())
}

fn policy(toml: &str) -> Policy {
    read(toml).unwrap()
}

fn live() -> StreamId {
    "live/a".parse().unwrap()
}

fn vouched(scheme: &str) -> Arc<Principal> {
    Arc::new(viewer(scheme))
}

fn viewer(scheme: &str) -> Principal {
    Principal {
        kind: PrincipalKind::Viewer,
        scheme: scheme.into(),
        also: Vec::new(),
        subject: "alice".to_owned(),
        session: "s".to_owned(),
        token: "t".to_owned(),
        streams: vec![StreamPattern::any()],
        within: vec![StreamPattern::any()],
        actions: Action::VIEWER.to_vec(),
        kid: None,
        issued: None,
        address: None,
        uses: None,
        expires: Some(START.plus(Duration::from_secs(60))),
    }
}

/// The scheme that decides.
fn chosen(policy: &Policy, good: &[&Arc<Principal>]) -> Option<String> {
    policy
        .choose(good)
        .ok()
        .map(|who| who.joined().scheme.to_string())
}

#[test]
fn the_first_accepted_instance_decides() {
    let [a, b, c] = ["a", "b", "c"].map(vouched);
    let any = policy("");
    let some = policy("accept = [\"b\", \"a\"]");
    for (policy, good, expected) in [
        (&any, vec![&c, &a], Some("c")),
        (&some, vec![&a, &b], Some("b")),
        (&some, vec![&c, &a], Some("a")),
        (&some, vec![&c], None),
    ] {
        assert_eq!(chosen(policy, &good).as_deref(), expected);
    }
}

#[test]
fn all_required_instances_must_vouch() {
    let [a, b, c] = ["a", "b", "c"].map(vouched);
    let both = policy("require = [\"a\", \"b\"]");
    for (good, expected) in [
        (vec![&b, &a], Some("a")),
        (vec![&a, &c], None),
        (vec![&b], None),
        (vec![&a, &a], None),
    ] {
        assert_eq!(chosen(&both, &good).as_deref(), expected);
    }
    let begun_with = |also: &[&str]| {
        let also = also.iter().map(|name| Arc::from(*name)).collect();
        Arc::new(Principal {
            kind: PrincipalKind::Session,
            also,
            ..viewer("a")
        })
    };
    assert!(chosen(&both, &[&begun_with(&["a", "b"])]).is_some());
    assert!(chosen(&both, &[&begun_with(&["a"])]).is_none());
}

#[test]
fn tokens_that_are_required_together_end_with_the_first_of_them() {
    let both = policy("require = [\"a\", \"b\"]");
    let (long, here) = (vouched("a"), "192.0.2.7".parse().ok());
    let short = Arc::new(Principal {
        expires: Some(START.plus(Duration::from_secs(5))),
        address: here,
        uses: Some(1),
        ..viewer("b")
    });
    let good = [&long, &short];
    let deciding = both.choose(&good).ok().unwrap();
    let joined = deciding.joined();
    assert_eq!((joined.expires, joined.address), (short.expires, here));
    assert_eq!(joined.scheme, long.scheme);
    let uses: Vec<_> = deciding.all().map(|who| who.uses).collect();
    assert_eq!(uses, [None, Some(1)]);
}

#[test]
fn what_was_granted_under_a_policy_passes_it() {
    let of_kind = |kind, scheme| {
        Arc::new(Principal {
            kind,
            ..viewer(scheme)
        })
    };
    let both = policy("require = [\"a\", \"b\"]");
    assert!(chosen(&both, &[&of_kind(PrincipalKind::Grant, "a")]).is_some());
    assert!(chosen(&both, &[&of_kind(PrincipalKind::Grant, "c")]).is_none());
    assert!(chosen(&both, &[&of_kind(PrincipalKind::Probe, "x")]).is_some());
    let one = policy("accept = [\"a\"]");
    assert!(chosen(&one, &[&of_kind(PrincipalKind::Grant, "a")]).is_some());
    assert!(chosen(&one, &[&of_kind(PrincipalKind::Grant, "b")]).is_none());
}

#[test]
fn a_bound_address_is_looked_at_as_the_policy_says() {
    let bound = |bind: &str, own: &str, ip: &str| {
        let who = Principal {
            address: Some(own.parse().unwrap()),
            ..viewer("a")
        };
        let sent = Sent::default();
        let shown = Credential {
            ip: ip.parse().ok(),
            ..sent.shown()
        };
        policy(&format!("bind_ip = {bind:?}")).check(&who, (&shown, &live()), START)
    };
    for (bind, own, ip, expected) in [
        ("off", "192.0.2.7", "192.0.2.7", true),
        ("off", "192.0.2.7", "198.51.100.1", false),
        ("exact", "192.0.2.7", "192.0.2.7", true),
        ("exact", "192.0.2.7", "::ffff:192.0.2.7", true),
        ("exact", "192.0.2.7", "192.0.2.8", false),
        ("exact", "192.0.2.7", "unknown", false),
        ("network", "192.0.2.7", "192.0.2.200", true),
        ("network", "192.0.2.7", "192.0.3.7", false),
        ("network", "2001:db8:1::1", "2001:db8:1:ffff::9", true),
        ("network", "2001:db8:1::1", "2001:db8:2::1", false),
        ("network", "192.0.2.7", "2001:db8:1::1", false),
    ] {
        let found = bound(bind, own, ip);
        let expected = expected.then_some(()).ok_or(Denied::WrongAddress);
        assert_eq!(found, expected, "{bind} {own} {ip}");
    }
}

#[test]
fn a_token_may_live_too_long() {
    let short = policy("max_life = \"60s\"");
    let sent = Sent::default();
    let check = |who: &Principal| short.check(who, (&sent.shown(), &live()), START).is_ok();
    let issued = |before: u64| Principal {
        issued: Some(START.minus(Duration::from_secs(before))),
        ..viewer("a")
    };
    assert!(check(&viewer("a")));
    assert!(check(&issued(0)));
    assert!(!check(&issued(1)));
    assert!(!check(&Principal {
        expires: None,
        ..viewer("a")
    }));
    let session = |streams: &str| Principal {
        kind: PrincipalKind::Session,
        streams: vec![streams.parse().unwrap()],
        ..issued(3600)
    };
    assert!(check(&session("live/a")));
    assert!(!check(&session("live/*")));
}

#[test]
fn the_first_policy_that_matches_decides() {
    let configs: Vec<PolicyConfig> = ["live/a", "live/*"]
        .iter()
        .zip([1, 2])
        .map(|(streams, max)| format!("streams = [{streams:?}]\nmax_sessions = {max}"))
        .map(|toml| toml::from_str(&toml).unwrap())
        .collect();
    let policies = Policies::new(&configs, &schemes()).unwrap();
    let max = |stream: &str| {
        let stream = stream.parse().unwrap();
        policies.of(&stream).limit(None).map(|limit| limit.max)
    };
    assert_eq!(max("live/a"), Some(1));
    assert_eq!(max("live/b"), Some(2));
    assert_eq!(max("vod/a"), None);
}

#[test]
fn mistakes_are_named() {
    for (toml, expected) in [
        ("accept = [\"d\"]", "'d' is no [schemes.NAME]"),
        (
            "accept = [\"a\"]\nrequire = [\"b\"]",
            "accept and require exclude each other",
        ),
        ("max_sessions = 0", "max_sessions = 0 lets nobody in"),
        (
            "origins = [\"https://a.example/x/\"]",
            "'https://a.example/x/' is no page: https://www.example.com, https://*.example.com, https://host:8443/path/",
        ),
    ] {
        assert_eq!(read(toml).unwrap_err().to_string(), expected);
    }
}
