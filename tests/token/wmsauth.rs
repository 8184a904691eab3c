//! `WMSAuth` of WMSPanel and Nimble Streamer.
//!
//! Must not know: how the server hashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::verdict::Judge;

const VECTORS: &str = include_str!("vectors/wmsauth.json");

fn vectors(list: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    all[list].as_array().unwrap().clone()
}

fn vector(name: &str) -> Value {
    let all = vectors("generated")
        .into_iter()
        .chain(vectors("date_formats"));
    all.into_iter()
        .find(|vector| vector["name"] == name)
        .unwrap()
}

fn sign_of(name: &str) -> String {
    vector(name)["wmsAuthSign"].as_str().unwrap().to_owned()
}

fn judge(settings: &str) -> Judge {
    Judge::new(
        "wmsauth",
        &format!("secrets = [\"defaultpassword\"]\n{settings}"),
    )
    .ip("192.0.2.10")
}

fn url(sign: &str) -> String {
    format!("http://h:8081/live/stream/playlist.m3u8?wmsAuthSign={sign}")
}

fn inner(text: &str) -> String {
    url(&STANDARD.encode(text))
}

#[test]
fn every_generated_token_and_every_spelling_of_its_date_verifies() {
    for vector in vectors("generated")
        .into_iter()
        .chain(vectors("date_formats"))
    {
        let at = vector["unix_time"].as_i64().unwrap_or(1_704_067_200);
        let ip = match vector["note"].as_str().unwrap() {
            "ipv6" => "2001:db8::1",
            _ => "192.0.2.10",
        };
        let url = url(vector["wmsAuthSign"].as_str().unwrap());
        let verdict = judge("").at(at).ip(ip).allows(&url);
        assert_eq!(verdict.streams, ["live/stream"]);
        let stranger = judge("").at(at).ip("198.51.100.7").verdict(&url);
        let is_bound = !vector["name"].as_str().unwrap().eq("ppv");
        assert_eq!(stranger.allow, !is_bound, "{vector}");
        // Any of several secrets verifies, so that one can be changed for another.
        let with = |secrets: &str| {
            let settings = format!("secrets = {secrets}");
            Judge::new("wmsauth", &settings).at(at).ip(ip)
        };
        with(r#"["another", "defaultpassword"]"#).allows(&url);
        with(r#"["another", "a-third"]"#).denies(&url, "hash_mismatch");
    }
}

#[test]
fn a_token_names_its_stream_and_a_viewer() {
    judge("require_stream = true").denies(&url(&sign_of("basic")), "no_stream");
    judge("require_stream = true").allows(&url(&sign_of("strm")));
    let elsewhere = |path: &str| {
        format!(
            "http://h/{path}/playlist.m3u8?wmsAuthSign={}",
            sign_of("strm")
        )
    };
    judge("").denies(&elsewhere("live/streamer"), "path");
    judge("").denies(&elsewhere("live/other1"), "hash_mismatch");
    judge("").denies(&elsewhere("live/s"), "path");
    assert_eq!(
        judge("").allows(&url(&sign_of("ppv"))).subject.as_deref(),
        Some("5")
    );
}

#[test]
fn fields_are_read_by_name_and_once() {
    let hash = vector("strm")["hash_value"].as_str().unwrap().to_owned();
    let fields = [
        "strm_len=11".to_owned(),
        "validminutes=20".to_owned(),
        format!("hash_value={hash}"),
        "server_time=1/1/2024 12:00:00 AM".to_owned(),
    ];
    judge("").allows(&inner(&fields.join("&")));
    judge("").allows(&url(sign_of("strm").trim_end_matches('=')));
    judge("").denies(
        &inner(&format!("{}&validminutes=9999", fields.join("&"))),
        "duplicate_param",
    );
    for broken in [
        "validminutes=+20",
        "validminutes=020",
        "validminutes=0",
        "validminutes=",
        "validminutes=20.5",
    ] {
        let text = fields.join("&").replace("validminutes=20", broken);
        judge("").denies(&inner(&text), "malformed");
    }
    let text = fields.join("&").replace("strm_len=11", "strm_len=999");
    judge("").denies(&inner(&text), "path");
    let sign = sign_of("strm");
    judge("").denies(
        &url(&format!("{sign}&wmsAuthSign={sign}")),
        "duplicate_param",
    );
    judge("").denies(&url("%00"), "malformed");
    judge("").denies(&url(&"A".repeat(4000)), "malformed");
    judge("").denies("http://h/live/stream/playlist.m3u8", "no_token");
}

/// Base64's `+` stands as it is in what signers print; a form's reader would make it a space.
#[test]
fn a_plus_is_itself_raw_and_encoded() {
    let query = judge("").now().mint("wmsauth", &["--subject", "~~~"]);
    let query = query.unwrap();
    assert!(query.contains('+'), "{query}");
    let playlist = |query: &str| format!("http://h/live/news/playlist.m3u8?{query}");
    judge("").now().allows(&playlist(&query));
    judge("")
        .now()
        .allows(&playlist(&query.replace('+', "%2B")));
    judge("")
        .now()
        .denies(&playlist(&query.replace('+', "%20")), "malformed");
}

#[test]
fn a_token_passes_for_no_other() {
    let time = "server_time=1/1/2024 12:00:00 AM";
    // A basic token's address as an id that no address is checked for.
    let hash = vector("basic")["hash_value"].as_str().unwrap().to_owned();
    let unbound = format!("{time}&hash_value={hash}&validminutes=20&id=192.0.2.10");
    judge("")
        .ip("198.51.100.7")
        .denies(&inner(&unbound), "ambiguous");
}
