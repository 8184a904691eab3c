//! The claim `catu`: every part, every way to match, and what is no rule.
//!
//! Must not know: how the server reads a token.

use super::forge::{NULL, array, bytes, int, lasting, map, text};
use super::{PLAYLIST, judge, with};

/// A token for URLs whose `part` is as `rule` says.
fn token(part: i64, rule: &[(i64, Vec<u8>)]) -> String {
    lasting(&[(312, map(&[(part, map(rule))]))])
}

#[test]
fn every_part_is_matched() {
    let url = "https://CDN.example.com:8443/live/news/a.b.m3u8?x=1&cat2=2";
    for (part, good, bad) in [
        (0, "https", "http"),
        (1, "cdn.example.com", "cdn.example.com:8443"),
        (2, "8443", "443"),
        (3, "/live/news/a.b.m3u8", "live/news/a.b.m3u8"),
        (4, "x=1&cat2=2", "x=1"),
        (5, "/live/news", "/live/news/"),
        (6, "a.b.m3u8", "b.m3u8"),
        (7, "a.b", "a"),
        (8, ".m3u8", "m3u8"),
    ] {
        judge("").allows(&with(url, &token(part, &[(0, text(good))])));
        judge("").denies(&with(url, &token(part, &[(0, text(bad))])), "catu");
    }
    // The scheme's own port may be left out, in the URL and in the token.
    for port in ["", "443"] {
        judge("").allows(&with(PLAYLIST, &token(2, &[(0, text(port))])));
        let named = PLAYLIST.replace(".com/", ".com:443/");
        judge("").allows(&with(&named, &token(2, &[(0, text(port))])));
    }
    judge("").denies(&with(PLAYLIST, &token(2, &[(0, text("80"))])), "catu");
    // A URL without a host has none of these parts.
    judge("").denies(
        &with("/live/news/a.m3u8", &token(1, &[(0, text("h"))])),
        "catu",
    );
}

#[test]
fn every_way_to_match() {
    let path = "/live/news/playlist.m3u8";
    let digest = |algorithm| {
        aws_lc_rs::digest::digest(algorithm, path.as_bytes())
            .as_ref()
            .to_vec()
    };
    let sha256 = digest(&aws_lc_rs::digest::SHA256);
    let sha512_256 = digest(&aws_lc_rs::digest::SHA512_256);
    let half = digest(&aws_lc_rs::digest::SHA512)[..32].to_vec();
    let regex = |parts: &[Vec<u8>]| array(parts);
    let cases = [
        (0, text(path), true),
        (0, text("/live/news"), false),
        (1, text("/live/news/"), true),
        (1, text("/live/sport/"), false),
        (2, text(".m3u8"), true),
        (2, text(".key"), false),
        (3, text("news"), true),
        (3, text("sport"), false),
        (4, regex(&[text(r"^/live/\w+/[^/]+\.m3u8$")]), true),
        (4, regex(&[text("^/vod/")]), false),
        (
            4,
            regex(&[text("^/(live|vod)/([a-z]+)/"), text("live"), text("news")]),
            true,
        ),
        (
            4,
            regex(&[text("^/(live|vod)/([a-z]+)/"), text("live"), text("sport")]),
            false,
        ),
        (
            4,
            regex(&[text("^/(live)?(vod)?/"), text("live"), NULL.to_vec()]),
            true,
        ),
        (4, regex(&[text("^/(live)?(vod)?/"), NULL.to_vec()]), false),
        (-1, bytes(&sha256), true),
        (-1, bytes(&sha512_256), false),
        (-2, bytes(&sha512_256), true),
        (-2, bytes(&half), false),
    ];
    for (way, value, expected) in cases {
        let url = with(PLAYLIST, &token(3, &[(way, value.clone())]));
        match expected {
            true => drop(judge("").allows(&url)),
            false => judge("").denies(&url, "catu"),
        }
    }
    // Each of several must hold.
    let both = |end: &str| token(3, &[(1, text("/live/")), (2, text(end))]);
    judge("").allows(&with(PLAYLIST, &both(".m3u8")));
    judge("").denies(&with(PLAYLIST, &both(".ts")), "catu");
}

#[test]
fn what_is_no_rule_lets_nobody_in() {
    let all = (1, text("/"));
    judge("").allows(&with(PLAYLIST, &token(3, std::slice::from_ref(&all))));
    for rule in [
        map(&[(0, int(1))]),
        map(&[(0, bytes(b"/live/news/playlist.m3u8"))]),
        map(&[(1, bytes(b"/"))]),
        map(&[(1, array(&[text("/")]))]),
        map(&[(-1, text("/"))]),
        map(&[(-1, bytes(b"short"))]),
        map(&[(4, text("/"))]),
        map(&[(4, array(&[]))]),
        map(&[(4, array(&[text("(")]))]),
        map(&[(4, array(&[text("/"), text("no such group")]))]),
        map(&[(4, array(&[text("(?=/)")]))]),
        map(&[(4, array(&[text("(((a{99}){99}){99})")]))]),
        map(&[(5, text("/"))]),
        map(&[]),
        text("/"),
    ] {
        let among = lasting(&[(312, map(&[(0, map(&[(1, text("http"))])), (3, rule)]))]);
        judge("").denies(&with(PLAYLIST, &among), "catu");
    }
    for claim in [map(&[]), map(&[(9, map(&[all]))]), text("/"), array(&[])] {
        judge("").denies(&with(PLAYLIST, &lasting(&[(312, claim)])), "catu");
    }
}

#[test]
fn the_token_itself_is_no_part_of_the_query() {
    let query = |exact: &str| token(4, &[(0, text(exact))]);
    judge("").allows(&with(&format!("{PLAYLIST}?a=1"), &query("a=1")));
    judge("").allows(&format!("{PLAYLIST}?cat={}&a=1&token=x", query("a=1")));
    judge("").allows(&with(PLAYLIST, &query("")));
    judge("").denies(&with(&format!("{PLAYLIST}?a=2"), &query("a=1")), "catu");
}

#[test]
fn a_host_has_no_case_and_nobody_before_it() {
    let host = |way, value: &str| token(1, &[(way, text(value))]);
    let url = |authority: &str| PLAYLIST.replace("cdn.example.com", authority);
    for authority in ["u:p@cdn.example.com", "CDN.example.com:443"] {
        judge("").allows(&with(&url(authority), &host(0, "CDN.Example.com")));
    }
    let disguised = url("cdn.example.com@evil.example");
    judge("").allows(&with(&disguised, &host(1, "evil.")));
    judge("").denies(&with(&disguised, &host(1, "cdn.example.com")), "catu");
}

#[test]
fn a_folders_url_is_judged_too() {
    let token = token(3, &[(1, text("/live/"))]);
    let found = judge("").allows(&with("https://h/live/news/", &token));
    assert_eq!(found.streams, ["live/news"]);
    judge("").denies(&with("https://h/live/news//", &token), "path");
    judge("").denies(&with("https://h/vod/news/", &token), "catu");
}

#[test]
fn a_path_in_disguise_is_refused() {
    let token = token(3, &[(1, text("/live/"))]);
    judge("").allows(&with("https://h/live/news/a.m3u8", &token));
    for path in [
        "/live/../vod/a",
        "/live/%2e%2e/vod/a",
        "/live//a",
        "/live/a%2fb",
        "/live/a%00",
    ] {
        judge("").denies(&with(&format!("https://h{path}"), &token), "path");
    }
}
