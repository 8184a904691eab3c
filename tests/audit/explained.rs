//! `GET /v1/explain/{request_id}`: why a request was refused, by the id that its answer had.
//!
//! Must not know: how the server hashes.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::Value;

use super::{NO_KEY, written};
use crate::harness::actor::Actor;
use crate::harness::serve::Serve;

const SCHEMES: &str = "
[schemes.wowza]
kind = \"securetoken\"
secrets = [\"obviouslyFakeWowza\"]
[schemes.panel]
kind = \"wmsauth\"
secrets = [\"obviouslyFakePanel\"]
[schemes.fastly]
kind = \"hdnts\"
secrets = [\"obviouslyFakeFastly\"]
[schemes.akamai]
kind = \"edgeauth\"
name = \"__token__\"
secrets_hex = [\"aabbccddeeff0011aabbccddeeff0011\"]
[schemes.words]
kind = \"urlparams\"
play = [\"obviouslyFakeWord.doPlay\"]
[schemes.cta]
kind = \"cat\"
keys = [{ kid = \"k\", alg = \"HS256\", secret_hex = \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\" }]
issuers = [\"me\"]
";
const SECRETS: [&str; 7] = [
    "obviouslyFakeWowza",
    "obviouslyFakePanel",
    "obviouslyFakeFastly",
    "aabbccddeeff0011",
    "obviouslyFakeWord",
    "0011223344556677",
    "obviously-a-fake-secret",
];

/// A server with an instance of every scheme, and an operator of everything.
async fn stage() -> (Serve, Actor) {
    let serve = Serve::start("\"never\"", SCHEMES).await;
    let operator = operator(&serve, "operator", "**");
    (serve, operator)
}

fn operator(serve: &Serve, name: &str, streams: &str) -> Actor {
    let file = serve.credential(name, streams, &["operate"]);
    let key = std::fs::read_to_string(file).unwrap();
    serve.ops().with(key.trim())
}

/// What is explained of a request that must be refused.
async fn explained(who: &Actor, operator: &Actor, path: &str) -> Value {
    let answer = who.get(path).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text());
    let id = answer.header("x-request-id").to_owned();
    assert_eq!(answer.json()["request_id"], id);
    let explained = operator.get(&format!("/v1/explain/{id}")).await.expect(200);
    for secret in SECRETS {
        assert!(!explained.text().contains(secret), "{}", explained.text());
    }
    let told = explained.json();
    assert_eq!(told["request_id"], id);
    told
}

fn tried<'a>(told: &'a Value, scheme: &str) -> &'a Value {
    let mut all = told["tried"].as_array().unwrap().iter();
    all.find(|tried| tried["scheme"] == scheme)
        .unwrap_or_else(|| panic!("{told}"))
}

#[tokio::test]
async fn a_refused_request_is_explained_for_each_scheme() {
    let (serve, operator) = stage().await;
    let stranger = serve.stranger();
    let play = |query: &str| format!("/v1/play/test/news/index.m3u8?{query}");
    let text = "test/news/index.m3u8?obviouslyFakeWowza&wowzatokenendtime=4000000000";
    let hash = URL_SAFE.encode(digest(&SHA256, text.as_bytes()));
    for (query, scheme, reason, hint) in [
        (
            format!("wowzatokenendtime=4000000000&wowzatokenhash={hash}"),
            "wowza",
            "hash_mismatch",
            "path_file",
        ),
        (
            "wmsAuthSign=AAAA".to_owned(),
            "panel",
            "malformed",
            "not_text",
        ),
        (
            "hdnts=exp=4000000000~hmac=00".to_owned(),
            "fastly",
            "hash_mismatch",
            "",
        ),
        (
            "__token__=exp=4000000000~acl=/other/*~hmac=00".to_owned(),
            "akamai",
            "hash_mismatch",
            "acl",
        ),
        ("doPlay=another".to_owned(), "words", "signature", "value"),
        (
            "token=e30.e30.c2ln".to_owned(),
            "viewers",
            "header",
            "header",
        ),
        ("cat=AAAA".to_owned(), "cta", "malformed", ""),
    ] {
        let told = explained(&stranger, &operator, &play(&query)).await;
        let tried = tried(&told, scheme);
        assert_eq!(
            (&told["kind"], &told["action"]),
            (&"refused".into(), &"play".into())
        );
        assert_eq!(tried["reason"], reason, "{told}");
        let hints = tried["hints"].to_string();
        assert!(hints.contains(hint) || hint == "not_text", "{told}");
        assert!(!told.to_string().contains(&hash), "{told}");
    }
    let told = explained(
        &stranger,
        &operator,
        &play("wowzatokenendtime=4000000000&wowzatokenhash=AA"),
    )
    .await;
    let canonical = tried(&told, "wowza")["canonical"].to_string();
    assert!(
        canonical.contains("test/news?<secret>&wowzatokenendtime=4000000000"),
        "{told}"
    );
}

#[tokio::test]
async fn an_operator_is_told_of_its_own_streams_alone() {
    let (mut serve, operator_of_all) = stage().await;
    let own = operator(&serve, "own", "test/mine/**");
    let viewer = serve.viewer("test/mine");
    let other = explained(&viewer, &operator_of_all, "/v1/play/test/other/index.m3u8").await;
    assert_eq!(
        (&other["reason"], &other["stream"]),
        (&"stream".into(), &"test/other".into())
    );
    assert_eq!(other["viewer"], "viewer");
    let path = format!("/v1/explain/{}", other["request_id"].as_str().unwrap());
    own.get(&path).await.expect(404);
    let stranger = serve.stranger();
    let mine = explained(&stranger, &operator_of_all, "/v1/play/test/mine/index.m3u8").await;
    let unplaced = explained(&stranger, &operator_of_all, NO_KEY).await;
    let of = |told: &Value| format!("/v1/explain/{}", told["request_id"].as_str().unwrap());
    own.get(&of(&unplaced)).await.expect(404);
    written(&serve, 3).await;
    let listed = own.get("/v1/audit").await.expect(200).json();
    let streams: Vec<_> = listed["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["stream"])
        .collect();
    assert!(
        streams.iter().all(|stream| *stream == "test/mine"),
        "{listed}"
    );
    assert_eq!(mine["stream"], "test/mine");
    // After a restart nothing is remembered but what was written down.
    serve.pause().await;
    serve.resume().await;
    let told = operator_of_all.get(&of(&other)).await.expect(200).json();
    assert_eq!(
        (&told["reason"], &told["tried"]),
        (&"stream".into(), &Value::Array(vec![]))
    );
    own.get(&of(&other)).await.expect(404);
    operator_of_all
        .get("/v1/explain/0000000000000000")
        .await
        .expect(404);
}
