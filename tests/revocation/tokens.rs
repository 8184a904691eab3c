//! A token of each kind by the name that the trail has for it: revoked, it opens nothing in any spelling,
//! and what was made of it falls too.
//!
//! Must not know: how a token is named.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{STREAM, Scene, now_seconds};
use crate::harness::actor::Actor;
use crate::harness::binary::printed;
use crate::harness::issuer::Issuer;
use crate::harness::serve::Serve;

/// One instance of each kind that signs tokens; a key of `partners` is put in.
const SCHEMES: &str = r#"
[schemes.securetoken]
streams = ["test/*"]
secrets = ["obviously-a-fake-secret"]
[schemes.wmsauth]
streams = ["test/*"]
secrets = ["obviously-a-fake-secret"]
[schemes.hdnts]
streams = ["test/*"]
secrets = ["obviously-a-fake-secret"]
[schemes.edgeauth]
streams = ["test/*"]
secrets_hex = ["0123456789abcdef"]
[schemes.cat]
streams = ["test/*"]
keys = [{ kid = "k1", alg = "HS256", secret_hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }]
[schemes.partners]
kind = "jwt"
streams = ["test/*"]
keys = [{ alg = "ES256", public_key_file = "partners.pem" }]
"#;

/// The order of P-256's group (FIPS 186-5): a signature's other half may be taken from it.
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// A viewer's token of one kind.
struct Held {
    scheme: &'static str,
    /// Who it says that it is for, if it does.
    viewer: Option<&'static str>,
    query: String,
    /// The same token, written otherwise.
    respelt: String,
    /// Another one of the same kind and for the same viewer.
    another: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_each_kind_falls_in_every_spelling_with_what_was_made_of_it() {
    let partners = Issuer::asymmetric().into_iter().nth(1).unwrap();
    let mut serve = Serve::prepare("{ every = \"1h\" }", SCHEMES);
    let pem = serve.config().with_file_name("partners.pem");
    std::fs::write(pem, partners.public_pem()).unwrap();
    serve.resume().await;
    let mut scene = Scene::of(serve).await;
    let all = held(&scene.serve, &partners);
    let nobody = scene.serve.stranger();
    let uri = format!("{}{}", scene.serve.url(), key(&scene, ""));
    let uri = uri.trim_end_matches('?');
    scene.serve.publish(&format!("{STREAM}/index.m3u8"), uri);
    let mut granted = Vec::new();
    for token in &all {
        for query in [&token.query, &token.respelt, &token.another] {
            nobody.get(&key(&scene, query)).await.expect(200);
        }
        granted.push(grant(&nobody, &token.query).await);
    }
    let names = names(&mut scene, &all).await;
    for ((token, name), granted) in all.iter().zip(&names).zip(&granted) {
        let Held { scheme, .. } = token;
        let by_viewer = token.viewer.unwrap_or(name);
        for (body, others) in [
            (json!({"token": name}), 200),
            (json!({"session": name, "scheme": scheme}), 200),
            (
                json!({"viewer": by_viewer, "scheme": scheme}),
                if token.viewer.is_some() { 403 } else { 200 },
            ),
        ] {
            let id = scene.revoke(&body).await["id"].clone();
            let paths = [
                key(&scene, &token.query),
                key(&scene, &token.respelt),
                granted.clone(),
                key(&scene, &token.another),
            ];
            for (path, status) in paths.iter().zip([403, 403, 403, others]) {
                let found = nobody.get(path).await.status;
                assert_eq!(found, status, "{scheme} {body} {path}");
            }
            let lifted = format!("/v1/revocations/{}", id.as_str().unwrap());
            scene
                .operator
                .ask("DELETE", &lifted, None)
                .await
                .expect(204);
            for path in &paths {
                nobody.get(path).await.expect(200);
            }
        }
    }
}

/// A viewer's name as it is hashed, and ways in which a URL can have it.
const SPELLINGS: [(&str, &[&str]); 3] = [
    ("alice", &["alice", "%61lice", "%61%6C%69%63%65"]),
    ("a b", &["a%20b", "a+b"]),
    ("a+b", &["a+b", "a%2Bb", "a%2bb"]),
];

/// A SecureToken is hashed in one way and written in many; a viewer who could be another by each would be met
/// by no revocation, no limit and no list.
#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_falls_however_the_url_spells_who_it_is() {
    const NAMED: &str = r#"
[schemes.wowza]
kind = "securetoken"
streams = ["test/*"]
secrets = ["obviously-a-fake-secret"]
subject_parameter = "userid"
"#;
    let mut scene = Scene::of(Serve::start("\"never\"", NAMED).await).await;
    let nobody = scene.serve.stranger();
    let spelt = |of: &[(&str, &[&str])]| -> Vec<String> {
        let each = of
            .iter()
            .flat_map(|(hashed, all)| all.iter().map(|written| (*hashed, *written)));
        each.map(|(hashed, written)| key(&scene, &wowza(hashed, written)))
            .collect()
    };
    for own in SPELLINGS {
        let others = SPELLINGS.into_iter().filter(|other| other.0 != own.0);
        let (own_paths, others) = (spelt(&[own]), spelt(&others.collect::<Vec<_>>()));
        for path in own_paths.iter().chain(&others) {
            nobody.get(path).await.expect(200);
        }
        let body = json!({"viewer": own.0, "scheme": "wowza"});
        let id = scene.revoke(&body).await["id"].clone();
        for (paths, status) in [(&own_paths, 403), (&others, 200)] {
            for path in paths {
                let found = nobody.get(path).await.status;
                assert_eq!(found, status, "{} revoked: {path}", own.0);
            }
        }
        let lifted = format!("/v1/revocations/{}", id.as_str().unwrap());
        let answer = scene.operator.ask("DELETE", &lifted, None).await;
        answer.expect(204);
    }
    scene.serve.pause().await;
    let config = scene.serve.config();
    let args = [
        "audit",
        "ls",
        "--config",
        config.to_str().unwrap(),
        "--json",
    ];
    let rows = printed(&[&args[..], &["--kind", "delivered"]].concat());
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    let of_it = rows.iter().filter(|row| row["scheme"] == "wowza");
    let mut viewers: Vec<_> = of_it.map(|row| row["viewer"].as_str().unwrap()).collect();
    viewers.sort_unstable();
    viewers.dedup();
    assert_eq!(viewers, ["a b", "a+b", "alice"]);
}

/// A token whose signer hashed `hashed` as the viewer, in a URL that has `written` there.
fn wowza(hashed: &str, written: &str) -> String {
    let end = "wowzatokenendtime=4000000000";
    let text = format!("{STREAM}?obviously-a-fake-secret&{end}&wowzatokenuserid={hashed}");
    let hash = URL_SAFE.encode(digest(&SHA256, text.as_bytes()));
    format!("{end}&wowzatokenuserid={written}&wowzatokenhash={hash}")
}

/// An operator who knows nothing but the trail: what each scheme's first token is called there.
async fn names(scene: &mut Scene, all: &[Held]) -> Vec<String> {
    scene.serve.pause().await;
    let config = scene.serve.config();
    let config = config.to_str().unwrap();
    let args = ["audit", "ls", "--config", config, "--json"];
    let rows = printed(&[&args[..], &["--kind", "delivered"]].concat());
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    scene.serve.resume().await;
    let named = |token: &Held| {
        let of_it = |row: &&Value| row["scheme"] == token.scheme;
        let mut names: Vec<_> = rows.iter().filter(of_it).collect();
        // Of two spellings there are two deliveries, and one name.
        names.retain(|row| row["count"].as_i64() >= Some(2));
        let mut names: Vec<_> = names.iter().map(|row| row["token"].as_str()).collect();
        names.dedup();
        assert_eq!(names.len(), 1, "{}: {rows:?}", token.scheme);
        names[0].unwrap().to_owned()
    };
    let names: Vec<String> = all.iter().map(named).collect();
    // The issuer's own name where there is one, which is `cti` here (RFC 8392 §3.1.7).
    let cat = all.iter().position(|token| token.scheme == "cat").unwrap();
    let bytes = decoded(&all[cat].query);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(hex.contains(&format!("0750{}", names[cat])));
    names
}

fn held(serve: &Serve, partners: &Issuer) -> [Held; 6] {
    let of = |scheme: &'static str, viewer, respelt: fn(&str) -> String| {
        let mint = |ttl: &str| {
            let config = serve.config();
            let config = config.to_str().unwrap();
            let args = ["token", "mint", "--config", config, "--scheme", scheme];
            let more = ["--stream", STREAM, "--subject", "alice", "--ttl", ttl];
            printed(&[&args[..], &more].concat())
        };
        let query = mint("1h");
        Held {
            scheme,
            viewer,
            respelt: respelt(&query),
            query,
            another: mint("2h"),
        }
    };
    [
        of("securetoken", None, unpadded),
        of("wmsauth", Some("alice"), reordered),
        of("hdnts", None, capitals),
        of("edgeauth", Some("alice"), capitals),
        of("cat", Some("alice"), untagged),
        signed(partners),
    ]
}

/// A JWT without a name of its own.
fn signed(partners: &Issuer) -> Held {
    let token = |life: i64| {
        let end = now_seconds() + life;
        let claims = json!({"sub": "alice", "streams": "test/*", "exp": end});
        format!("token={}", partners.token(&claims))
    };
    let query = token(3600);
    Held {
        scheme: "partners",
        viewer: Some("alice"),
        respelt: mirrored(&query),
        query,
        another: token(7200),
    }
}

/// The hash without its `=`.
fn unpadded(query: &str) -> String {
    let bare = query.trim_end_matches('=');
    assert!(bare.len() < query.len(), "{query}");
    bare.to_owned()
}

/// The fields, in another order.
fn reordered(query: &str) -> String {
    let (name, sign) = query.split_once('=').unwrap();
    let inner = String::from_utf8(STANDARD.decode(sign).unwrap()).unwrap();
    let fields: Vec<_> = inner.rsplit('&').collect();
    format!("{name}={}", STANDARD.encode(fields.join("&")))
}

/// The hash in capitals.
fn capitals(query: &str) -> String {
    let (fields, hash) = query.rsplit_once("~hmac=").unwrap();
    let capitals = hash.to_uppercase();
    assert_ne!(hash, capitals);
    format!("{fields}~hmac={capitals}")
}

/// Without the tags that say what it is.
fn untagged(query: &str) -> String {
    let bytes = decoded(query);
    assert_eq!(bytes[..3], [0xd8, 61, 0xd0 | 1]);
    format!("cat={}", URL_SAFE_NO_PAD.encode(&bytes[3..]))
}

fn decoded(query: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(query.split_once('=').unwrap().1)
        .unwrap()
}

/// The other signature that the same key and text have: (r, n - s) for (r, s).
fn mirrored(query: &str) -> String {
    let (body, signature) = query.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrowed = 0;
    for (at, byte) in signature[32..].iter_mut().enumerate().rev() {
        let order = i16::from_str_radix(&ORDER[2 * at..2 * at + 2], 16).unwrap();
        let rest = order - i16::from(*byte) - borrowed;
        borrowed = i16::from(rest < 0);
        *byte = u8::try_from(rest.rem_euclid(256)).unwrap();
    }
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn key(scene: &Scene, query: &str) -> String {
    format!("/v1/keys/{}?{query}", scene.kids[0])
}

/// The path of a key as the viewer's own playlist has it.
async fn grant(nobody: &Actor, query: &str) -> String {
    let path = format!("/v1/play/{STREAM}/index.m3u8?{query}");
    let text = nobody.get(&path).await.expect(200).text();
    let key = text.lines().find(|line| line.starts_with("#EXT-X-KEY"));
    let uri = crate::independent::playlist::quoted(key.unwrap(), "URI").unwrap();
    uri.split_at(uri.find("/v1/").unwrap()).1.to_owned()
}
