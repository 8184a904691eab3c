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
const ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "EdDSA",
];

/// What signs and what verifies: the same secret, or a pair of PEM texts.
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

    fn sign(&self, algorithm: &str, headers: &Value, claims: &Value) -> String {
        let order = json!({
            "algorithm": algorithm, "key": self.private, "headers": headers, "claims": claims,
        });
        python::printed("pyjwt.py", &["sign", &order.to_string()])
    }
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
    for algorithm in ALGORITHMS {
        let (own, stranger) = (Keys::of(algorithm, SECRET), Keys::of(algorithm, OTHER));
        let entry = [own.entry(algorithm, None)];
        let none = json!({});
        let good = own.sign(algorithm, &none, &claims());
        let verdict = with_bearer(judge(&entry), &good).allows(URL);
        assert_eq!(verdict.subject.as_deref(), Some("alice"), "{algorithm}");
        assert_eq!(verdict.streams, ["live/*"]);
        assert_eq!(verdict.expires.as_deref(), Some("2024-01-01T01:00:00.000Z"));
        let deny = |token: &str, reason| with_bearer(judge(&entry), token).denies(URL, reason);
        deny(&stranger.sign(algorithm, &none, &claims()), "signature");
        let [header, payload, signature] = parts(&good);
        let mut other = claims();
        other["sub"] = "mallory".into();
        let [_, forged, _] = parts(&own.sign(algorithm, &none, &other));
        deny(&format!("{header}.{forged}.{signature}"), "signature");
        deny(&format!("{header}.{payload}."), "signature");
        other["iss"] = "https://other.example".into();
        deny(&own.sign(algorithm, &none, &other), "issuer");
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
    let sign = |keys: &Keys, algorithm, kid| keys.sign(algorithm, &json!({"kid": kid}), &claims());
    with_bearer(judge(&entries), &sign(&one, "ES256", "one")).allows(URL);
    with_bearer(judge(&entries), &sign(&two, "HS256", "two")).allows(URL);
    for (token, reason) in [
        (sign(&one, "ES256", "two"), "algorithm"),
        (sign(&two, "HS256", "one"), "algorithm"),
        (sign(&two, "HS256", "three"), "unknown_key"),
    ] {
        with_bearer(judge(&entries), &token).denies(URL, reason);
    }
}

#[test]
fn a_header_that_brings_a_key_is_refused() {
    let keys = Keys::of("HS256", SECRET);
    let entries = [keys.entry("HS256", None)];
    for (headers, reason) in [
        (json!({"jwk": {"kty": "oct", "k": "AA"}}), "header_jwk"),
        (json!({"jku": "https://attacker.example/"}), "header_jku"),
        (json!({"x5u": "https://attacker.example/"}), "header_x5u"),
        (json!({"x5c": ["AA=="]}), "header_x5c"),
        (json!({"cty": "JWT"}), "encrypted"),
    ] {
        let token = keys.sign("HS256", &headers, &claims());
        with_bearer(judge(&entries), &token).denies(URL, reason);
    }
    let unsigned = json!({"algorithm": "none", "key": null, "claims": claims()});
    let unsigned = python::printed("pyjwt.py", &["sign", &unsigned.to_string()]);
    with_bearer(judge(&entries), &unsigned).denies(URL, "unsigned");
}

#[test]
fn a_minted_token_verifies_with_pyjwt() {
    let folder = TempDir::new().unwrap();
    for algorithm in ALGORITHMS {
        let keys = Keys::of(algorithm, SECRET);
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
