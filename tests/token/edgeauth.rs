//! Akamai's EdgeAuth 2.0.
//!
//! Must not know: how the server hashes.

use std::path::Path;

use serde_json::Value;

use super::verdict::Judge;
use crate::harness::authority::private;
use crate::harness::binary::run;

const VECTORS: &str = include_str!("vectors/akamai_edgeauth.json");
const KEY: &str = "52a152a152a152a152a152a152a1";

fn vectors(list: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    all[list].as_array().unwrap().clone()
}

fn token(name: &str) -> String {
    let all = vectors("vectors");
    let it = all.iter().find(|vector| vector["name"] == name).unwrap();
    it["token"].as_str().unwrap().to_owned()
}

fn judge(settings: &str) -> Judge {
    Judge::new(
        "edgeauth",
        &format!("secrets_hex = [\"1234\", {KEY:?}]\n{settings}"),
    )
}

/// A path that the first pattern of the vector's list takes in, or its own.
fn path(vector: &Value) -> String {
    let first = vector["path"]
        .as_str()
        .or_else(|| vector["path"][0].as_str())
        .unwrap();
    first.replace('*', "playlist.m3u8")
}

#[test]
fn every_generated_token_verifies_and_nothing_near_it() {
    for vector in vectors("vectors") {
        let params = &vector["params"];
        let text = |name: &str| params[name].as_str();
        let settings = |key: &str| {
            let hash = text("algorithm").unwrap_or("sha256");
            let salt = text("salt")
                .map(|salt| format!("salt = {salt:?}\n"))
                .unwrap_or_default();
            format!("secrets_hex = [{key:?}]\nhash = {hash:?}\n{salt}")
        };
        let (key, ip) = (text("key").unwrap(), text("ip").unwrap_or("192.0.2.200"));
        let judge = |key: &str| Judge::new("edgeauth", &settings(key)).ip(ip);
        // Either library's token, where they escape apart; some are of the first alone.
        let node = vector["node_token"].as_str();
        for token in vector["token"].as_str().into_iter().chain(node) {
            let url = format!("https://h{}?hdnts={token}", path(&vector));
            judge(key).allows(&url);
            judge("0011").denies(&url, "hash_mismatch");
            for (other, length) in [("sha256", 64), ("sha1", 40), ("md5", 32)] {
                let is_own = token.rsplit('=').next().unwrap().len() == length;
                let settings = settings(key).replace(text("algorithm").unwrap_or("sha256"), other);
                let verdict = Judge::new("edgeauth", &settings).ip(ip).verdict(&url);
                assert_eq!(verdict.allow, is_own, "{other}: {verdict:?}");
            }
            judge(key)
                .at(params["end_time"].as_i64().unwrap() + 1)
                .denies(&url, "expired");
            if text("ip").is_some() {
                judge(key).ip("198.51.100.7").denies(&url, "ip");
            }
        }
    }
}

#[test]
fn lists_are_matched_with_the_whole_path() {
    for vector in vectors("acl_matching") {
        let (acl, path) = (
            vector["acl"].as_str().unwrap(),
            vector["path"].as_str().unwrap(),
        );
        let signed = format!("exp=1704070800~acl={acl}");
        let url = format!("https://h{path}?hdnts={}", sealed(&signed));
        match vector["expect"].as_bool() {
            Some(true) => drop(judge("").allows(&url)),
            Some(false) => judge("").denies(&url, "path"),
            None => judge("").denies(&url, "path"),
        }
    }
}

/// The token of `signed` under [`KEY`].
fn sealed(signed: &str) -> String {
    sealed_over(KEY, signed, signed)
}

/// The token with these fields, whose hash under `key` is over `hashed`.
pub(super) fn sealed_over(key: &str, fields: &str, hashed: &str) -> String {
    use aws_lc_rs::hmac;
    let pairs = key
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    let key: Vec<u8> = pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect();
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), hashed.as_bytes());
    let hex: String = mac
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{fields}~hmac={hex}")
}

#[test]
fn a_token_is_found_in_each_place_and_encoded_once() {
    let short = token("acl_wild");
    let path = "https://h/live/stream1/playlist.m3u8";
    for name in ["hdnts", "hdnea", "__token__", "hdntl"] {
        judge("").allows(&format!("{path}?{name}={short}"));
        judge("")
            .with(&["--cookie", &format!("{name}={short}")])
            .allows(path);
    }
    judge("name = \"t\"").allows(&format!("{path}?t={short}"));
    judge("name = \"t\"").denies(&format!("{path}?hdnts={short}"), "no_token");
    let encoded = short
        .replace('~', "%7E")
        .replace('/', "%2F")
        .replace('*', "%2A");
    judge("").allows(&format!("{path}?hdnts={encoded}"));
    let long = token("hdntl_cookie");
    judge("")
        .with(&["--cookie", &format!("a=b; hdntl={long}")])
        .allows(path);
}

#[test]
fn what_a_value_brings_in_is_refused() {
    let path = "https://h/live/stream1/playlist.m3u8";
    for (signed, reason) in [
        // An id with another list in it, which a reader of the last field would take.
        ("exp=1704070800~acl=/other/*~id=x~acl=/*", "duplicate_param"),
        ("exp=1704070800~acl=/*~data=x~acl=/*", "duplicate_param"),
        ("exp=1704070800~exp=1904070800~acl=/*", "duplicate_param"),
        ("exp=1704070800~acl=/*~role=admin", "unknown_field"),
        ("acl=/*", "no_expiry"),
        ("exp=1704070800000~acl=/*", "milliseconds"),
        ("exp=soon~acl=/*", "time"),
        ("exp=1704070800~acl=/*~id=a!b", "subject"),
        ("exp=1704070800~acl=/*~id=a%7Eb", "subject"),
        ("exp=1704070800~acl=/*~id=a%21b", "subject"),
    ] {
        judge("").denies(&format!("{path}?hdnts={}", sealed(signed)), reason);
    }
    // Generators differ in the order; one leaves the separator in the data.
    for signed in [
        "acl=/live/*~exp=1704070800",
        "exp=1704070800~st=1704067200~acl=/*",
        "id=x~exp=1704070800~acl=/*",
        "exp=1704070800~acl=/*~data=d~id=x",
        "data=a~b~acl=/*~exp=1704070800",
    ] {
        judge("").allows(&format!("{path}?hdnts={}", sealed(signed)));
    }
    let good = sealed("exp=1704070800~acl=/*");
    judge("").allows(&format!("{path}?hdnts={good}"));
    judge("").denies(&format!("{path}?hdnts={good}~data=x"), "malformed");
    judge("").denies(
        &format!("{path}?hdnts={good}&hdnts={good}"),
        "duplicate_param",
    );
}

#[test]
fn keys_and_salt_may_stand_in_files() {
    let dir = tempfile::tempdir().unwrap();
    let [keys, others, salted] = ["keys", "others", "salt"].map(|name| dir.path().join(name));
    for vector in vectors("vectors") {
        let text = |name: &str| vector["params"][name].as_str();
        let hash = text("algorithm").unwrap_or("sha256");
        private(&keys, &format!("\n00ff\n{}\n", text("key").unwrap()));
        private(&others, "00ff\n");
        let salt = text("salt").map(|salt| {
            private(&salted, &format!("{salt}\n"));
            format!("salt_file = {salted:?}\n")
        });
        let salt = salt.unwrap_or_default();
        let url = format!(
            "https://h{}?hdnts={}",
            path(&vector),
            vector["token"].as_str().unwrap()
        );
        let judge = |keys: &Path, salt: &str| {
            let settings = format!("hash = {hash:?}\nsecrets_hex_file = {keys:?}\n{salt}");
            Judge::new("edgeauth", &settings).ip(text("ip").unwrap_or("192.0.2.200"))
        };
        judge(&keys, &salt).allows(&url);
        judge(&others, &salt).denies(&url, "hash_mismatch");
        if !salt.is_empty() {
            judge(&keys, "").denies(&url, "hash_mismatch");
        }
    }
}

#[test]
fn a_key_that_is_none_is_refused_and_not_told() {
    let dir = tempfile::tempdir().unwrap();
    let (closed, open) = (dir.path().join("closed"), dir.path().join("open"));
    private(&closed, "1234\n");
    std::fs::write(&open, "1234\n").unwrap();
    let long = |bytes: usize| format!("secrets_hex = [{:?}]", "ab".repeat(bytes));
    let cases = [
        (long(1), None),
        (long(128), None),
        (format!("secrets_hex_file = {closed:?}"), None),
        (long(0), Some("secrets_hex")),
        (long(129), Some("secrets_hex")),
        (
            format!("secrets_hex = {:?}", ["ab"; 9]),
            Some("secrets_hex"),
        ),
        (
            format!("secrets_hex_file = {open:?}"),
            Some("secrets_hex_file"),
        ),
        (
            format!("{}\nsalt = \"abab\"\nsalt_file = {closed:?}", long(1)),
            Some("salt_file"),
        ),
    ];
    for (settings, names) in cases {
        let judge = Judge::new("edgeauth", &settings);
        let args = ["token", "verify", "--scheme", "edgeauth", "--config"];
        let url = [
            "--url",
            "https://h/live/a/x.m3u8?hdnts=exp=1~acl=/*~hmac=00",
        ];
        let output = run(&[&args[..], &[judge.file()], &url].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        let is_refused = !said.is_empty();
        assert_eq!(is_refused, names.is_some(), "{settings}: {said}");
        assert!(said.contains(names.unwrap_or_default()), "{said}");
        assert!(!said.contains("abab") && !said.contains("1234"), "{said}");
    }
}
