//! PyJWT at the other end: what it signs is taken, what is minted here it verifies.
//!
//! Must not know: how either signs.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::verdict::Judge;
use crate::harness::authority::private;
use crate::harness::binary::printed;
use crate::harness::python;

const SECRET: &str = "obviously-a-fake-secret-of-40-characters";
const OTHER: &str = "obviously-another-fake-secret-of-40-char";

/// Every algorithm, each with a sort of key.
const ALGORITHMS: [&str; 13] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "ES512", "EdDSA",
];

/// What signs and what verifies: the same secret, or a pair of PEM texts.
#[derive(Clone)]
struct Keys {
    private: String,
    public: String,
}

impl Keys {
    fn of(algorithm: &str, secret: &str) -> Self {
        if algorithm.starts_with("HS") {
            let (private, public) = (secret.to_owned(), secret.to_owned());
            return Self { private, public };
        }
        let pair = python::printed("pyjwt.py", &["pair", algorithm]);
        let pair: Value = serde_json::from_str(&pair).unwrap();
        let text = |name: &str| pair[name].as_str().unwrap().to_owned();
        Self {
            private: text("private"),
            public: text("public"),
        }
    }

    /// The entry of `keys`.
    fn entry(&self, algorithm: &str, kid: Option<&str>) -> String {
        let kid = kid.map_or(String::new(), |kid| format!("kid = {kid:?}, "));
        let setting = match algorithm.starts_with("HS") {
            true => "secret",
            false => "public_key_pem",
        };
        format!(
            "{{ {kid}alg = {algorithm:?}, {setting} = {:?} }}",
            self.public
        )
    }

    fn order(&self, algorithm: &str, headers: &Value, claims: &Value) -> Value {
        json!({
            "algorithm": algorithm, "key": self.private, "headers": headers, "claims": claims,
        })
    }

    /// One of each sort for all algorithms: what a sort has in common is not made anew.
    fn every(secret: &str) -> Vec<Self> {
        let of = |sort| Self::of(sort, secret);
        let sorts = ["HS256", "RS256", "ES256", "ES384", "ES512", "EdDSA"].map(of);
        let sort_of = |algorithm: &&str| match &algorithm[..2] {
            "HS" => &sorts[0],
            "RS" | "PS" => &sorts[1],
            _ if *algorithm == "ES256" => &sorts[2],
            _ if *algorithm == "ES384" => &sorts[3],
            _ if *algorithm == "ES512" => &sorts[4],
            _ => &sorts[5],
        };
        ALGORITHMS.iter().map(|it| sort_of(it).clone()).collect()
    }
}

/// Tokens as ordered.
fn signed(orders: &[Value]) -> Vec<String> {
    let tokens = python::printed("pyjwt.py", &["sign", &json!(orders).to_string()]);
    tokens.lines().map(str::to_owned).collect()
}

fn claims() -> Value {
    json!({
        "sub": "alice", "streams": ["live/*"], "exp": 1_704_070_800, "iss": "https://i.example",
        "aud": "hlskey",
    })
}

fn verified(order: &Value) -> Value {
    serde_json::from_str(&python::printed(
        "pyjwt.py",
        &["verify", &order.to_string()],
    ))
    .unwrap()
}

/// The short configuration that the documentation begins with.
fn judge(entries: &[String]) -> Judge {
    let keys = entries.join(", ");
    let names = "issuers = [\"https://i.example\"]\naudiences = [\"hlskey\"]";
    Judge::new("jwt", &format!("keys = [{keys}]\n{names}"))
}

fn with_bearer(judge: Judge, token: &str) -> Judge {
    let header = format!("Authorization: Bearer {token}");
    judge.with(&["--header", &header])
}

const URL: &str = "https://video.example/live/news/playlist.m3u8";

#[test]
fn what_pyjwt_signs_by_any_algorithm_is_taken() {
    let (own, strangers) = (Keys::every(SECRET), Keys::every(OTHER));
    let [mut mallory, mut elsewhere] = [claims(), claims()];
    mallory["sub"] = "mallory".into();
    elsewhere["iss"] = "https://other.example".into();
    for ((algorithm, own), stranger) in ALGORITHMS.iter().zip(&own).zip(&strangers) {
        let none = json!({});
        let tokens = signed(&[
            own.order(algorithm, &none, &claims()),
            stranger.order(algorithm, &none, &claims()),
            own.order(algorithm, &none, &mallory),
            own.order(algorithm, &none, &elsewhere),
        ]);
        let [good, foreign, forged, elsewhere] = tokens.try_into().unwrap();
        let entry = [own.entry(algorithm, None)];
        let verdict = with_bearer(judge(&entry), &good).allows(URL);
        assert_eq!(verdict.subject.as_deref(), Some("alice"), "{algorithm}");
        assert_eq!(verdict.streams, ["live/*"]);
        assert_eq!(verdict.expires.as_deref(), Some("2024-01-01T01:00:00.000Z"));
        let deny = |token: &str, reason| with_bearer(judge(&entry), token).denies(URL, reason);
        deny(&foreign, "signature");
        let ([header, payload, signature], [_, other, _]) = (parts(&good), parts(&forged));
        deny(&format!("{header}.{other}.{signature}"), "signature");
        deny(&format!("{header}.{payload}."), "signature");
        deny(&elsewhere, "issuer");
        with_bearer(judge(&entry), &good)
            .at(1_704_070_800)
            .denies(URL, "expired");
    }
}

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

#[test]
fn what_is_named_is_looked_for_by_its_name() {
    let (one, two) = (Keys::of("ES256", ""), Keys::of("HS256", SECRET));
    let entries = [
        one.entry("ES256", Some("one")),
        two.entry("HS256", Some("two")),
    ];
    let order = |keys: &Keys, algorithm, kid| {
        let headers = json!({ "kid": kid });
        keys.order(algorithm, &headers, &claims())
    };
    let tokens = signed(&[
        order(&one, "ES256", "one"),
        order(&two, "HS256", "two"),
        order(&one, "ES256", "two"),
        order(&two, "HS256", "one"),
        order(&two, "HS256", "three"),
    ]);
    for token in &tokens[..2] {
        with_bearer(judge(&entries), token).allows(URL);
    }
    let reasons = ["algorithm", "algorithm", "unknown_key"];
    for (token, reason) in tokens[2..].iter().zip(reasons) {
        with_bearer(judge(&entries), token).denies(URL, reason);
    }
}

#[test]
fn a_header_that_brings_a_key_is_refused() {
    let keys = Keys::of("HS256", SECRET);
    let entries = [keys.entry("HS256", None)];
    let cases = [
        (json!({"jwk": {"kty": "oct", "k": "AA"}}), "header_jwk"),
        (json!({"jku": "https://attacker.example/"}), "header_jku"),
        (json!({"x5u": "https://attacker.example/"}), "header_x5u"),
        (json!({"x5c": ["AA=="]}), "header_x5c"),
        (json!({"cty": "JWT"}), "encrypted"),
        (json!({}), "unsigned"),
    ];
    let orders = cases.iter().map(|(headers, reason)| match *reason {
        "unsigned" => json!({"algorithm": "none", "key": null, "claims": claims()}),
        _ => keys.order("HS256", headers, &claims()),
    });
    let tokens = signed(&orders.collect::<Vec<_>>());
    for (token, (_, reason)) in tokens.iter().zip(&cases) {
        with_bearer(judge(&entries), token).denies(URL, reason);
    }
}

#[test]
fn a_minted_token_verifies_with_pyjwt() {
    let folder = TempDir::new().unwrap();
    for (algorithm, keys) in ALGORITHMS.into_iter().zip(Keys::every(SECRET)) {
        let mut settings = format!("keys = [{}]\n", keys.entry(algorithm, Some("one")));
        settings += "issuers = [\"https://i.example\"]\naudiences = [\"hlskey\"]\n";
        if !algorithm.starts_with("HS") {
            let path = folder.path().join(algorithm);
            private(&path, &keys.private);
            settings += &format!("signing_key_file = {path:?}\n");
        }
        let judge = Judge::new("jwt", &settings).now();
        let mint = ["token", "mint", "--config", judge.file()];
        let token = printed(&[&mint[..], &["--stream", "live/news"]].concat());
        let claims = verified(&json!({
            "algorithm": algorithm, "key": keys.public, "token": token, "audience": "hlskey",
        }));
        assert_eq!(claims["streams"], json!(["live/news"]), "{algorithm}");
        assert_eq!(claims["iss"], "https://i.example");
        let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(life, 3600);
        with_bearer(judge, &token).allows(URL);
    }
}

#[test]
fn a_short_secret_is_told_and_never_shown() {
    let judge = Judge::new(
        "jwt",
        "keys = [{ alg = \"HS256\", secret = \"hush-hush\" }]",
    );
    let args = [
        "token",
        "verify",
        "--scheme",
        "jwt",
        "--config",
        judge.file(),
        "--url",
        URL,
    ];
    let output = crate::harness::binary::run(&args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("keys[0].secret has 9 bytes"), "{errors}");
    assert!(!errors.contains("hush"), "{errors}");
    for wrong in [
        "keys = [{ alg = \"HS256\", secret = 12345678 }]",
        "keys = \"12345678\"",
        "keys = [{ alg = \"HS256\", secrets = \"12345678\" }]",
    ] {
        let judge = Judge::new("jwt", wrong);
        let args = args.map(|arg| {
            if arg.starts_with('/') {
                judge.file()
            } else {
                arg
            }
        });
        let output = crate::harness::binary::run(&args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(
            errors.contains("secret") || errors.contains("keys"),
            "{errors}"
        );
        assert!(!errors.contains("12345678"), "{errors}");
    }
}
