//! Viewers' tokens of every algorithm, signed by an issuer of the tests' own, and entitlement.
//!
//! Must not know: how the product verifies.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::issuer::{Issuer, now};
use crate::harness::serve::Serve;

const STREAM: &str = "test/seen";
/// The secret of the harness's own scheme.
const SECRET: &[u8] = b"obviously-a-fake-secret-of-40-characters";

/// Claims of a token that opens [`STREAM`] for an hour.
fn claims() -> Value {
    json!({"sub": "alice", "streams": [STREAM], "exp": now() + 3600})
}

/// The same with some of them changed; `null` takes one away.
fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap().clone() {
        claims[&name] = value;
    }
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    claims
}

/// What the key is answered with to a token.
async fn status(serve: &Serve, key: &str, token: &str) -> u16 {
    serve.stranger().with(token).get(key).await.status
}

fn scheme(name: &str, algorithm: &str, file: &str, more: &str) -> String {
    format!(
        "[schemes.{name}]\nkind = \"jwt\"\nalgorithms = [\"{algorithm}\"]\n\
         public_key_file = \"{file}\"\n{more}\n"
    )
}

fn write_key(serve: &Serve, file: &str, issuer: &Issuer) {
    let folder = serve.config();
    std::fs::write(folder.with_file_name(file), issuer.public_pem()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_opens_and_none_opens_for_another() {
    let issuers = Issuer::asymmetric();
    let strangers = Issuer::asymmetric();
    let next = Issuer::asymmetric();
    let schemes: String = issuers
        .iter()
        .map(|issuer| {
            let name = issuer.name().to_lowercase();
            let alternate = format!("alternate_public_key_file = \"{name}-next.pem\"");
            scheme(&name, issuer.name(), &format!("{name}.pem"), &alternate)
        })
        .collect();
    let mut serve = Serve::prepare("\"never\"", &schemes);
    for (issuer, next) in issuers.iter().zip(&next) {
        let name = issuer.name().to_lowercase();
        write_key(&serve, &format!("{name}.pem"), issuer);
        write_key(&serve, &format!("{name}-next.pem"), next);
    }
    serve.resume().await;
    let key = serve.key(STREAM).await;
    for ((issuer, stranger), next) in issuers.iter().zip(&strangers).zip(&next) {
        let name = issuer.name();
        let as_secret = Issuer::Hs256(issuer.public_pem().into_bytes());
        let unsigned = format!(
            "{}.",
            issuer
                .token_as("none", &claims())
                .rsplit_once('.')
                .unwrap()
                .0
        );
        for (what, token, expected) in [
            ("its key", issuer.token(&claims()), 200),
            ("its next key", next.token(&claims()), 200),
            ("another key", stranger.token(&claims()), 401),
            (
                "its public key as a secret",
                as_secret.token(&claims()),
                401,
            ),
            (
                "its own name over that",
                as_secret.token_as(name, &claims()),
                401,
            ),
            ("no signature", unsigned, 401),
            ("another head", issuer.token_as("HS256", &claims()), 401),
            (
                "claims changed afterwards",
                tampered(&issuer.token(&claims())),
                401,
            ),
        ] {
            assert_eq!(
                status(&serve, &key, &token).await,
                expected,
                "{name}: {what}"
            );
        }
    }
}

/// The same signature under other claims.
fn tampered(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let claims = claims_with(&json!({"sub": "mallory"})).to_string();
    [parts[0], &URL_SAFE_NO_PAD.encode(claims), parts[2]].join(".")
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_narrow_and_nothing_widens() {
    let [_, strict, elsewhere] = Issuer::asymmetric();
    let more = "issuer = \"https://login.example\"\naudience = \"hlskey\"\nmax_life = \"2h\"\n\
                stream_claim = \"watch\"\nsubject_claim = \"who\"";
    let schemes = scheme("strict", "ES256", "strict.pem", more)
        + &scheme(
            "elsewhere",
            "EdDSA",
            "elsewhere.pem",
            "streams = [\"other/**\"]",
        );
    let mut serve = Serve::prepare("\"never\"", &schemes);
    write_key(&serve, "strict.pem", &strict);
    write_key(&serve, "elsewhere.pem", &elsewhere);
    serve.resume().await;
    let key = serve.key(STREAM).await;

    let hs = Issuer::Hs256(SECRET.to_vec());
    for (changes, expected) in [
        (json!({}), 200),
        (json!({"streams": STREAM}), 200),
        (json!({"streams": ["test/*", "other/x"]}), 200),
        (json!({"exp": now() - 1}), 401),
        (json!({"exp": null}), 401),
        (json!({"exp": "soon"}), 401),
        (json!({"nbf": now() + 600}), 401),
        (json!({"nbf": now() - 600}), 200),
        (json!({"aud": "somebody-else"}), 401),
        (json!({"streams": ["other/x"]}), 404),
        (json!({"streams": null}), 404),
        (json!({"streams": {"test": true}}), 404),
        (json!({"actions": ["play"]}), 403),
        (json!({"actions": ["deliver", "operate"]}), 200),
        (json!({"kid": "00000000-0000-4000-8000-000000000000"}), 404),
    ] {
        let token = hs.token(&claims_with(&changes));
        assert_eq!(status(&serve, &key, &token).await, expected, "{changes}");
    }

    let good = json!({"iss": "https://login.example", "aud": ["x", "hlskey"], "who": "bob",
        "watch": STREAM, "iat": now(), "streams": null, "sub": null});
    assert_eq!(
        status(&serve, &key, &strict.token(&claims_with(&good))).await,
        200
    );
    for (name, value) in [
        ("iss", json!("https://login.example.evil")),
        ("iss", json!(null)),
        ("aud", json!("other")),
        ("aud", json!(null)),
        ("iat", json!(null)),
        ("iat", json!(now() - 4000)),
    ] {
        let mut bad = good.clone();
        bad[name] = value.clone();
        let token = strict.token(&claims_with(&bad));
        assert_eq!(status(&serve, &key, &token).await, 401, "{name} {value}");
    }
    // Who has no name is a viewer by the token.
    let mut nameless = good.clone();
    nameless["who"] = json!(null);
    let token = strict.token(&claims_with(&nameless));
    assert_eq!(status(&serve, &key, &token).await, 200);
    let token = elsewhere.token(&claims());
    assert_eq!(
        status(&serve, &key, &token).await,
        404,
        "a scheme speaks for its streams alone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_without_entitlement_opens_nothing() {
    let mut serve = Serve::prepare("\"never\"", "");
    let listed = "source = \"static\"\n[[entitlement.viewers]]\nsubject = \"alice\"\n\
                  streams = [\"test/*\"]\n";
    serve.amend("source = \"allow\"", listed);
    serve.resume().await;
    let key = serve.key(STREAM).await;
    let hs = Issuer::Hs256(SECRET.to_vec());
    let viewer = |who: &str| hs.token(&claims_with(&json!({"sub": who})));
    assert_eq!(status(&serve, &key, &viewer("alice")).await, 200);
    let bob = serve.stranger().with(&viewer("bob"));
    assert_eq!(bob.get(&key).await.expect(403).code(), "forbidden");
    bob.get(&format!("/v1/play/{STREAM}/index.m3u8"))
        .await
        .expect(403);
}
