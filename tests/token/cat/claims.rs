//! Every claim but `catu`: what it restricts, and what is no such claim.
//!
//! Must not know: how the server reads a token.

use super::forge::{END, array, bytes, float, int, lasting, map, named, tag, text, token};
use super::{KEY, PLAYLIST, judge, with};

/// 2024-01-01, when the judge asks.
const NOW: i64 = 1_704_067_200;

#[test]
fn a_token_is_good_from_nbf_to_the_second_before_exp() {
    let good = |nbf: Vec<u8>, exp: Vec<u8>| with(KEY, &token(&[(4, exp), (5, nbf)]));
    judge("").allows(&good(int(NOW), int(NOW + 1)));
    judge("").allows(&good(float(1_704_067_199.5), float(1_704_067_200.5)));
    judge("").denies(&good(int(NOW + 1), int(NOW + 2)), "not_yet");
    judge("").denies(&good(int(NOW - 2), int(NOW)), "expired");
    judge("").denies(&good(int(-2), int(-1)), "expired");
    let found = judge("").allows(&good(int(NOW), int(NOW + 60)));
    assert_eq!(found.expires.as_deref(), Some("2024-01-01T00:01:00.000Z"));
}

#[test]
fn a_time_is_a_number_of_seconds() {
    for (exp, reason) in [
        (int(END * 1000), "milliseconds"),
        (text("4102444800"), "no_expiry"),
        (tag(1, &int(END)), "no_expiry"),
        (float(f64::NAN), "no_expiry"),
        (float(f64::INFINITY), "no_expiry"),
        (
            vec![0x1b, 255, 255, 255, 255, 255, 255, 255, 255],
            "no_expiry",
        ),
    ] {
        judge("").denies(&with(KEY, &token(&[(4, exp)])), reason);
    }
    for claim in [5, 6] {
        judge("").allows(&with(KEY, &lasting(&[(claim, int(NOW))])));
        judge("").denies(&with(KEY, &lasting(&[(claim, text("now"))])), "time");
    }
    judge("").denies(&with(KEY, &token(&[])), "no_expiry");
    let endless = judge("require_exp = false").allows(&with(KEY, &token(&[(2, text("alice"))])));
    assert_eq!(endless.expires, None);
}

#[test]
fn the_issuer_and_the_audience_are_the_instances() {
    let issuers = "issuers = [\"one\", \"two\"]";
    for (claim, refusal) in [
        (Some(text("one")), None),
        (Some(text("two")), None),
        (Some(text("three")), Some("issuer")),
        (Some(bytes(b"one")), Some("issuer")),
        (None, Some("issuer")),
    ] {
        let claims: Vec<_> = claim.into_iter().map(|claim| (1, claim)).collect();
        expect(&judge(issuers), &lasting(&claims), refusal);
    }
    let audiences = "audiences = [\"keys\", \"cdn\"]";
    for (claim, refusal) in [
        (Some(text("keys")), None),
        (Some(array(&[text("other"), text("cdn")])), None),
        (Some(array(&[])), Some("audience")),
        (Some(text("other")), Some("audience")),
        (Some(array(&[int(1), text("keys")])), Some("audience")),
        (None, Some("audience")),
    ] {
        let claims: Vec<_> = claim.into_iter().map(|claim| (3, claim)).collect();
        expect(&judge(audiences), &lasting(&claims), refusal);
    }
}

fn expect(judge: &super::Judge, token: &str, refusal: Option<&str>) {
    match refusal {
        None => drop(judge.allows(&with(KEY, token))),
        Some(reason) => judge.denies(&with(KEY, token), reason),
    }
}

#[test]
fn who_it_is_is_said_by_sub_or_cti_or_the_token() {
    let subject = |claims: &[(i64, Vec<u8>)]| {
        judge("")
            .allows(&with(KEY, &lasting(claims)))
            .subject
            .unwrap()
    };
    assert_eq!(
        subject(&[(2, text("alice")), (7, bytes(&[1, 255]))]),
        "alice"
    );
    assert_eq!(subject(&[(7, bytes(&[1, 255]))]), "01ff");
    assert_eq!(subject(&[]).len(), 24);
    for (claim, value, reason) in [
        (2, text(""), "subject"),
        (2, text("a\u{7}"), "subject"),
        (2, int(1), "subject"),
        (7, text("id"), "cti"),
        (7, bytes(&[]), "cti"),
        (310, int(2), "catv"),
        (310, text("1"), "catv"),
        (308, int(3), "catreplay"),
        (308, text("1"), "catreplay"),
    ] {
        judge("").denies(&with(KEY, &lasting(&[(claim, value)])), reason);
    }
}

#[test]
fn a_token_opens_the_urls_content_or_the_instances_streams() {
    let settings = "streams = [\"live/**\"]";
    let any = judge(settings).allows(&with(PLAYLIST, &lasting(&[])));
    assert_eq!(any.streams, ["live/**"]);
    let path = map(&[(3, map(&[(1, text("/"))]))]);
    let one = judge(settings).allows(&with(PLAYLIST, &lasting(&[(312, path.clone())])));
    assert_eq!(one.streams, ["live/news"]);
    let foreign = PLAYLIST.replace("live", "vod");
    judge(settings).denies(&with(&foreign, &lasting(&[])), "stream");
    judge(settings).denies(&with(&foreign, &lasting(&[(312, path)])), "stream");
}

#[test]
fn methods_and_protocols_are_listed() {
    let token = lasting(&[(313, array(&[text("GET"), text("HEAD")]))]);
    judge("")
        .with(&["--method", "HEAD"])
        .allows(&with(KEY, &token));
    judge("")
        .with(&["--method", "get"])
        .allows(&with(KEY, &token));
    judge("")
        .with(&["--method", "POST"])
        .denies(&with(KEY, &token), "catm");
    for claim in [array(&[]), int(1), array(&[int(1)])] {
        judge("").denies(&with(KEY, &lasting(&[(313, claim)])), "catm");
    }
    let token = lasting(&[(314, array(&[bytes(b"h2"), bytes(b"http/1.1")]))]);
    judge("")
        .with(&["--alpn", "http/1.1"])
        .allows(&with(KEY, &token));
    judge("")
        .with(&["--alpn", "h3"])
        .denies(&with(KEY, &token), "catalpn");
    judge("").denies(&with(KEY, &token), "catalpn");
}

#[test]
fn headers_are_there_and_as_demanded() {
    let rule = map(&[(1, text("player/"))]);
    let url = with(KEY, &lasting(&[(315, named("User-Agent", &rule))]));
    let sent = |headers: &[&str]| {
        let args: Vec<_> = headers
            .iter()
            .flat_map(|header| ["--header", header])
            .collect();
        judge("").with(&args)
    };
    sent(&["user-agent: player/7"]).allows(&url);
    sent(&[]).denies(&url, "cath");
    sent(&["user-agent: browser"]).denies(&url, "cath");
    sent(&["user-agent: player/7", "user-agent: browser"]).denies(&url, "cath");
    for claim in [
        map(&[(0, rule)]),
        named("user-agent", &text("player/7")),
        map(&[]),
    ] {
        let url = with(KEY, &lasting(&[(315, claim)]));
        sent(&["user-agent: player/7"]).denies(&url, "cath");
    }
}

#[test]
fn networks_are_addresses_and_prefixes() {
    let v4 = |item: &[u8]| tag(52, item);
    let v6 = |item: &[u8]| tag(54, item);
    let prefix = |length, start: &[u8]| array(&[int(length), bytes(start)]);
    let ten = bytes(&[192, 0, 2, 10]);
    for (entry, good, bad) in [
        (v4(&ten), "192.0.2.10", "192.0.2.11"),
        (v4(&ten), "::ffff:192.0.2.10", "::192.0.2.10"),
        (v4(&prefix(24, &[192, 0, 2])), "192.0.2.200", "192.0.3.1"),
        (v4(&prefix(24, &[192, 0, 2, 0])), "192.0.2.200", "192.0.3.1"),
        (v4(&prefix(23, &[192, 0, 2])), "192.0.3.1", "192.0.4.1"),
        (v4(&prefix(0, &[])), "198.51.100.1", "2001:db8::1"),
        (
            v6(&prefix(32, &[0x20, 1, 0xd, 0xb8])),
            "2001:db8:1::1",
            "2001:db9::1",
        ),
        (
            v6(&bytes(&[0x20; 16])),
            "2020:2020:2020:2020:2020:2020:2020:2020",
            "2020::1",
        ),
    ] {
        let url = with(KEY, &lasting(&[(311, array(&[int(64_496), entry]))]));
        judge("").ip(good).allows(&url);
        judge("").ip(bad).denies(&url, "catnip");
        judge("").denies(&url, "catnip");
    }
    for entry in [
        v4(&prefix(24, &[192, 0, 2, 10])),
        v4(&prefix(33, &[192, 0, 2, 10])),
        v4(&prefix(24, &[192, 0, 2, 0, 0])),
        v4(&array(&[ten.clone(), int(33)])),
        v4(&bytes(&[192, 0, 2])),
        v4(&text("192.0.2.10")),
        v6(&ten),
        tag(260, &ten),
        ten,
        text("192.0.2.10"),
        int(-1),
    ] {
        let listed = array(&[v4(&bytes(&[192, 0, 2, 10])), entry]);
        judge("")
            .ip("192.0.2.10")
            .denies(&with(KEY, &lasting(&[(311, listed)])), "catnip");
    }
    for none in [array(&[]), array(&[int(64_496)])] {
        judge("")
            .ip("192.0.2.10")
            .denies(&with(KEY, &lasting(&[(311, none)])), "catnip");
    }
}

#[test]
fn a_renewal_says_how_and_by_how_long() {
    judge("").allows(&with(
        KEY,
        &lasting(&[(323, map(&[(0, int(0)), (1, int(60))]))]),
    ));
    let header = [
        (0, int(2)),
        (1, int(60)),
        (2, int(30)),
        (4, text("x")),
        (6, array(&[text("y")])),
    ];
    judge("").allows(&with(KEY, &lasting(&[(323, map(&header))])));
    for claim in [
        map(&[(0, int(0))]),
        map(&[(1, int(60))]),
        map(&[(0, int(4)), (1, int(60))]),
        map(&[(0, int(0)), (1, int(-60))]),
        map(&[(0, int(1)), (1, int(60)), (5, text("x"))]),
        int(1),
    ] {
        let url = with(KEY, &lasting(&[(323, claim)]));
        judge("").denies(&url, "catr");
        // It is known: nobody can call it harmless.
        judge("harmless_claims = [323]").denies(&url, "catr");
    }
}

/// What is not known in it adds to an answer that is not given; what has no number is no parameter.
#[test]
fn a_renewal_may_have_parameters_that_are_not_known() {
    let renewal =
        |more: Vec<u8>| [&[0xa3][..], &int(0), &int(1), &int(1), &int(60), &more].concat();
    let later = renewal([int(99), text("x")].concat());
    judge("").allows(&with(KEY, &lasting(&[(323, later)])));
    let named = renewal([text("x"), int(1)].concat());
    judge("").denies(&with(KEY, &lasting(&[(323, named)])), "catr");
}

/// Each may keep somebody out, and none is enforced here.
#[test]
fn a_claim_that_is_not_enforced_fails_closed() {
    let restricting = [
        8, 41, 42, 43, 44, 45, 282, 309, 316, 317, 318, 319, 321, 324, 325, 999, -70_000,
    ];
    for claim in restricting {
        let url = with(KEY, &lasting(&[(claim, int(1))]));
        judge("").denies(&url, "critical_claim");
        judge(&format!("harmless_claims = [\"x\", {claim}]")).allows(&url);
    }
    let [head, payload] = [vec![0xa2], [int(4), int(END), text("x"), int(1)].concat()];
    let payload = [head, payload].concat();
    let url = with(
        KEY,
        &super::forge::Parts::new(&super::forge::Seal::Hs256, "k1", &payload).text(),
    );
    judge("").denies(&url, "critical_claim");
    judge("harmless_claims = [\"x\"]").allows(&url);
    // What is enforced stays so.
    let method = with(KEY, &lasting(&[(313, array(&[text("POST")]))]));
    judge("harmless_claims = [313]").denies(&method, "catm");
    // How a refusal is answered keeps nobody out.
    let answer = map(&[(
        4,
        array(&[int(307), named("Location", &text("https://h/")), text("k1")]),
    )]);
    judge("").allows(&with(KEY, &lasting(&[(320, text("x")), (322, answer)])));
}
