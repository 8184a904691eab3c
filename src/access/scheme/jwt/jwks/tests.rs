//! Key sets of other makers, and what in them is no key.
//!
//! Must not know: where a set comes from.

use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256,
};
use serde_json::json;

use super::*;

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A JWK by hand, out of a new pair.
fn elliptic_jwk() -> Value {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let point = pair.public_key_raw();
    json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])})
}

fn wide_jwk() -> Value {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap();
    let point = pair.public_key_raw();
    json!({"kty": "EC", "crv": "P-521", "x": b64(&point[1..67]), "y": b64(&point[67..])})
}

fn edwards_jwk() -> Value {
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key_raw())})
}

/// Of PKCS#1's `SEQUENCE { INTEGER n, INTEGER e }`: 2048 bits, exponent 65537.
fn rsa_jwk() -> Value {
    let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let der = pair.public_key_raw();
    let modulus = &der[der.len() - 5 - 256..der.len() - 5];
    json!({"kty": "RSA", "n": b64(modulus), "e": "AQAB"})
}

fn with(jwk: &Value, changes: &Value) -> Value {
    let mut jwk = jwk.clone();
    for (name, value) in changes.as_object().unwrap() {
        jwk[name.as_str()] = value.clone();
    }
    jwk
}

fn algorithms(jwk: &Value, accepted: &[Algorithm]) -> Option<Vec<Algorithm>> {
    let text = json!({"keys": [jwk]}).to_string();
    let issuer = None;
    let found = super::read(text.as_bytes(), Use { accepted, issuer });
    found.ok().map(|keys| keys[0].algorithms.clone())
}

#[test]
fn a_key_is_for_its_algorithm_or_those_of_its_sort() {
    use Algorithm::*;
    let (ec, ed, rsa) = (elliptic_jwk(), edwards_jwk(), rsa_jwk());
    let all = vec![RS256, RS384, RS512, PS256, PS384, PS512];
    for (jwk, accepted, expected) in [
        (ec.clone(), &[][..], Some(vec![ES256])),
        (wide_jwk(), &[], Some(vec![ES512])),
        (wide_jwk(), &[ES256, ES512], Some(vec![ES512])),
        (wide_jwk(), &[ES256], None),
        (with(&wide_jwk(), &json!({"alg": "ES256"})), &[], None),
        (ed.clone(), &[], Some(vec![EdDSA])),
        (rsa.clone(), &[], Some(all)),
        (rsa.clone(), &[PS256, ES256], Some(vec![PS256])),
        (rsa.clone(), &[ES256], None),
        (with(&rsa, &json!({"alg": "RS512"})), &[], Some(vec![RS512])),
        (with(&rsa, &json!({"alg": "RS512"})), &[RS256], None),
        (with(&rsa, &json!({"alg": "RSA-OAEP"})), &[], None),
        (with(&rsa, &json!({"alg": "HS256"})), &[], None),
        (with(&ec, &json!({"alg": "ES384"})), &[], None),
        (
            with(
                &ec,
                &json!({"use": "sig", "key_ops": ["verify"], "d": "AA"}),
            ),
            &[],
            Some(vec![ES256]),
        ),
    ] {
        assert_eq!(algorithms(&jwk, accepted), expected, "{jwk} {accepted:?}");
    }
}

#[test]
fn what_verifies_nothing_is_left_out() {
    let (ec, ed, rsa) = (elliptic_jwk(), edwards_jwk(), rsa_jwk());
    assert!(algorithms(&ec, &[]).is_some());
    let short = b64(&[0xff; 255]);
    let even = b64(&[0xfe; 256]);
    let padded = format!("{}==", ec["x"].as_str().unwrap());
    for bad in [
        json!({"kty": "oct", "k": b64(&[7; 64]), "alg": "HS256"}),
        with(&ec, &json!({"use": "enc"})),
        with(&ec, &json!({"key_ops": ["sign"]})),
        with(&ec, &json!({"crv": "P-521"})),
        with(&ec, &json!({"crv": "secp256k1"})),
        with(&wide_jwk(), &json!({"x": b64(&[1; 66])})),
        with(&wide_jwk(), &json!({"x": b64(&[1; 65])})),
        with(&wide_jwk(), &json!({"crv": "P-256"})),
        with(&ec, &json!({"x": b64(&[1; 32])})),
        with(&ec, &json!({"x": b64(&[1; 31])})),
        with(&ec, &json!({"x": padded})),
        with(&ec, &json!({"y": null})),
        with(&ec, &json!({"kid": "k".repeat(256)})),
        with(&ec, &json!({"kid": 1})),
        with(&ed, &json!({"crv": "Ed448"})),
        with(&ed, &json!({"x": b64(&[1; 31])})),
        with(&rsa, &json!({"n": short})),
        with(&rsa, &json!({"n": even})),
        with(&rsa, &json!({"n": b64(&[0xff; 1025])})),
        with(&rsa, &json!({"e": "AQ"})),
        with(&rsa, &json!({"e": "AAAB"})),
        with(&rsa, &json!({"e": "Ag"})),
        with(&rsa, &json!({"e": ""})),
        with(
            &rsa,
            &json!({"n": b64(&[&[0; 100][..], &[0xff; 200]].concat())}),
        ),
        json!("key"),
        json!({}),
    ] {
        assert_eq!(algorithms(&bad, &[]), None, "{bad}");
        // It does not take others away.
        let text = json!({"keys": [bad, ec]}).to_string();
        let usage = Use {
            accepted: &[],
            issuer: None,
        };
        assert_eq!(
            super::read(text.as_bytes(), usage)
                .ok()
                .map(|keys| keys.len()),
            Some(1)
        );
    }
}

#[test]
fn a_set_that_is_none_is_told() {
    let usage = Use {
        accepted: &[],
        issuer: None,
    };
    let fault = |text: &str| super::read(text.as_bytes(), usage).err();
    for rubbish in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]"#] {
        assert_eq!(fault(rubbish), Some(SetFault::Form), "{rubbish}");
    }
    assert_eq!(fault(r#"{"keys":[]}"#), Some(SetFault::Unusable));
    let ec = elliptic_jwk();
    let set = |count: usize| json!({"keys": vec![&ec; count]}).to_string();
    assert_eq!(fault(&set(100)), None);
    assert_eq!(fault(&set(101)), Some(SetFault::TooMany));
}
