//! Akamai's EdgeAuth 2.0.
//!
//! Must not know: how the server hashes.

use serde_json::Value;

use super::verdict::Judge;

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
        // Either library's token, where they escape apart.
        for library in ["token", "node_token"] {
            let token = vector[library].as_str().unwrap();
            let url = format!("https://h{}?hdnts={token}", path(&vector));
            judge(key).allows(&url);
            judge("0011").denies(&url, "hash_mismatch");
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
    use aws_lc_rs::hmac;
    let pairs = KEY
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    let key: Vec<u8> = pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect();
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    let hex: String = mac
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{signed}~hmac={hex}")
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
        ("exp=1704070800~id=x~acl=/*", "duplicate_param"),
        ("exp=1704070800~exp=1904070800~acl=/*", "duplicate_param"),
        ("exp=1704070800~acl=/*~role=admin", "malformed"),
        ("acl=/*", "no_expiry"),
        ("exp=1704070800000~acl=/*", "milliseconds"),
        ("exp=soon~acl=/*", "time"),
    ] {
        judge("").denies(&format!("{path}?hdnts={}", sealed(signed)), reason);
    }
    let good = sealed("exp=1704070800~acl=/*");
    judge("").allows(&format!("{path}?hdnts={good}"));
    judge("").denies(&format!("{path}?hdnts={good}~data=x"), "malformed");
    judge("").denies(
        &format!("{path}?hdnts={good}&hdnts={good}"),
        "duplicate_param",
    );
}
