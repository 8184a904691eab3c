//! Claims by the table: what refuses a token, what opens nothing.
//!
//! Must not know: signatures.

use serde_json::json;

use super::*;
use crate::access::testing::START;

fn rules(toml: &str) -> ClaimRules {
    ClaimRules::new("jwt", &toml::from_str(toml).unwrap()).unwrap()
}

/// Good claims with these added or replaced; `null` takes one away.
fn claims(changes: &Value) -> Claims {
    let mut claims = json!({"sub": "alice", "streams": "live/*", "exp": START.seconds() + 60});
    for (name, value) in changes.as_object().unwrap() {
        claims[name.as_str()] = value.clone();
    }
    let mut claims = claims.as_object().unwrap().clone();
    claims.retain(|_, value| !value.is_null());
    claims
}

fn read(toml: &str, changes: &Value) -> Result<Principal, Fault> {
    let found = rules(toml).read("token", &claims(changes))?;
    Ok((*found.principal).clone())
}

#[test]
fn what_narrows_a_token_refuses_it_when_it_does_not_hold() {
    let issuer = "issuer = \"us\"";
    let audience = "audience = \"keys\"";
    let life = "max_life = \"60s\"";
    let several = "issuer = 'us'\nissuers = ['we']\naudiences = ['keys', 'more']";
    let required = "required_claims = ['mail', { tier = 'gold' }]";
    let typed = "required_claims = [{ level = 2, adult = true }]";
    let now = START.seconds();
    let cases = [
        ("", json!({}), Ok(())),
        (issuer, json!({"iss": "us"}), Ok(())),
        (issuer, json!({"iss": "them"}), Err(Fault::Issuer)),
        (issuer, json!({"iss": ["us"]}), Err(Fault::Issuer)),
        (issuer, json!({}), Err(Fault::Issuer)),
        ("", json!({"iss": "them"}), Ok(())),
        (audience, json!({"aud": "keys"}), Ok(())),
        (audience, json!({"aud": ["other", "keys"]}), Ok(())),
        (audience, json!({"aud": "other"}), Err(Fault::Audience)),
        (audience, json!({"aud": []}), Err(Fault::Audience)),
        (audience, json!({"aud": {"keys": 1}}), Err(Fault::Audience)),
        (audience, json!({}), Err(Fault::Audience)),
        ("", json!({"aud": "keys"}), Err(Fault::Audience)),
        ("", json!({"exp": null}), Err(Fault::Expiry)),
        ("", json!({"exp": "1800000060"}), Err(Fault::Expiry)),
        ("", json!({"exp": START.millis()}), Err(Fault::Milliseconds)),
        ("", json!({"nbf": START.millis()}), Err(Fault::Milliseconds)),
        ("", json!({"exp": now as f64 + 0.5}), Ok(())),
        ("", json!({"nbf": "soon"}), Err(Fault::Times)),
        ("", json!({"sub": null}), Ok(())),
        (
            "required_claims = [\"sub\"]",
            json!({"sub": null}),
            Err(Fault::RequiredClaim),
        ),
        ("", json!({"sub": ""}), Err(Fault::Subject)),
        ("", json!({"sub": "x".repeat(255)}), Ok(())),
        ("", json!({"sub": "x".repeat(256)}), Err(Fault::Subject)),
        ("", json!({"sub": "a\nb"}), Err(Fault::Subject)),
        ("", json!({"sub": 17}), Ok(())),
        ("", json!({"sub": 1.5}), Err(Fault::Subject)),
        ("", json!({"sub": ["alice"]}), Err(Fault::Subject)),
        ("", json!({"kid": "not a kid"}), Err(Fault::Kid)),
        ("", json!({"kid": 1}), Err(Fault::Kid)),
        (life, json!({"iat": now}), Ok(())),
        (life, json!({"iat": now - 1}), Err(Fault::Life)),
        (life, json!({}), Err(Fault::Times)),
        ("subject_claim = \"user\"", json!({"user": "bob"}), Ok(())),
        ("subject_claim = \"user\"", json!({}), Ok(())),
        (several, json!({"iss": "us", "aud": "keys"}), Ok(())),
        (several, json!({"iss": "we", "aud": ["x", "more"]}), Ok(())),
        (
            several,
            json!({"iss": "them", "aud": "keys"}),
            Err(Fault::Issuer),
        ),
        (
            several,
            json!({"iss": "us", "aud": "x"}),
            Err(Fault::Audience),
        ),
        ("", json!({"maxuses": 1}), Ok(())),
        ("", json!({"maxuses": 0}), Err(Fault::Uses)),
        ("", json!({"maxuses": -1}), Err(Fault::Uses)),
        ("", json!({"maxuses": 1.5}), Err(Fault::Uses)),
        ("", json!({"maxuses": "1"}), Err(Fault::Uses)),
        (required, json!({"tier": "gold", "mail": "a"}), Ok(())),
        (required, json!({"tier": ["x", "gold"], "mail": 0}), Ok(())),
        (
            required,
            json!({"tier": "silver", "mail": "a"}),
            Err(Fault::RequiredClaim),
        ),
        (required, json!({"tier": "gold"}), Err(Fault::RequiredClaim)),
        (required, json!({"mail": "a"}), Err(Fault::RequiredClaim)),
        (typed, json!({"level": 2, "adult": true}), Ok(())),
        (
            typed,
            json!({"level": "2", "adult": true}),
            Err(Fault::RequiredClaim),
        ),
        (
            typed,
            json!({"level": 2, "adult": "true"}),
            Err(Fault::RequiredClaim),
        ),
    ];
    for (toml, changes, expected) in cases {
        let found = read(toml, &changes).map(drop);
        assert_eq!(found, expected, "{toml} {changes}");
    }
}

#[test]
fn missing_or_malformed_streams_open_nothing() {
    let many: Vec<_> = (0..257).map(|n| n.to_string()).collect();
    for (streams, opened) in [
        (json!("live/*"), true),
        (json!(["vod/*", "live/a"]), true),
        (json!(null), false),
        (json!([]), false),
        (json!(""), false),
        (json!({"live/*": true}), false),
        (json!(["live/*", 5]), false),
        (json!(["live/*", "bad pattern"]), false),
        (json!(many), false),
    ] {
        let found = read("", &json!({"streams": streams.clone()})).unwrap();
        assert_eq!(
            found.covers(&"live/a".parse().unwrap()),
            opened,
            "{streams}"
        );
    }
}

#[test]
fn the_claim_may_have_another_name() {
    let toml = "stream_claim = \"channels\"";
    let found = read(toml, &json!({"channels": "vod/*"})).unwrap();
    assert!(found.covers(&"vod/a".parse().unwrap()));
    assert!(!found.covers(&"live/a".parse().unwrap()));
}

#[test]
fn a_token_does_what_both_it_and_its_scheme_allow() {
    use Action::{Deliver, Lease, Play, Rotate};
    let wide = "actions = [\"deliver\", \"play\", \"lease\", \"rotate\"]";
    let cases = [
        ("", json!(null), vec![Deliver, Play]),
        ("", json!(["play"]), vec![Play]),
        ("", json!("play"), vec![Play]),
        ("", json!(["play", "lease"]), vec![Play]),
        ("", json!(["play", "fly"]), vec![]),
        ("", json!([]), vec![]),
        ("", json!(7), vec![]),
        (wide, json!(null), vec![Deliver, Play]),
        (wide, json!(["lease", "rotate"]), vec![Lease, Rotate]),
        (wide, json!(["lease", "operate"]), vec![Lease]),
        ("actions = [\"lease\"]", json!(null), vec![]),
    ];
    for (toml, actions, expected) in cases {
        let found = read(toml, &json!({"actions": actions.clone()})).unwrap();
        assert_eq!(found.actions, expected, "{toml} {actions}");
        let machine = matches!(expected.first(), Some(Lease));
        assert_eq!(found.kind == PrincipalKind::Machine, machine, "{actions}");
    }
}

#[test]
fn a_token_for_one_key_is_not_for_playlists() {
    let text = "8c3f7c1e-52a4-4c8e-9b62-0c9d1b0f7a11";
    let found = read("", &json!({"kid": text})).unwrap();
    assert_eq!(found.kid, Some(text.parse().unwrap()));
    assert_eq!(found.actions, [Action::Deliver]);
}

#[test]
fn a_token_is_used_no_more_often_than_it_and_its_scheme_say() {
    for (toml, changes, uses) in [
        ("", json!({}), None),
        ("", json!({"maxuses": 3}), Some(3)),
        ("", json!({"maxuses": 5_000_000_000_u64}), Some(u32::MAX)),
        ("max_uses = 2", json!({}), Some(2)),
        ("max_uses = 2", json!({"maxuses": 3}), Some(2)),
        ("max_uses = 2", json!({"maxuses": 1}), Some(1)),
    ] {
        assert_eq!(read(toml, &changes).unwrap().uses, uses, "{toml} {changes}");
    }
}

#[test]
fn session_and_key_may_have_other_names() {
    let toml = "session_claim = 'play'\nkid_claim = 'key'";
    let text = "8c3f7c1e-52a4-4c8e-9b62-0c9d1b0f7a11";
    let changes = json!({"play": "p1", "sid": "s1", "jti": "j1", "key": text, "kid": "x"});
    let found = read(toml, &changes).unwrap();
    assert_eq!(found.session, "p1");
    assert_eq!(found.kid, Some(text.parse().unwrap()));
    let without = read(toml, &json!({"sid": "s1", "jti": "j1"})).unwrap();
    assert_eq!((without.session.as_str(), without.kid), ("j1", None));
    let by_viewer = read("session_claim = 'sub'", &json!({})).unwrap();
    assert_eq!(by_viewer.session, "alice");
}

/// Else a token could live long by being issued late.
#[test]
fn under_a_longest_life_a_token_begins_when_it_is_issued() {
    let later = START.seconds() + 1_000_000;
    let changes = json!({"iat": later, "exp": later + 60});
    let found = rules("max_life = \"60s\"").read("token", &claims(&changes));
    assert_eq!(found.unwrap().check_time(START), Err(Fault::NotYet));
    let found = rules("").read("token", &claims(&changes));
    assert_eq!(found.unwrap().check_time(START), Ok(()));
}

#[test]
fn options_that_cannot_be_meant_are_refused() {
    let refused = |toml: &str| ClaimRules::new("jwt", &toml::from_str(toml).unwrap()).err();
    for toml in [
        "stream_claim = \"aud\"",
        "subject_claim = \"kid\"",
        "stream_claim = \"sub\"",
        "actions = [\"operate\"]",
        "leeway = \"301s\"",
        "kid_claim = \"sub\"",
        "kid_claim = \"maxuses\"",
        "session_claim = \"streams\"",
        "session_claim = \"kid\"",
    ] {
        assert!(refused(toml).is_some(), "{toml}");
    }
    assert!(refused("leeway = \"300s\"").is_none());
}
