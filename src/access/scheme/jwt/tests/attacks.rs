//! Forged, confused and ambiguous JWTs.
//!
//! Must not know: what claims mean.

use super::*;

#[test]
fn a_public_key_is_never_a_shared_secret() {
    let dir = tempfile::tempdir().unwrap();
    let (option, own) = pair(dir.path(), &PKCS_RSA_SHA256);
    let pem = own.public_key_pem();
    let forged = |secret: &[u8]| {
        let key = EncodingKey::from_secret(secret);
        token(&Header::new(Algorithm::HS256), &claims(), &key)
    };
    let honest = signing_key(Algorithm::RS256, &own);
    let honest = token(&Header::new(Algorithm::RS256), &claims(), &honest);
    let beside_secret = format!("{option}alternate_secret = {:?}", fake_secret('a'));
    for (jwt, fault) in [
        (instance(&option), Fault::Algorithm),
        (instance(&beside_secret), Fault::Signature),
    ] {
        assert_eq!(outcome(&jwt, &honest), Ok(()));
        for secret in [pem.as_bytes(), pem.trim().as_bytes(), own.public_key_raw()] {
            assert_eq!(outcome(&jwt, &forged(secret)), Err(fault));
        }
    }
}

#[test]
fn unsigned_tokens_are_refused() {
    let good = plain(&claims());
    let (_, payload, signature) = parts(&good);
    assert_eq!(outcome(&hs256(""), &good), Ok(()));
    let with = |header: &str, rest: &str| {
        let text = format!("{}.{payload}.{rest}", base64(header.as_bytes()));
        outcome(&hs256(""), &SecretText::new(text))
    };
    for (header, rest, fault) in [
        (r#"{"alg":"none"}"#, "", Fault::Unsigned),
        (r#"{"alg":"none"}"#, signature.as_str(), Fault::Unsigned),
        (r#"{"alg":"nOnE"}"#, "", Fault::Unsigned),
        (r#"{"typ":"JWT"}"#, "", Fault::Header),
        (r#"{"alg":"HS256"}"#, "", Fault::Signature),
        (r#"{"alg":"HS256","typ":"JWT"}"#, "AA", Fault::Signature),
        (r#"{"alg":"HS512"}"#, signature.as_str(), Fault::Algorithm),
        (r#"{"alg":"RS256"}"#, signature.as_str(), Fault::Algorithm),
    ] {
        assert_eq!(with(header, rest), Err(fault), "{header} {rest}");
    }
    for (text, fault) in [
        ("..".to_owned(), Fault::Header),
        (format!("{}..", "A".repeat(9000)), Fault::TooLong),
    ] {
        assert_eq!(outcome(&hs256(""), &SecretText::new(text)), Err(fault));
    }
    for formless in ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e"] {
        assert!(hs256("").verify_at_hand(formless, START).is_none());
    }
}

/// A token of the header as it stands, honestly signed.
fn headed(header: &str, payload: &str, by: char) -> SecretText {
    let message = format!(
        "{}.{}",
        base64(header.as_bytes()),
        base64(payload.as_bytes())
    );
    let key = key_of(by);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256);
    SecretText::new(format!("{message}.{}", signature.unwrap()))
}

#[test]
fn a_header_that_brings_a_key_is_refused_whoever_signed() {
    let jwt = hs256("");
    let payload = claims().to_string();
    let stranger = base64(fake_secret('b').as_bytes());
    let own_key = format!(r#"{{"alg":"HS256","jwk":{{"kty":"oct","k":"{stranger}"}}}}"#);
    for (header, fault) in [
        (own_key.as_str(), Fault::HeaderJwk),
        (
            r#"{"alg":"HS256","jku":"https://attacker.example/k"}"#,
            Fault::HeaderJku,
        ),
        (
            r#"{"alg":"HS256","x5u":"https://attacker.example/c"}"#,
            Fault::HeaderX5u,
        ),
        (r#"{"alg":"HS256","x5c":["AA=="]}"#, Fault::HeaderX5c),
        (
            r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
            Fault::Extension,
        ),
        (r#"{"alg":"HS256","zip":"DEF"}"#, Fault::Extension),
        (r#"{"alg":"HS256","enc":"A128GCM"}"#, Fault::Encrypted),
        (r#"{"alg":"HS256","cty":"JWT"}"#, Fault::Encrypted),
        (r#"{"alg":"HS256","alg":"HS256"}"#, Fault::Twice),
    ] {
        for by in ['a', 'b'] {
            let token = headed(header, &payload, by);
            assert_eq!(outcome(&jwt, &token), Err(fault), "{header} {by}");
        }
    }
    // A name is a name: no path, no query.
    for kid in ["../../dev/null", "x' UNION SELECT 'key", "|/usr/bin/id"] {
        let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
        assert_eq!(outcome(&jwt, &headed(&header, &payload, 'a')), Ok(()));
        let forged = headed(&header, &payload, 'b');
        assert_eq!(outcome(&jwt, &forged), Err(Fault::Signature));
    }
}

#[test]
fn what_is_signed_is_one_object_of_single_members() {
    let jwt = hs256("");
    let header = r#"{"alg":"HS256"}"#;
    let good = claims().to_string();
    assert_eq!(outcome(&jwt, &headed(header, &good, 'a')), Ok(()));
    let inner = plain(&claims());
    let twice = good.replacen('{', r#"{"sub":"mallory","#, 1);
    let deep = good.replacen('{', r#"{"x":{"a":1,"a":2},"#, 1);
    for (payload, fault) in [
        (twice.as_str(), Fault::Twice),
        (&deep, Fault::Twice),
        (inner.expose(), Fault::Payload),
        (&format!("{good} {good}"), Fault::Payload),
        ("[]", Fault::Payload),
        ("", Fault::Payload),
    ] {
        let token = headed(header, payload, 'a');
        assert_eq!(outcome(&jwt, &token), Err(fault), "{payload}");
        let forged = headed(header, payload, 'b');
        assert_eq!(outcome(&jwt, &forged), Err(Fault::Signature), "{payload}");
    }
}

#[test]
fn an_encrypted_token_says_so() {
    let header = base64(br#"{"alg":"dir","enc":"A256GCM"}"#);
    let jwe = SecretText::new(format!("{header}..AAAA.BBBB.CCCC"));
    assert_eq!(outcome(&hs256(""), &jwe), Err(Fault::Encrypted));
}

#[test]
fn a_change_anywhere_is_refused() {
    let jwt = hs256("");
    let good = plain(&claims());
    assert_eq!(outcome(&jwt, &good), Ok(()));
    for at in 0..good.expose().len() {
        for other in [b'A', b'_', b'.', b'='] {
            let mut bytes = good.expose().as_bytes().to_vec();
            if std::mem::replace(&mut bytes[at], other) != other {
                let changed = SecretText::new(String::from_utf8(bytes).unwrap());
                let accepted = jwt
                    .verify_at_hand(changed.expose(), START)
                    .is_some_and(|found| found.is_ok());
                assert!(!accepted, "byte {at} {}", changed.expose());
            }
        }
    }
}
