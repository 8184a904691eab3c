//! The vectors, each with what it must be taken for.
//!
//! Must not know: how the server reads a token.

use serde_json::Value;

use super::{KEY, judge, with};

const VECTORS: &str = include_str!("../vectors/cat_cta5007.json");

/// What is said of each vector by its list and name; `None` where it is let in.
const VERDICTS: [(&str, &str, Option<&str>); 15] = [
    ("made_here", "basic", None),
    ("made_here", "catu_ext_key", None),
    ("made_here", "catnip_v4_host", None),
    ("made_here", "catnip_v6_prefix_and_asn", Some("catnip")),
    ("made_here", "catr_cookie", None),
    ("made_here", "expired", Some("expired")),
    ("made_here", "aud_array", None),
    ("made_here", "basic_kid_in_protected", None),
    (
        "made_here",
        "basic_mac_truncated_8_MUST_FAIL_for_alg5",
        Some("signature"),
    ),
    (
        "from_node_cat_tests",
        "mac_std_claims_legacy_hexpayload",
        Some("malformed"),
    ),
    ("from_node_cat_tests", "wrong_issuer", Some("issuer")),
    ("from_node_cat_tests", "expired", Some("issuer")),
    ("from_rust_crate", "rust_basic", None),
    ("from_rust_crate", "rust_catm", None),
    ("from_rust_crate", "rust_catreplay", None),
];

fn token(list: &str, name: &str) -> String {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    let mut some = all[list].as_array().unwrap().iter();
    let found = some.find(|vector| vector["name"] == name).unwrap();
    // One of them is in the other alphabet.
    found["token"].as_str().unwrap().replace('/', "_")
}

#[test]
fn every_vector_is_taken_for_what_it_is() {
    for (list, name, refusal) in VERDICTS {
        let audience = if name == "aud_array" {
            "audiences = [\"keyserver\"]"
        } else {
            ""
        };
        let issuers = "issuers = [\"issuer\", \"eyevinn\"]";
        let judge = |more: &str| judge(&format!("{issuers}\n{audience}\n{more}")).ip("192.0.2.10");
        let url = with(KEY, &token(list, name));
        match refusal {
            None => drop(judge("").allows(&url)),
            Some(reason) => judge("").denies(&url, reason),
        }
    }
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    let count = ["made_here", "from_node_cat_tests", "from_rust_crate"]
        .map(|list| all[list].as_array().unwrap().len());
    assert_eq!(count.iter().sum::<usize>(), VERDICTS.len());
}

#[test]
fn a_vectors_restriction_restricts() {
    let issuers = "issuers = [\"issuer\"]";
    let judge = || judge(issuers).ip("192.0.2.10");
    let other = KEY.replace(".key", ".ts");
    judge().denies(&with(&other, &token("made_here", "catu_ext_key")), "catu");
    let host = with(KEY, &token("made_here", "catnip_v4_host"));
    judge().ip("192.0.2.11").denies(&host, "catnip");
    let prefix = with(KEY, &token("made_here", "catnip_v6_prefix_and_asn"));
    judge().ip("2001:db8::7").allows(&prefix);
    judge().ip("2001:db9::7").denies(&prefix, "catnip");
    let method = with(KEY, &token("from_rust_crate", "rust_catm"));
    judge().with(&["--method", "POST"]).denies(&method, "catm");
    let audience = with(KEY, &token("made_here", "aud_array"));
    judge().denies(&audience, "audience");
    super::judge(&format!("{issuers}\naudiences = [\"third\"]")).denies(&audience, "audience");
}
