//! A token's header: which key and algorithm it names, and what it must not have.
//!
//! Must not know: the keys.

use std::str::FromStr as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::json::{JsonFault, object};
use crate::access::scheme::Fault;

/// The longest name of a key, in bytes.
pub(super) const MAX_KID: usize = 255;

/// What of it chooses a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
}

/// A part of a token, decoded: base64url without padding, and a JSON object.
pub(super) fn part(encoded: &str, fault: Fault) -> Result<Map<String, Value>, Fault> {
    let decoded = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| fault)?;
    object(&decoded).map_err(|it| match it {
        JsonFault::Form => fault,
        JsonFault::Twice => Fault::Twice,
    })
}

impl Header {
    pub(super) fn read(encoded: &str) -> Result<Self, Fault> {
        let members = part(encoded, Fault::Header)?;
        check_members(&members)?;
        Ok(Self {
            algorithm: algorithm(&members)?,
            kid: kid(&members)?,
        })
    }
}

/// Members that a token must not have: those that bring or point to a key, for only configured
/// keys verify (RFC 8725 §3.10), and those that demand to be understood (RFC 7515 §4.1.11).
fn check_members(members: &Map<String, Value>) -> Result<(), Fault> {
    const REFUSED: [(&str, Fault); 9] = [
        ("enc", Fault::Encrypted),
        ("jwk", Fault::HeaderJwk),
        ("jku", Fault::HeaderJku),
        ("x5u", Fault::HeaderX5u),
        ("x5c", Fault::HeaderX5c),
        ("crit", Fault::Extension),
        ("zip", Fault::Extension),
        ("b64", Fault::Extension),
        ("epk", Fault::Encrypted),
    ];
    let found = REFUSED.iter().find(|(name, _)| members.contains_key(*name));
    if let Some((_, fault)) = found {
        return Err(*fault);
    }
    let content = members.get("cty").and_then(Value::as_str).unwrap_or("");
    let is_token = content.eq_ignore_ascii_case("JWT");
    (!is_token).then_some(()).ok_or(Fault::Encrypted)
}

/// Case matters (RFC 7518 §3.1), but nobody shall hope that it does with `none`.
fn algorithm(members: &Map<String, Value>) -> Result<Algorithm, Fault> {
    let name = members.get("alg").and_then(Value::as_str);
    let name = name.ok_or(Fault::Header)?;
    if name.eq_ignore_ascii_case("none") {
        return Err(Fault::Unsigned);
    }
    Algorithm::from_str(name).map_err(|_| Fault::Algorithm)
}

fn kid(members: &Map<String, Value>) -> Result<Option<String>, Fault> {
    match members.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if kid.len() <= MAX_KID => Ok(Some(kid.clone())),
        Some(_) => Err(Fault::Header),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Header, Fault> {
        Header::read(&URL_SAFE_NO_PAD.encode(json))
    }

    #[test]
    fn a_header_names_an_algorithm_and_perhaps_a_key() {
        for (json, kid) in [
            (r#"{"alg":"ES256"}"#, None),
            (r#"{"typ":"JWT","alg":"ES256","kid":"a"}"#, Some("a")),
            (
                r#"{"alg":"ES256","x5t":"abc","cty":"json","kid":""}"#,
                Some(""),
            ),
        ] {
            let kid = kid.map(str::to_owned);
            let algorithm = Algorithm::ES256;
            assert_eq!(read(json), Ok(Header { algorithm, kid }), "{json}");
        }
    }

    #[test]
    fn every_attack_has_its_reason() {
        let long = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(256));
        for (json, fault) in [
            (r#"{"alg":"none"}"#, Fault::Unsigned),
            (r#"{"alg":"NoNe"}"#, Fault::Unsigned),
            (r#"{"alg":"hs256"}"#, Fault::Algorithm),
            (r#"{"alg":"ES256K"}"#, Fault::Algorithm),
            (r#"{"alg":"es512"}"#, Fault::Algorithm),
            (r#"{"alg":""}"#, Fault::Algorithm),
            (r#"{"alg":["HS256"]}"#, Fault::Header),
            (r#"{"typ":"JWT"}"#, Fault::Header),
            ("{", Fault::Header),
            ("[]", Fault::Header),
            (r#"{"alg":"HS256","alg":"HS256"}"#, Fault::Twice),
            (r#"{"alg":"none","alg":"HS256"}"#, Fault::Twice),
            (r#"{"alg":"HS256","kid":"a","kid":"b"}"#, Fault::Twice),
            (r#"{"alg":"HS256","kid":1}"#, Fault::Header),
            (&long, Fault::Header),
            (r#"{"alg":"HS256","jwk":{}}"#, Fault::HeaderJwk),
            (r#"{"alg":"HS256","jwk":null}"#, Fault::HeaderJwk),
            (r#"{"alg":"HS256","jku":"https://a/"}"#, Fault::HeaderJku),
            (r#"{"alg":"HS256","x5u":"https://a/"}"#, Fault::HeaderX5u),
            (r#"{"alg":"HS256","x5c":[]}"#, Fault::HeaderX5c),
            (r#"{"alg":"HS256","crit":["exp"]}"#, Fault::Extension),
            (r#"{"alg":"HS256","crit":[]}"#, Fault::Extension),
            (r#"{"alg":"HS256","b64":false}"#, Fault::Extension),
            (r#"{"alg":"HS256","zip":"DEF"}"#, Fault::Extension),
            (r#"{"alg":"HS256","enc":"A128GCM"}"#, Fault::Encrypted),
            (r#"{"alg":"HS256","cty":"JWT"}"#, Fault::Encrypted),
            (r#"{"alg":"dir","enc":"A128GCM"}"#, Fault::Encrypted),
        ] {
            assert_eq!(read(json), Err(fault), "{json}");
        }
        assert_eq!(Header::read("e30="), Err(Fault::Header));
        assert_eq!(Header::read("!"), Err(Fault::Header));
    }
}
