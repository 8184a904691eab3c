//! Common Access Tokens that are not for what is asked: which claim, and which component of it.
//!
//! Must not know: how the server reads a token.

use serde_json::Value;

use super::{Judge, codes, told};
use crate::token::cat::forge::{
    END, Parts, SECRET, Seal, array, bytes, int, lasting, map, tag, text,
};

const URL: &str = "https://keys.example.com/live/news/playlist.m3u8";
/// What may stand in a header and is nobody else's business.
const HIDDEN: &str = "obviously-a-fake-word";

fn judge(settings: &str) -> Judge {
    let key = |kid: &str, secret: &str| {
        format!("{{ kid = {kid:?}, alg = \"HS256\", secret_hex = {secret:?} }}")
    };
    let keys = [key("k1", SECRET), key("k2", &"ab".repeat(32))].join(", ");
    Judge::new("cat", &format!("keys = [{keys}]\n{settings}"))
}

/// What is told beside the header and the list of claims, which always are.
#[track_caller]
fn more<'a>(told: &'a Value, expected: &[&str]) -> Vec<&'a str> {
    let hints = told["hints"].as_array().unwrap();
    let known = ["header", "claims"];
    let rest = hints
        .iter()
        .filter(|hint| !known.contains(&hint["code"].as_str().unwrap()));
    let rest: Vec<_> = rest.collect();
    let found: Vec<_> = rest
        .iter()
        .map(|hint| hint["code"].as_str().unwrap())
        .collect();
    assert_eq!(found, expected, "{told}");
    rest.iter()
        .map(|hint| hint["sentence"].as_str().unwrap())
        .collect()
}

/// A URL with a token of these claims, explained.
#[track_caller]
fn explained(claims: &[(i64, Vec<u8>)], expected: &[&str]) -> Vec<String> {
    let url = format!("{URL}?cat={}", lasting(claims));
    let told = judge("").explains(&url, &[SECRET, HIDDEN]);
    assert_eq!(
        told["verdict"],
        if expected.is_empty() { "allow" } else { "deny" },
        "{told}"
    );
    more(&told, expected)
        .into_iter()
        .map(str::to_owned)
        .collect()
}

fn uri(parts: &[(i64, i64, &str)]) -> (i64, Vec<u8>) {
    let part = |(part, kind, word): &(i64, i64, &str)| (*part, map(&[(*kind, text(word))]));
    (312, map(&parts.iter().map(part).collect::<Vec<_>>()))
}

#[test]
fn the_component_of_a_url_that_is_another_is_told() {
    let good = uri(&[
        (0, 0, "https"),
        (1, 0, "keys.example.com"),
        (3, 1, "/live/news/"),
    ]);
    explained(&[good], &[]);
    let host = explained(
        &[uri(&[(1, 0, "cdn.example.com"), (3, 1, "/live/")])],
        &["catu_host"],
    );
    for part in [
        "312",
        "catu",
        "component 1",
        "host",
        "\"cdn.example.com\"",
        "keys.example.com",
    ] {
        assert!(host[0].contains(part), "{part}: {host:?}");
    }
    let both = uri(&[(3, 1, "/live/other/"), (8, 0, ".mpd")]);
    let both = explained(&[both], &["catu_path", "catu_extension"]);
    assert!(both[0].contains("begin with \"/live/other/\""), "{both:?}");
    assert!(
        both[1].contains("be \".mpd\"") && both[1].contains("\".m3u8\""),
        "{both:?}"
    );
    // A query may hold anything.
    let query = explained(&[uri(&[(4, 3, HIDDEN)])], &["catu_query"]);
    assert!(query[0].contains("must contain"), "{query:?}");
}

#[test]
fn the_claim_that_is_not_met_is_told() {
    let list = |words: &[&str]| array(&words.iter().map(|it| text(it)).collect::<Vec<_>>());
    let header = |name: &str| {
        let rule = map(&[(0, text(HIDDEN))]);
        (315, [&[0xa1][..], &text(name), &rule].concat())
    };
    let network = array(&[tag(52, &bytes(&[192, 0, 2, 1]))]);
    let method = explained(&[(313, list(&["HEAD", "POST"]))], &["catm"]);
    assert!(method[0].contains("313") && method[0].contains("HEAD, POST; the request is a GET"));
    let network = explained(&[(311, network)], &["catnip"]);
    assert!(
        network[0].contains("311") && network[0].contains("192.0.2.1"),
        "{network:?}"
    );
    let protocol = explained(&[(314, array(&[bytes(b"h2")]))], &["catalpn"]);
    assert!(
        protocol[0].contains("314") && protocol[0].contains("h2"),
        "{protocol:?}"
    );
    let missing = explained(&[header("x-device")], &["cath"]);
    assert!(missing[0].contains("x-device is missing"), "{missing:?}");
    let url = format!("{URL}?cat={}", lasting(&[header("x-device")]));
    let sent = judge("").with(&["--header", "x-device: another"]);
    let told = sent.explains(&url, &[SECRET, HIDDEN, "another"]);
    let sentences = more(&told, &["cath"]);
    assert!(
        sentences[0].contains("x-device must be, and does not"),
        "{told}"
    );
    // Several at once, and one that nobody knows.
    explained(
        &[(313, list(&["HEAD"])), uri(&[(0, 0, "http")])],
        &["catm", "catu_scheme"],
    );
    let unknown = explained(&[(999, int(1))], &["critical_claim"]);
    assert!(unknown[0].contains("999"), "{unknown:?}");
    let torn = explained(&[(308, int(7))], &["catreplay"]);
    assert!(torn[0].contains("308 (catreplay)"), "{torn:?}");
}

#[test]
fn whose_token_it_is_is_told() {
    let settings = "issuers = [\"us\"]\naudiences = [\"here\"]";
    let url = format!(
        "{URL}?cat={}",
        lasting(&[(1, text("them")), (3, text("there"))])
    );
    let told = judge(settings).explains(&url, &[SECRET]);
    let sentences = more(&told, &["issuer", "audience"]);
    assert!(
        sentences[0].contains("1 (iss) is them") && sentences[0].contains("us"),
        "{told}"
    );
    assert!(
        sentences[1].contains("3 (aud) is there") && sentences[1].contains("here"),
        "{told}"
    );
    let claims = told["hints"][1]["sentence"].as_str().unwrap();
    assert_eq!(claims, "it has 4 (exp), 1 (iss), 3 (aud)");
}

#[test]
fn which_key_made_the_seal_is_told() {
    let under = |kid: &str| Parts::new(&Seal::Hs256, kid, &map(&[(4, int(END))]));
    let url = |parts: &Parts| format!("{URL}?cat={}", parts.text());
    let other = told(
        &judge(""),
        &url(&under("k2")),
        &[SECRET],
        &["header", "kid", "claims"],
    );
    assert!(
        other["hints"][0]["sentence"].to_string().contains("kid k2"),
        "{other}"
    );
    assert!(
        other["hints"][1]["sentence"].to_string().contains("key k1"),
        "{other}"
    );
    let mut torn = under("k1");
    torn.seal[0] ^= 1;
    told(
        &judge(""),
        &url(&torn),
        &[SECRET],
        &["header", "seal", "claims"],
    );
    let nothing = judge("").explains(&format!("{URL}?cat=AAAA"), &[SECRET]);
    assert_eq!(codes(&nothing), ["cose"]);
}
