//! Signatures and times of JWTs.
//!
//! Must not know: what claims other than times mean.

mod attacks;
mod choice;

use std::path::Path;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    SignatureAlgorithm,
};
use serde_json::{Value, json};

use super::*;
use crate::access::testing::{START, fake_secret};
use crate::crypto::SecretText;
use crate::domain::{Action, PrincipalKind, Timestamp};

/// The instance that this TOML configures.
fn instance(toml: &str) -> Jwt {
    configured(toml).unwrap_or_else(|fault| panic!("{fault}"))
}

fn configured(toml: &str) -> Result<Jwt, JwtFault> {
    Jwt::new(
        "jwt",
        &toml::from_str(toml).unwrap(),
        &outbound::Config::default(),
    )
}

fn hs256(options: &str) -> Jwt {
    instance(&format!("secret = {:?}\n{options}", fake_secret('a')))
}

fn key_of(secret: char) -> EncodingKey {
    EncodingKey::from_secret(fake_secret(secret).as_bytes())
}

fn claims() -> Value {
    json!({"sub": "alice", "streams": ["live/*"], "exp": START.seconds() + 60})
}

/// `claims` with these added or replaced; `null` takes one away.
fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name.as_str()] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, v| !v.is_null());
    claims
}

fn token(header: &Header, claims: &Value, key: &EncodingKey) -> SecretText {
    SecretText::new(encode(header, claims, key).unwrap())
}

fn plain(claims: &Value) -> SecretText {
    token(&Header::default(), claims, &key_of('a'))
}

fn verify(jwt: &Jwt, token: &SecretText, now: Timestamp) -> Result<Verified, Fault> {
    let verified = jwt.verify_at_hand(token.expose(), now);
    let verified = verified.expect("the form of a JWT")?;
    verified.check_time(now).map(|()| verified)
}

fn outcome(jwt: &Jwt, token: &SecretText) -> Result<(), Fault> {
    verify(jwt, token, START).map(drop)
}

/// A key pair's files: public PEM and private PEM.
fn pair(dir: &Path, algorithm: &'static SignatureAlgorithm) -> (String, KeyPair) {
    let pair = KeyPair::generate_for(algorithm).unwrap();
    let path = dir.join("public.pem");
    std::fs::write(&path, pair.public_key_pem()).unwrap();
    (format!("public_key_file = {path:?}\n"), pair)
}

fn signing_key(algorithm: Algorithm, pair: &KeyPair) -> EncodingKey {
    let pem = pair.serialize_pem();
    match algorithm.family() {
        jsonwebtoken::AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem(pem.as_bytes()),
        jsonwebtoken::AlgorithmFamily::Ec => EncodingKey::from_ec_pem(pem.as_bytes()),
        _ => EncodingKey::from_ed_pem(pem.as_bytes()),
    }
    .unwrap()
}

#[test]
fn a_good_token_says_who_may_see_what() {
    let token = plain(&claims_with(&json!({"sid": "s1", "jti": "j1"})));
    let found = verify(&hs256("streams = [\"live/a\"]"), &token, START).unwrap();
    let principal = &*found.principal;
    assert_eq!(principal.subject, "alice");
    assert_eq!(principal.session, "s1");
    assert_eq!(principal.kind, PrincipalKind::Viewer);
    assert_eq!(principal.actions, Action::VIEWER);
    assert_eq!(principal.expires, Some(START.plus(Duration::from_secs(60))));
    for (stream, covered) in [("live/a", true), ("live/b", false), ("vod/a", false)] {
        assert_eq!(principal.covers(&stream.parse().unwrap()), covered);
    }
}

#[test]
fn sessions_are_named_by_the_token() {
    let session = |changes: Value| {
        let token = plain(&claims_with(&changes));
        let found = verify(&hs256(""), &token, START).unwrap();
        found.principal.session.clone()
    };
    assert_eq!(session(json!({"jti": "j1"})), "j1");
    assert_eq!(session(json!({})), session(json!({})));
    assert_ne!(session(json!({})), session(json!({"iat": 1})));
    assert_eq!(session(json!({"sid": ["odd"]})).len(), 16);
}

#[test]
fn every_algorithm_verifies_its_own_and_no_other_key() {
    use Algorithm::*;
    for algorithm in [HS256, HS384, HS512] {
        let jwt = hs256(&format!("algorithms = [\"{algorithm:?}\"]"));
        let signed = |letter| token(&Header::new(algorithm), &claims(), &key_of(letter));
        assert_eq!(outcome(&jwt, &signed('a')), Ok(()));
        assert_eq!(outcome(&jwt, &signed('b')), Err(Fault::Signature));
    }
    let dir = tempfile::tempdir().unwrap();
    for (sort, algorithms) in [
        (
            &PKCS_RSA_SHA256,
            &[RS256, RS384, RS512, PS256, PS384, PS512][..],
        ),
        (&PKCS_ECDSA_P256_SHA256, &[ES256]),
        (&PKCS_ECDSA_P384_SHA384, &[ES384]),
        (&PKCS_ED25519, &[EdDSA]),
    ] {
        let (_, stranger) = pair(dir.path(), sort);
        let (option, own) = pair(dir.path(), sort);
        for algorithm in algorithms {
            let jwt = instance(&format!("{option}algorithms = [\"{algorithm:?}\"]"));
            let signed = |by| {
                token(
                    &Header::new(*algorithm),
                    &claims(),
                    &signing_key(*algorithm, by),
                )
            };
            assert_eq!(outcome(&jwt, &signed(&own)), Ok(()), "{algorithm:?}");
            assert_eq!(outcome(&jwt, &signed(&stranger)), Err(Fault::Signature));
        }
        // Without a list, the first of the sort.
        let first = algorithms[0];
        let signed = token(&Header::new(first), &claims(), &signing_key(first, &own));
        assert_eq!(outcome(&instance(&option), &signed), Ok(()));
    }
}

#[test]
fn the_alternate_key_verifies_too() {
    let jwt = hs256(&format!("alternate_secret = {:?}", fake_secret('b')));
    let signed = |letter| token(&Header::default(), &claims(), &key_of(letter));
    assert_eq!(outcome(&jwt, &signed('a')), Ok(()));
    assert_eq!(outcome(&jwt, &signed('b')), Ok(()));
    assert_eq!(outcome(&jwt, &signed('c')), Err(Fault::Signature));
}

/// The first instant is inside, the last is outside.
#[test]
fn times_hold_to_the_millisecond() {
    let exp = START.seconds() + 60;
    let token = plain(&claims_with(&json!({"nbf": START.seconds()})));
    let at = |millis: i64| Timestamp::from_millis(millis);
    for (leeway, slack) in [("0s", 0), ("30s", 30_000)] {
        let jwt = hs256(&format!("leeway = \"{leeway}\""));
        for (now, expected) in [
            (at(START.millis() - slack - 1), Err(Fault::NotYet)),
            (at(START.millis() - slack), Ok(())),
            (at(exp * 1000 + slack - 1), Ok(())),
            (at(exp * 1000 + slack), Err(Fault::Expired)),
        ] {
            let found = verify(&jwt, &token, now).map(drop);
            assert_eq!(found, expected, "{leeway} {now}");
        }
    }
}

fn parts(token: &SecretText) -> (String, String, String) {
    let mut parts = token.expose().split('.').map(str::to_owned);
    let mut next = || parts.next().unwrap();
    (next(), next(), next())
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
