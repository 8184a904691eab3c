//! What a JSON Web Token says of itself, for whoever asks why it does not verify.
//!
//! The signature is not told. Must not know: keys.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::access::scheme::explain::{Finding, Hint};

/// The claims that decide, and are told.
const CLAIMS: [&str; 7] = ["iss", "aud", "sub", "exp", "nbf", "iat", "jti"];
/// The longest value that is told, in characters.
const MOST: usize = 80;

/// What is found out about `text`.
pub(in crate::access) fn explain(text: &str) -> Finding {
    let parts: Vec<&str> = text.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        let why = format!(
            "a token has three parts with dots between, this has {}",
            parts.len()
        );
        return told(vec![Hint::new("parts", why)]);
    };
    let mut hints = Vec::new();
    if [header, payload, signature]
        .iter()
        .any(|part| part.contains('='))
    {
        hints.push(Hint::new(
            "padding",
            "the parts are padded with =: base64url has none here",
        ));
    }
    if [header, payload, signature]
        .iter()
        .any(|part| part.contains(['+', '/']))
    {
        let why = "the parts have the standard alphabet of base64: write - for + and _ for /";
        hints.push(Hint::new("alphabet", why));
    }
    match object(header) {
        Some(header) => hints.push(Hint::new("header", values(&header, &["alg", "kid", "typ"]))),
        None => hints.push(Hint::new(
            "header",
            "the header is no JSON object in base64url",
        )),
    }
    match object(payload) {
        Some(claims) => hints.push(Hint::new("claims", values(&claims, &CLAIMS))),
        None => hints.push(Hint::new(
            "claims",
            "the payload is no JSON object in base64url",
        )),
    }
    if signature.is_empty() {
        hints.push(Hint::new("unsigned", "the token has no signature"));
    }
    told(hints)
}

fn told(hints: Vec<Hint>) -> Finding {
    Finding {
        hints,
        ..Finding::default()
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .or_else(|_| URL_SAFE.decode(part))
        .ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The values of these names, as far as they are there.
fn values(of: &Map<String, Value>, names: &[&str]) -> String {
    let value = |name: &&str| {
        let text = of.get(*name)?.to_string();
        let plain = text.chars().filter(|c| !c.is_control()).take(MOST);
        Some(format!("{name} {}", plain.collect::<String>()))
    };
    let found: Vec<String> = names.iter().filter_map(value).collect();
    match found.is_empty() {
        true => format!("it has none of {}", names.join(", ")),
        false => format!("it says {}", found.join(", ")),
    }
}
