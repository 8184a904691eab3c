//! Tokens of Wowza's CDN on Fastly.
//!
//! Must not know: how the server hashes.

use aws_lc_rs::hmac;
use serde_json::Value;

use super::verdict::Judge;

const VECTORS: &str = include_str!("vectors/wowza_fastly_hdnts.json");

fn vectors(list: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    all[list].as_array().unwrap().clone()
}

fn url(stream: &str, token: &str) -> String {
    format!("https://h/1/{stream}/name/hls/live/playlist.m3u8?{token}")
}

fn judge(secret: &str) -> Judge {
    Judge::new(
        "hdnts",
        &format!("secrets = [\"obviously-a-fake\", {secret:?}]"),
    )
}

#[test]
fn every_generated_token_verifies_and_nothing_near_it() {
    for vector in vectors("must_accept_hmac") {
        let text = |name: &str| vector[name].as_str().unwrap();
        let (secret, stream, token) = (text("secret"), text("stream_id"), text("token"));
        let at = if token.contains("1579792240") {
            1_579_792_240
        } else {
            1_704_067_200
        };
        let ip = vector["fields"]["ip"].as_str().unwrap_or("192.0.2.200");
        let judge = || judge(secret).at(at).ip(ip);
        judge().allows(&url(stream, token));
        judge().allows(&url(stream, &token.replace('~', "%7E")));
        judge().denies(&url("another", token), "hash_mismatch");
        judge()
            .at(1_704_070_801)
            .denies(&url(stream, token), "expired");
        super::hdnts::judge("another")
            .at(at)
            .ip(ip)
            .denies(&url(stream, token), "hash_mismatch");
        if vector["fields"]["ip"].is_string() {
            judge().ip("198.51.100.7").denies(&url(stream, token), "ip");
        }
    }
}

#[test]
fn what_was_published_and_is_wrong_does_not() {
    for vector in vectors("published_but_not_verifying") {
        let secret = vector["published_secret"]
            .as_str()
            .unwrap_or("8a123c7b730600eb92360640ce91a32d");
        let stream = vector["published_stream_id"]
            .as_str()
            .unwrap_or("NUtjdHdsc3g4Z21L");
        let token = vector["token"].as_str().unwrap();
        judge(secret)
            .at(1_578_421_300)
            .denies(&url(stream, token), "hash_mismatch");
    }
}

/// A token whose signer writes these fields and names the stream.
fn signed(stream: &str, fields: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"obviously-a-fake");
    let hash = hmac::sign(&key, format!("{fields}~stream_id={stream}").as_bytes());
    let hash: String = hash.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!("hdnts={fields}~hmac={hash}")
}

#[test]
fn a_token_for_a_video_opens_that_and_no_other() {
    let judge = || judge("another");
    let token = signed("shelf", "st=1704067200~vod=film~exp=1704070800");
    let whole = signed("shelf", "st=1704067200~exp=1704070800");
    let at = |path: &str, token: &str| format!("https://h/{path}?{token}");
    // A key is asked for by the path of its stream, without a playlist.
    for own in [
        "2/shelf/film/hls/playlist.m3u8",
        "2/shelf/film/hls",
        "2/shelf/film",
    ] {
        judge().allows(&at(own, &token));
    }
    for other in [
        "2/shelf/other/hls/playlist.m3u8",
        "2/shelf/film/hls/more/playlist.m3u8",
        "2/shelf/other/hls",
        "2/shelf/film/hls/more",
        "2/shelf/other",
    ] {
        judge().denies(&at(other, &token), "path");
        judge().allows(&at(other, &whole));
    }
    let elsewhere = "2/attic/film/hls/playlist.m3u8";
    judge().denies(&at(elsewhere, &token), "hash_mismatch");
    let swapped = token.replace("vod=film", "vod=other");
    let other = at("2/shelf/other/hls/playlist.m3u8", &swapped);
    judge().denies(&other, "hash_mismatch");
}

#[test]
fn a_token_has_its_fields_once_and_an_end() {
    let judge = || judge("demosecret123abc").at(1_579_792_240);
    let hmac = "efe1cef703a1951c7e01e49257ae33487adcf80ec91db2d264130fbe0daeb7ed";
    let at = |token: &str| url("YourStreamId", token);
    judge().allows(&at(&format!("hdnts=exp=1579792240~hmac={hmac}")));
    let turned = signed("_shelf", "exp=1704070800~st=1704067200");
    super::hdnts::judge("another").allows(&url("_shelf", &turned));
    super::hdnts::judge("another").denies(&url("_definst_", &turned), "path");
    for (token, reason) in [
        (
            format!("hdnts=exp=1579792240~exp=1579792240~hmac={hmac}"),
            "duplicate_param",
        ),
        (
            format!("hdnts=exp=1579792240~ip=192.0.2.1~hmac={hmac}"),
            "hash_mismatch",
        ),
        (
            format!("hdnts=exp=1579792240~hmac={hmac}~ip=1"),
            "malformed",
        ),
        (
            format!("hdnts=exp=1579792240~acl=/*~hmac={hmac}"),
            "unknown_field",
        ),
        ("hdnts=exp=1579792240".to_owned(), "malformed"),
        (
            format!("hdnts=exp=1579792240~hmac={}", &hmac[..32]),
            "hash_mismatch",
        ),
        (format!("hdnts=exp=1579792241~hmac={hmac}"), "hash_mismatch"),
    ] {
        judge().denies(&at(&token), reason);
    }
}
