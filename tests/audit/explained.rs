//! `GET /v1/explain/{request_id}`: why a request was refused, by the id that its answer had.
//!
//! Must not know: how the server hashes.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use md5::{Digest as _, Md5};
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

/// What a signer should have hashed for Wowza, and what it did.
const RIGHT: &str = "test/news?obviouslyFakeWowza&wowzatokenendtime=4000000000";
const MISTAKEN: &str = "test/news/index.m3u8?obviouslyFakeWowza&wowzatokenendtime=4000000000";

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

/// A query that one scheme refuses, why, and what is found out: hints, the right text, and where the
/// signer's parts from it.
struct Case {
    query: String,
    scheme: &'static str,
    reason: &'static str,
    hints: &'static [&'static str],
    canonical: Option<&'static str>,
    difference: Option<(usize, &'static str, &'static str)>,
}

fn case(query: String, scheme: &'static str, reason: &'static str) -> Case {
    Case {
        query,
        scheme,
        reason,
        hints: &[],
        canonical: None,
        difference: None,
    }
}

fn signed(secret: &[u8], text: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Wowza's signer hashes this.
fn wowza(hashed: &str) -> String {
    let hash = URL_SAFE.encode(digest(&SHA256, hashed.as_bytes()));
    format!("wowzatokenendtime=4000000000&wowzatokenhash={hash}")
}

/// Akamai's signer hashes this URL.
fn akamai(url: &str) -> String {
    let key: Vec<u8> = [0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00, 0x11].repeat(2);
    let mac = signed(&key, &format!("exp=4000000000~url={url}"));
    format!("__token__=exp=4000000000~hmac={mac}")
}

/// Each scheme's signer makes a mistake that people make.
fn mistaken() -> Vec<Case> {
    let today = "1/1/2024 12:00:00 AM";
    let hash = STANDARD.encode(Md5::digest(format!("IDobviouslyFakePanel{today}20news")));
    let fields = format!("server_time={today}&hash_value={hash}&validminutes=20&id=ID&strm_len=9");
    let panel = format!("wmsAuthSign={}", STANDARD.encode(fields));
    let mac = signed(b"obviouslyFakeFastly", "exp=4000000000~stream_id=test");
    let fastly = format!("hdnts=exp=4000000000~hmac={mac}");
    vec![
        Case {
            hints: &["path_file"],
            canonical: Some("test/news?<secret>&wowzatokenendtime=4000000000"),
            difference: Some((
                9,
                "?<secret>&wowzatokenendtime=4000000000",
                "/index.m3u8?<secret>&wowzatokenendtime=4",
            )),
            ..case(wowza(MISTAKEN), "wowza", "hash_mismatch")
        },
        Case {
            hints: &["path_name"],
            canonical: Some("ID<secret>1/1/2024 12:00:00 AM20test/news"),
            difference: Some((32, "test/news", "news")),
            ..case(panel, "panel", "hash_mismatch")
        },
        Case {
            hints: &["stream_id"],
            canonical: Some("exp=4000000000~stream_id=news"),
            difference: Some((25, "news", "test")),
            ..case(fastly, "fastly", "hash_mismatch")
        },
        Case {
            hints: &["url_slash"],
            canonical: Some("exp=4000000000~url=/test/news/index.m3u8"),
            difference: Some((19, "/test/news/index.m3u8", "test/news/index.m3u8")),
            ..case(akamai("test/news/index.m3u8"), "akamai", "hash_mismatch")
        },
    ]
}

/// The same of tokens that players show for a key: the mistakes with a playlist's name are others, since
/// what was hashed of a playlist is not known there.
fn mistaken_of_keys() -> Vec<Case> {
    let [path, panel, fastly, url]: [Case; 4] = mistaken().try_into().ok().unwrap();
    let path = Case {
        query: wowza(&format!("/{RIGHT}")),
        hints: &["path_slash"],
        difference: Some((
            0,
            "test/news?<secret>&wowzatokenendtime=400",
            "/test/news?<secret>&wowzatokenendtime=40",
        )),
        ..path
    };
    let url = Case {
        query: akamai("test/news"),
        canonical: Some("exp=4000000000~url=/test/news"),
        difference: Some((19, "/test/news", "test/news")),
        ..url
    };
    vec![path, panel, fastly, url]
}

/// What a request shows that is no token, or a good one's ruin.
fn ruined() -> Vec<Case> {
    let elsewhere = "__token__=exp=4000000000~acl=/other/*~hmac=00";
    vec![
        Case {
            hints: &["field_missing"; 3],
            ..case("wmsAuthSign=AAAA".to_owned(), "panel", "malformed")
        },
        Case {
            canonical: Some("exp=4000000000~stream_id=news"),
            ..case(
                "hdnts=exp=4000000000~hmac=00".to_owned(),
                "fastly",
                "hash_mismatch",
            )
        },
        Case {
            hints: &["acl"],
            canonical: Some("exp=4000000000~acl=/other/*"),
            ..case(elsewhere.to_owned(), "akamai", "hash_mismatch")
        },
        Case {
            hints: &["value"],
            ..case("doPlay=another".to_owned(), "words", "signature")
        },
        Case {
            hints: &["header", "claims"],
            ..case("token=e30.e30.c2ln".to_owned(), "viewers", "header")
        },
        Case {
            hints: &["cose"],
            ..case("cat=AAAA".to_owned(), "cta", "malformed")
        },
    ]
}

impl Case {
    /// Of a request with this action, that is what is told.
    fn check(&self, told: &Value, action: &str) {
        let tried = tried(told, self.scheme);
        assert_eq!(
            (&told["kind"], &told["action"]),
            (&"refused".into(), &action.into())
        );
        assert_eq!(tried["reason"], self.reason, "{told}");
        let hints = tried["hints"].as_array().unwrap().iter();
        let hints: Vec<_> = hints.map(|hint| hint["code"].as_str().unwrap()).collect();
        assert_eq!(hints, self.hints, "{told}");
        assert_eq!(tried["canonical"].as_str(), self.canonical, "{told}");
        let difference = &tried["difference"];
        let difference = difference["at"].as_u64().map(|at| {
            let text = |name: &str| difference[name].as_str().unwrap();
            (usize::try_from(at).unwrap(), text("right"), text("hashed"))
        });
        assert_eq!(difference, self.difference, "{told}");
        // The right hash is not told either: whoever reads this could sign.
        let right = URL_SAFE.encode(digest(&SHA256, RIGHT.as_bytes()));
        assert!(!told.to_string().contains(&right), "{told}");
    }
}

#[tokio::test]
async fn a_refused_request_is_explained_for_each_scheme() {
    let (serve, operator) = stage().await;
    let stranger = serve.stranger();
    for case in mistaken().into_iter().chain(ruined()) {
        let path = format!("/v1/play/test/news/index.m3u8?{}", case.query);
        let told = explained(&stranger, &operator, &path).await;
        case.check(&told, "play");
    }
}

/// A key's URL does not say what was signed: that is the path of its stream.
#[tokio::test]
async fn a_refused_key_is_explained_by_the_path_of_its_stream() {
    let (serve, operator) = stage().await;
    let stranger = serve.stranger();
    let key = serve.key_path("test/news").await;
    for case in mistaken_of_keys().into_iter().chain(ruined()) {
        let told = explained(&stranger, &operator, &format!("{key}?{}", case.query)).await;
        assert!(key.ends_with(told["kid"].as_str().unwrap()), "{told}");
        case.check(&told, "deliver");
    }
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
