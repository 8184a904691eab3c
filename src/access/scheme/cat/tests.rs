//! What `catu` is matched with on requests that only a running server has: a key's, a playlist's.
//!
//! The rest is tested at the command line, `tests/token/cat/`. Must not know: how a token is sealed.

use super::cbor::read;
use super::cose::written;
use super::uri::UriRule;
use crate::access::scheme::request::{Purpose, Request, Target};

const KEY: &str = "/v1/keys/00000000-0000-4000-8000-000000000000";
const PLAYLIST: &str = "/v1/play/live/news/a/index.m3u8";

/// Whether a rule for the URL's part 3, its path, takes a request for the stream `live/news`.
fn takes(path: &str, way: i64, text: &str) -> bool {
    takes_part(path, 3, way, text)
}

fn takes_part(path: &str, part: i64, way: i64, text: &str) -> bool {
    let claim = written(|to| to.map(1)?.i64(part)?.map(1)?.i64(way)?.str(text)?.ok()).unwrap();
    let rule = UriRule::read(&read(&claim).unwrap()).unwrap();
    let headers: Vec<(String, String)> = Vec::new();
    rule.takes(&Request {
        stream: None,
        content: "live/news",
        query: "cat=x",
        headers: &headers,
        method: "GET",
        target: Target {
            scheme: "https",
            authority: "keys.example.com:8443",
            path,
            token: None,
        },
        alpn: None,
        ip: None,
        purpose: Purpose::Play,
    })
}

#[test]
fn a_keys_url_is_its_own_or_its_streams() {
    let (exact, prefix, suffix) = (0, 1, 2);
    for (way, text) in [
        (exact, KEY),
        (prefix, "/v1/keys/"),
        (exact, "/live/news"),
        (prefix, "/live/news/"),
        (prefix, "/live/"),
        (suffix, ".m3u8"),
    ] {
        assert!(takes(KEY, way, text), "{text}");
    }
    for (way, text) in [
        (prefix, "/live/sport/"),
        (prefix, "/live/news/a/"),
        (exact, "/live/news/index.m3u8"),
        (suffix, ".ts"),
    ] {
        assert!(!takes(KEY, way, text), "{text}");
    }
    // The host is that of the key's URL, whatever the path.
    assert!(takes_part(KEY, 1, exact, "keys.example.com"));
    assert!(!takes_part(KEY, 1, exact, "cdn.example.com"));
}

#[test]
fn a_playlists_url_may_be_named_without_our_route() {
    let (exact, prefix) = (0, 1);
    for (way, text) in [
        (exact, PLAYLIST),
        (exact, "/live/news/a/index.m3u8"),
        (prefix, "/live/news/"),
        (prefix, "/v1/play/live/"),
    ] {
        assert!(takes(PLAYLIST, way, text), "{text}");
    }
    // Which playlist it is is known, so no other is tried.
    for text in ["/live/news", "/live/news/", "/live/news/playlist.m3u8"] {
        assert!(!takes(PLAYLIST, exact, text), "{text}");
    }
}
