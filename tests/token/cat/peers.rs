//! Tokens of other libraries, judged here, and ours, judged by them.
//!
//! Must not know: how the server reads a token.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common_access_token::cat_claims::{catm, catu};
use common_access_token::constants::{cat_keys, uri_components};
use common_access_token::{
    Algorithm, KeyId, RegisteredClaims, Token, TokenBuilder, VerificationOptions,
};
use serde_json::{Value, json};

use super::forge::{END, SECRET, key};
use super::{KEY, PLAYLIST, judge, with};
use crate::harness::binary::printed;
use crate::harness::python;
use crate::token::verdict::Judge;

/// A token for `live/news`, as the instance signs it.
fn minted(judge: &Judge) -> String {
    let file = judge.file();
    let query = printed(&[
        "token",
        "mint",
        "--config",
        file,
        "--scheme",
        "cat",
        "--stream",
        "live/news",
        "--subject",
        "bob",
    ]);
    query.strip_prefix("cat=").unwrap().to_owned()
}

#[test]
fn the_rust_crates_tokens_are_taken_and_ours_by_it() {
    let path = [(uri_components::PATH, catu::prefix_match("/live/news/"))];
    let claims = RegisteredClaims::new().with_subject("alice");
    let theirs = TokenBuilder::new()
        .algorithm(Algorithm::HmacSha256)
        .protected_key_id(KeyId::binary(b"k1"))
        .registered_claims(claims.with_expiration(END.unsigned_abs()))
        .custom_cbor(cat_keys::CATU, catu::create(path.into()))
        .custom_array(cat_keys::CATM, catm::create(vec!["GET"]))
        .sign(&key())
        .unwrap();
    let theirs = URL_SAFE_NO_PAD.encode(theirs.to_bytes().unwrap());
    let found = judge("").allows(&with(PLAYLIST, &theirs));
    assert_eq!(found.subject.as_deref(), Some("alice"));
    judge("").denies(&with(KEY, &theirs), "catu");

    let ours = URL_SAFE_NO_PAD.decode(minted(&judge(""))).unwrap();
    let ours = Token::from_bytes(&ours).unwrap();
    ours.verify(&key()).unwrap();
    let options = |uri: &str| VerificationOptions::new().verify_catu(true).uri(uri);
    ours.verify_claims(&options(PLAYLIST)).unwrap();
    assert!(ours.verify_claims(&options(KEY)).is_err());
}

#[test]
fn pythons_tokens_are_taken_and_ours_by_it_whatever_the_algorithm() {
    for algorithm in ["HS256", "ES256", "PS256"] {
        let pair = match algorithm {
            "HS256" => json!({"public": SECRET, "private": SECRET}),
            _ => serde_json::from_str(&python::printed("pyjwt.py", &["pair", algorithm])).unwrap(),
        };
        let mut signing = tempfile::NamedTempFile::new().unwrap();
        signing
            .write_all(pair["private"].as_str().unwrap().as_bytes())
            .unwrap();
        let mode = std::fs::Permissions::from_mode(0o600);
        signing.as_file().set_permissions(mode).unwrap();
        let public = match algorithm {
            "HS256" => format!("secret_hex = {SECRET:?}"),
            _ => format!(
                "public_key_pem = {}, signing_key_file = {:?}",
                pair["public"],
                signing.path()
            ),
        };
        let instance = format!("keys = [{{ kid = \"k7\", alg = {algorithm:?}, {public} }}]");
        let judge = || Judge::new("cat", &instance).now();

        let uri = json!({"map": {"3": {"map": {"4": ["^/live/(\\w+)/", "news"]}}}});
        let nip = json!([{"tag": 52, "item": [24, {"hex": "c00002"}]}]);
        let claims = json!({"2": "alice", "4": END, "311": nip, "312": uri});
        let theirs = sign(algorithm, &pair["private"], &claims);
        let found = judge().ip("192.0.2.77").allows(&with(PLAYLIST, &theirs));
        assert_eq!(found.subject.as_deref(), Some("alice"));
        judge()
            .ip("198.51.100.7")
            .denies(&with(PLAYLIST, &theirs), "catnip");
        judge().ip("192.0.2.77").denies(&with(KEY, &theirs), "catu");
        let unknown = sign(algorithm, &pair["private"], &json!({"4": END, "999": true}));
        judge().denies(&with(PLAYLIST, &unknown), "critical_claim");

        let ours = minted(&judge());
        judge().allows(&with(PLAYLIST, &ours));
        let order =
            json!({"algorithm": algorithm, "key": pair["public"], "kid": "k7", "token": ours});
        assert_eq!(
            python::printed("cat.py", &["verify", &order.to_string()]),
            "bob"
        );
    }
}

fn sign(algorithm: &str, key: &Value, claims: &Value) -> String {
    let order = json!({"algorithm": algorithm, "key": key, "kid": "k7", "claims": claims});
    python::printed("cat.py", &["sign", &order.to_string()])
}
