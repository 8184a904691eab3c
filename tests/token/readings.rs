//! Which stream a URL is of: an application called `hls` as any other, a rendition below its stream, a
//! path in percent-encoding.
//!
//! Must not know: how the server hashes.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use md5::{Digest as _, Md5};

use super::edgeauth::sealed_over;
use super::verdict::Judge;
use crate::harness::binary::printed;

const TODAY: &str = "1/1/2024 12:00:00 AM";

fn wowza() -> Judge {
    Judge::new("securetoken", "secrets = [\"fake\"]")
}

/// The query for a path as its signer has it.
fn wowza_query(path: &str) -> String {
    let hash = digest(&SHA256, format!("{path}?fake").as_bytes());
    format!("wowzatokenhash={}", URL_SAFE.encode(hash))
}

fn panel() -> Judge {
    Judge::new("wmsauth", "secrets = [\"fake\"]\nrequire_stream = true").ip("192.0.2.10")
}

/// A basic token that signs `path`.
fn panel_query(path: &str) -> String {
    let hash = Md5::digest(format!("192.0.2.10fake{TODAY}20{path}"));
    let (hash, length) = (STANDARD.encode(hash), path.len());
    let inner = format!("server_time={TODAY}&hash_value={hash}&validminutes=20&strm_len={length}");
    format!("wmsAuthSign={}", STANDARD.encode(inner))
}

fn edge() -> Judge {
    Judge::new("edgeauth", "secrets_hex = [\"1234\"]")
}

fn edge_query(acl: &str) -> String {
    let fields = format!("exp=1704070800~acl={acl}");
    format!("hdnts={}", sealed_over("1234", &fields, &fields))
}

fn jwt() -> Judge {
    let secret = "secret = \"obviously-a-fake-secret-of-40-characters\"";
    Judge::new("jwt", secret).now()
}

fn jwt_query(judge: &Judge, stream: &str) -> String {
    let config = judge.file();
    let token = printed(&["token", "mint", "--config", config, "--stream", stream]);
    format!("token={}", token.trim())
}

fn url(path: &str, query: &str) -> String {
    format!("https://h/{path}?{query}")
}

#[test]
fn an_application_may_be_called_hls() {
    let playlist = |query: &str| url("hls/a/playlist.m3u8", query);
    let found = wowza().allows(&playlist(&wowza_query("hls/a")));
    assert_eq!(found.streams, ["hls/a"]);
    wowza().denies(&playlist(&wowza_query("hls/b")), "hash_mismatch");
    edge().allows(&playlist(&edge_query("/hls/*")));
    edge().denies(&playlist(&edge_query("/live/*")), "path");
    let one = "exp=1704070800";
    let hashed = |path: &str| sealed_over("1234", one, &format!("{one}~url={path}"));
    let query = format!("hdnts={}", hashed("/hls/a/playlist.m3u8"));
    edge().allows(&playlist(&query));
    panel().allows(&playlist(&panel_query("hls/a")));
    panel().denies(&playlist(&panel_query("hls/b")), "hash_mismatch");
    let judge = jwt();
    judge.allows(&playlist(&jwt_query(&judge, "hls/*")));
    judge.denies(&playlist(&jwt_query(&judge, "live/*")), "stream");
    // Our own route of that name puts it before the content's path.
    let below = |query: &str| url("hls/live/a/playlist.m3u8", query);
    wowza().allows(&below(&wowza_query("live/a")));
    edge().allows(&below(&edge_query("/live/*")));
    panel().allows(&below(&panel_query("live/a")));
    judge.allows(&below(&jwt_query(&judge, "live/a")));
}

#[test]
fn what_is_minted_for_such_an_application_is_taken() {
    for (scheme, settings) in [
        ("securetoken", "secrets = [\"fake\"]"),
        ("wmsauth", "secrets = [\"fake\"]"),
        ("hdnts", "secrets = [\"fake\"]"),
        ("edgeauth", "secrets_hex = [\"1234\"]"),
    ] {
        let judge = Judge::new(scheme, settings).now();
        let fixed = [
            "token",
            "mint",
            "--config",
            judge.file(),
            "--scheme",
            scheme,
        ];
        let query = printed(&[&fixed[..], &["--stream", "hls/a"]].concat());
        judge.allows(&url("hls/a/index.m3u8", query.trim()));
        assert!(!judge.verdict(&url("hls/b/index.m3u8", query.trim())).allow);
    }
}

#[test]
fn a_pattern_is_for_the_urls_own_stream_and_a_name_for_what_lies_below_it() {
    let judge = jwt();
    for (stream, path, is_good) in [
        ("live/*", "live/a/index.m3u8", true),
        ("live/*", "live/a/1.ts", true),
        ("live/*", "live/a", true),
        ("live/*", "live/a/b/index.m3u8", false),
        ("live/*", "live/a/b", false),
        ("live/**", "live/a/b/index.m3u8", true),
        ("live/a", "live/a/index.m3u8", true),
        ("live/a", "live/a/v0/index.m3u8", true),
        ("live/a", "live/ab/index.m3u8", false),
        ("live", "live/index.m3u8", true),
        ("live", "live/a/index.m3u8", false),
        ("live", "live/a", false),
    ] {
        let url = url(path, &jwt_query(&judge, stream));
        match is_good {
            true => drop(judge.allows(&url)),
            false => judge.denies(&url, "stream"),
        }
    }
    let playlist = |query: &str| url("live/a/playlist.m3u8", query);
    panel().allows(&playlist(&panel_query("live/a")));
    panel().allows(&playlist(&panel_query("live/")));
    panel().denies(&playlist(&panel_query("live")), "stream");
    let rendition = |query: &str| url("live/a/v0/playlist.m3u8", query);
    let found = wowza().allows(&rendition(&wowza_query("live/a")));
    assert_eq!(found.streams, ["live/a"]);
    wowza().denies(&rendition(&wowza_query("live")), "hash_mismatch");
}

#[test]
fn a_path_in_percent_encoding_is_the_stream_that_it_means() {
    let playlist = |query: &str| url("vod/mp4%3As.mp4/playlist.m3u8", query);
    for signed in ["vod/mp4:s.mp4", "vod/mp4%3As.mp4"] {
        for (judge, query) in [
            (wowza(), wowza_query(signed)),
            (panel(), panel_query(signed)),
        ] {
            let found = judge.allows(&playlist(&query));
            assert_eq!(found.streams, ["vod/mp4:s.mp4"], "{signed}");
        }
    }
    let found = edge().allows(&playlist(&edge_query("/vod/mp4:s.mp4/*")));
    assert_eq!(found.streams, ["vod/mp4:s.mp4"]);
    let judge = jwt();
    judge.allows(&playlist(&jwt_query(&judge, "vod/mp4:s.mp4")));
    wowza().denies(&playlist(&wowza_query("vod/mp4:t.mp4")), "hash_mismatch");
    wowza().denies(
        &url("vod%2fs.mp4/playlist.m3u8", &wowza_query("vod/s.mp4")),
        "path",
    );
}

#[test]
fn a_load_balancers_application_is_not_signed_and_may_be_a_streams() {
    let url = |query: &str| url("redirect/live/a/playlist.m3u8", query);
    for signed in ["live/a", "redirect/live/a"] {
        assert_eq!(wowza().allows(&url(&wowza_query(signed))).streams, [signed]);
    }
    wowza().denies(&url(&wowza_query("live/b")), "hash_mismatch");
}

#[test]
fn a_foreign_parameter_hides_no_token_in_a_chunklists_name() {
    let token = STANDARD_NO_PAD.encode(wowza_query("live/a"));
    let name = format!("live/a/chunklist_w1_tk{}.m3u8", token.replace('/', "_"));
    wowza().allows(&url(&name, "ref=wowzatoken"));
    wowza().denies(&url(&name, "wowzatokenhash=x"), "hash_length");
}

#[test]
fn so_much_is_hashed_and_no_more() {
    let query = |length: usize| {
        let custom = format!("wowzatokenC={}", "x".repeat(length));
        let hash = digest(&SHA256, format!("live/a?fake&{custom}").as_bytes());
        format!("{custom}&wowzatokenhash={}", URL_SAFE.encode(hash))
    };
    wowza().allows(&url("live/a/playlist.m3u8", &query(4000)));
    wowza().denies(&url("live/a/playlist.m3u8", &query(4096)), "too_long");
}

#[test]
fn a_relative_url_may_name_another_in_its_query() {
    let query = wowza_query("live/a");
    let url = format!("/live/a/playlist.m3u8?{query}&r=http://x");
    wowza().allows(&url);
}
