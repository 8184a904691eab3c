//! Which of several keys a token is tried with.
//!
//! Must not know: what claims mean.

use rcgen::PKCS_ECDSA_P521_SHA512;

use super::*;

/// A token by a secret, under the name of a key.
fn named(kid: Option<&str>, algorithm: Algorithm, secret: char) -> SecretText {
    let mut header = Header::new(algorithm);
    header.kid = kid.map(str::to_owned);
    token(&header, &claims(), &key_of(secret))
}

fn entry(kid: Option<&str>, algorithm: &str, secret: char) -> String {
    let kid = kid.map_or(String::new(), |kid| format!("kid = {kid:?}, "));
    format!(
        "{{ {kid}alg = {algorithm:?}, secret = {:?} }}",
        fake_secret(secret)
    )
}

fn keys(entries: &[String]) -> String {
    format!("keys = [{}]\n", entries.join(", "))
}

#[test]
fn a_token_is_tried_with_the_key_that_it_names_and_those_without_a_name() {
    let jwt = instance(&keys(&[
        entry(Some("one"), "HS256", 'a'),
        entry(Some("two"), "HS256", 'b'),
        entry(None, "HS256", 'c'),
    ]));
    for (kid, secret, expected) in [
        (Some("one"), 'a', Ok(())),
        (Some("two"), 'b', Ok(())),
        (Some("one"), 'b', Err(Fault::Signature)),
        (Some("two"), 'a', Err(Fault::Signature)),
        (Some("one"), 'c', Ok(())),
        (Some("other"), 'c', Ok(())),
        (Some("other"), 'a', Err(Fault::Signature)),
        (None, 'a', Ok(())),
        (None, 'b', Ok(())),
        (None, 'd', Err(Fault::Signature)),
    ] {
        let token = named(kid, Algorithm::HS256, secret);
        assert_eq!(outcome(&jwt, &token), expected, "{kid:?} {secret}");
    }
    let named_ones = instance(&keys(&[entry(Some("one"), "HS256", 'a')]));
    for kid in ["", "other", "ONE"] {
        let token = named(Some(kid), Algorithm::HS256, 'a');
        assert_eq!(
            outcome(&named_ones, &token),
            Err(Fault::UnknownKey),
            "{kid}"
        );
    }
}

#[test]
fn a_listed_key_is_for_its_own_algorithm_alone() {
    let jwt = instance(&keys(&[
        entry(Some("one"), "HS256", 'a'),
        entry(Some("two"), "HS512", 'b'),
    ]));
    for (kid, algorithm, expected) in [
        ("one", Algorithm::HS256, Ok(())),
        ("one", Algorithm::HS512, Err(Fault::Algorithm)),
        ("one", Algorithm::HS384, Err(Fault::Algorithm)),
    ] {
        let token = named(Some(kid), algorithm, 'a');
        assert_eq!(outcome(&jwt, &token), expected, "{kid} {algorithm:?}");
    }
    let token = named(None, Algorithm::HS512, 'a');
    assert_eq!(outcome(&jwt, &token), Err(Fault::Signature));
}

/// The settings for one key go on beside `keys`; they have no name.
#[test]
fn every_place_of_a_key_verifies() {
    let both = format!(
        "secret = {:?}\nalternate_secret = {:?}\n{}",
        fake_secret('b'),
        fake_secret('c'),
        keys(&[entry(Some("one"), "HS256", 'a')])
    );
    let jwt = instance(&both);
    for secret in ['a', 'b', 'c'] {
        let token = named(Some("one"), Algorithm::HS256, secret);
        assert_eq!(outcome(&jwt, &token), Ok(()), "{secret}");
    }
    let token = named(Some("one"), Algorithm::HS256, 'd');
    assert_eq!(outcome(&jwt, &token), Err(Fault::Signature));
}

#[test]
fn public_keys_stand_in_the_list_as_text_or_file() {
    let dir = tempfile::tempdir().unwrap();
    for (sort, algorithm) in [
        (&PKCS_RSA_SHA256, Algorithm::PS384),
        (&PKCS_ECDSA_P256_SHA256, Algorithm::ES256),
        (&PKCS_ECDSA_P384_SHA384, Algorithm::ES384),
        (&PKCS_ED25519, Algorithm::EdDSA),
    ] {
        let (_, own) = pair(dir.path(), sort);
        let file = dir.path().join("public.pem");
        let pem = own.public_key_pem();
        let text = format!("keys = [{{ alg = '{algorithm:?}', public_key_pem = {pem:?} }}]");
        let path = format!("keys = [{{ alg = '{algorithm:?}', public_key_file = {file:?} }}]");
        let token = token(
            &Header::new(algorithm),
            &claims(),
            &signing_key(algorithm, &own),
        );
        for toml in [text, path] {
            assert_eq!(outcome(&instance(&toml), &token), Ok(()), "{algorithm:?}");
        }
    }
}

#[test]
fn a_list_that_cannot_be_meant_is_told_precisely() {
    let pem = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let (public, private) = (pem.public_key_pem(), pem.serialize_pem());
    let wide = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap();
    let wide = wide.public_key_pem();
    let secret = fake_secret('a');
    for (toml, told) in [
        ("keys = []".to_owned(), "one of secret"),
        (
            "keys = [{ alg = 'HS256' }]".to_owned(),
            "keys[0]: one of secret",
        ),
        (
            "keys = [{ alg = 'HS256', secret = 'short' }]".to_owned(),
            "keys[0].secret has 5 bytes",
        ),
        (
            format!("keys = [{{ alg = 'HS255', secret = '{secret}' }}]"),
            "keys[0].alg is none",
        ),
        (
            format!("keys = [{{ alg = 'none', secret = '{secret}' }}]"),
            "keys[0].alg is none",
        ),
        (
            format!("keys = [{{ alg = 'ES512', public_key_pem = {public:?} }}]"),
            "alg is ES512",
        ),
        (
            format!("keys = [{{ alg = 'ES384', public_key_pem = {wide:?} }}]"),
            "alg is ES384",
        ),
        (
            format!("keys = [{{ alg = 'RS256', secret = '{secret}' }}]"),
            "keys[0].alg is RS256",
        ),
        (
            format!("keys = [{{ alg = 'HS256', public_key_pem = {public:?} }}]"),
            "alg is HS256",
        ),
        (
            format!("keys = [{{ alg = 'ES384', public_key_pem = {public:?} }}]"),
            "alg is ES384",
        ),
        (
            format!("keys = [{{ alg = 'HS256', secret = {public:?} }}]"),
            "keys[0].secret is a PEM",
        ),
        (
            format!("keys = [{{ alg = 'ES256', public_key_pem = {private:?} }}]"),
            "not the PEM",
        ),
        (
            format!(
                "keys = [{{ alg = 'ES256', public_key_pem = {public:?}, secret = '{secret}' }}]"
            ),
            "keys[0].secret and keys[0].public_key_pem exclude",
        ),
        (
            format!("keys = [{{ alg = 'HS256', secret = '{secret}' }}]\nalgorithms = ['HS512']"),
            "algorithms has HS512",
        ),
        (
            format!(
                "keys = [{{ alg = 'HS256', secret = '{secret}', kid = '{}' }}]",
                "k".repeat(256)
            ),
            "keys[0].kid is longer",
        ),
    ] {
        let fault = configured(&toml).err().map(|fault| fault.to_string());
        assert!(
            fault.as_ref().is_some_and(|it| it.contains(told)),
            "{toml}: {fault:?}"
        );
        let fault = fault.unwrap();
        assert!(!fault.contains(&secret) && !fault.contains(['\\', '\n']));
    }
}
