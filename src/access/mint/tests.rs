//! Minted tokens at the gate that they were minted for.
//!
//! Must not know: the command line.

use std::collections::BTreeMap;
use std::time::Duration;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256};

use super::*;
use crate::access::scheme::{JwtConfig, SchemeConfig, SchemesConfig};
use crate::access::testing::{Bench, START, fake_secret, private_file};
use crate::domain::{Denied, StreamId};

const ALLOW: &str = "[entitlement]\nsource = \"allow\"\n";

/// An instance with a secret of its own and these further options.
fn scheme(name: &str, letter: char, options: &str) -> String {
    let secret = fake_secret(letter);
    format!("[schemes.{name}]\nkind = \"jwt\"\nsecret = {secret:?}\n{options}\n")
}

fn patterns(texts: &[&str]) -> Vec<StreamPattern> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn mint(bench: &Bench, streams: &[&str]) -> Result<SecretText, MintError> {
    let end = START.plus(Duration::from_secs(3600));
    viewer_token(
        &bench.config.schemes,
        &patterns(streams),
        "alice",
        START,
        end,
    )
}

#[tokio::test]
async fn the_token_opens_exactly_what_was_asked_for() {
    let bench = Bench::new(&(scheme("jwt", 'a', "") + ALLOW)).await;
    let token = mint(&bench, &["live/a", "vod/*"]).unwrap();
    let who = bench.admit(&token).await.unwrap();
    assert_eq!(who.principal().subject, "alice");
    for (stream, opened) in [("live/a", true), ("live/b", false), ("vod/x", true)] {
        let stream: StreamId = stream.parse().unwrap();
        assert_eq!(bench.play(&who, &stream).await.is_ok(), opened);
    }
}

#[tokio::test]
async fn a_token_may_be_minted_expired() {
    let bench = Bench::new(&(scheme("jwt", 'a', "") + ALLOW)).await;
    let before = START.minus(Duration::from_secs(3600));
    let streams = patterns(&["live/a"]);
    let token = viewer_token(&bench.config.schemes, &streams, "alice", START, before).unwrap();
    let found = bench.admit(&token).await.unwrap_err();
    assert_eq!(found, Denied::from(Fault::Expired));
}

#[tokio::test]
async fn the_first_instance_that_may_open_the_streams_signs() {
    let a = scheme("a", 'a', "streams = [\"a/**\"]");
    let b = scheme(
        "b",
        'b',
        "streams = [\"b/**\"]\nissuer = \"us\"\naudience = \"keys\"",
    );
    let bench = Bench::new(&(a + &b + ALLOW)).await;
    for stream in ["a/x", "b/x"] {
        let who = bench
            .admit(&mint(&bench, &[stream]).unwrap())
            .await
            .unwrap();
        assert!(who.principal().covers(&stream.parse().unwrap()));
    }
    for streams in [&["c/x"][..], &["a/x", "b/x"], &["**"]] {
        let found = mint(&bench, streams);
        assert!(matches!(found, Err(MintError::NotCovered)), "{streams:?}");
    }
}

/// The first instance takes the tokens of the second, which has the same secret, and opens less.
#[tokio::test]
async fn an_instance_in_front_is_noticed() {
    let narrow = scheme("a", 'a', "streams = [\"a/**\"]");
    let wide = scheme("b", 'a', "");
    let bench = Bench::new(&(narrow + &wide + ALLOW)).await;
    assert!(mint(&bench, &["a/x"]).is_ok());
    assert!(matches!(mint(&bench, &["b/x"]), Err(MintError::NotCovered)));
}

#[tokio::test]
async fn what_the_server_would_refuse_is_not_minted() {
    let bench = Bench::new(&(scheme("jwt", 'a', "max_life = \"59m\"") + ALLOW)).await;
    let found = mint(&bench, &["live/a"]);
    let life = "it lives longer than the scheme allows";
    assert!(matches!(found, Err(MintError::Refused(reason)) if reason == life));

    let bench = Bench::new(&(scheme("jwt", 'a', "actions = [\"play\"]") + ALLOW)).await;
    assert!(matches!(
        mint(&bench, &["live/a"]),
        Err(MintError::NotCovered)
    ));
}

#[tokio::test]
async fn private_keys_sign_for_public_ones() {
    let mut bench = Bench::open().await;
    for algorithm in [&PKCS_RSA_SHA256, &PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
        let pair = KeyPair::generate_for(algorithm).unwrap();
        let stranger = KeyPair::generate_for(algorithm).unwrap();
        let file = |name, pem: &str| private_file(bench.dir.path(), name, pem);
        let scheme = |signing| JwtConfig {
            public_key_file: Some(file("public.pem", &pair.public_key_pem())),
            signing_key_file: signing,
            ..JwtConfig::default()
        };
        let own = scheme(Some(file("own.pem", &pair.serialize_pem())));
        let other = scheme(Some(file("other.pem", &stranger.serialize_pem())));
        let silent = scheme(None);

        let mut mint_with = |scheme| {
            let scheme = SchemeConfig::Jwt(Box::new(scheme));
            bench.config.schemes = SchemesConfig(BTreeMap::from([("jwt".to_owned(), scheme)]));
            mint(&bench, &["live/a"])
        };
        assert!(mint_with(own).is_ok());
        assert!(matches!(mint_with(other), Err(MintError::Config(_))));
        assert!(matches!(mint_with(silent), Err(MintError::NoSigner)));
    }
    bench.config.schemes = SchemesConfig::default();
    assert!(matches!(
        mint(&bench, &["live/a"]),
        Err(MintError::NoSigner)
    ));
}
