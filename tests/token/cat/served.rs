//! Keys by Common Access Tokens, at a running server.
//!
//! Must not know: how the server reads a token.

use serde_json::json;

use super::SECRET;
use super::forge::{array, bytes, int, lasting, map, text};
use crate::harness::issuer::{Issuer, now};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::viewers::operator;

pub(super) fn schemes() -> String {
    format!(
        "[schemes.cat]\nstreams = [\"test/**\"]\n\
         keys = [{{ kid = \"k1\", alg = \"HS256\", secret_hex = {SECRET:?} }}]\n"
    )
}

/// A token with an id of its own.
fn token(id: u8, claims: &[(i64, Vec<u8>)]) -> String {
    lasting(&[&[(7, bytes(&[id]))], claims].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_be_replayed_opens_one_key_once() {
    let serve = Serve::start("\"never\"", &schemes()).await;
    let key = serve.key("test/own").await;
    let nobody = serve.stranger();
    let ask = async |token: &str| nobody.get(&format!("{key}?cat={token}")).await;
    let [once, another] = [1, 2].map(|id| token(id, &[(308, int(1))]));
    // What is refused for another reason spends nothing.
    let foreign = key.replace("/v1/keys/", "/v1/keys/0");
    nobody
        .get(&format!("{foreign}?cat={once}"))
        .await
        .expect(404);
    assert_eq!(ask(&once).await.expect(200).body.len(), 16);
    for _ in 0..2 {
        ask(&once).await.expect(401);
    }
    // The same id under other claims is the same token.
    ask(&token(1, &[(2, text("alice")), (308, int(1))]))
        .await
        .expect(401);
    ask(&another).await.expect(200);
    for mode in [0, 2] {
        let often = token(3, &[(308, int(mode))]);
        for _ in 0..3 {
            ask(&often).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_opens_nothing_more_hides_no_other() {
    let serve = Serve::start("\"never\"", &schemes()).await;
    let key = serve.key("test/own").await;
    let nobody = serve.stranger();
    let ask = async |header: &str, query: &str| {
        let headers = [("cta-common-access-token", header)];
        let url = format!("{key}?cat={query}");
        let answer = nobody.try_ask("GET", &url, &headers, None).await;
        answer.unwrap().status
    };
    let (spent, revoked, coming) = (
        token(1, &[(308, int(1))]),
        token(2, &[]),
        token(3, &[(5, int(now() + 3600))]),
    );
    let good = token(4, &[]);
    for first in [&spent, &revoked] {
        assert_eq!(ask(first, first).await, 200);
    }
    let operator = operator(&serve, "**");
    let body = json!({"token": "02"}).to_string();
    let path = "/v1/revocations";
    operator.ask("POST", path, Some(&body)).await.expect(200);
    for (bad, status) in [(&spent, 401), (&revoked, 403), (&coming, 401)] {
        assert_eq!(ask(bad, bad).await, status);
        assert_eq!(ask(bad, &good).await, 200);
        assert_eq!(ask(&good, bad).await, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_request_is_matched_as_it_came() {
    let serve = Serve::start("\"never\"", &schemes()).await;
    let key = serve.key("test/own").await;
    let nobody = serve.stranger();
    let uri = |text_of: &str| (312, map(&[(3, map(&[(1, text(text_of))]))]));
    let path = key
        .split_once("/v1/")
        .map(|(_, rest)| format!("/v1/{rest}"))
        .unwrap();
    let list = |texts: &[&str]| array(&texts.iter().map(|it| text(it)).collect::<Vec<_>>());
    let cases = [
        (uri("/test/own/"), 200),
        (uri(&path), 200),
        (uri("/test/other/"), 401),
        ((313, list(&["GET"])), 200),
        ((313, list(&["POST"])), 401),
        ((314, array(&[bytes(b"http/1.1")])), 200),
        ((314, array(&[bytes(b"h2")])), 401),
        (
            (
                311,
                array(&[super::forge::tag(52, &bytes(&[127, 0, 0, 1]))]),
            ),
            200,
        ),
        (
            (
                311,
                array(&[super::forge::tag(52, &bytes(&[192, 0, 2, 1]))]),
            ),
            401,
        ),
        ((999, int(1)), 401),
    ];
    for (claim, status) in cases {
        let query = format!("cat={}", token(9, &[claim]));
        nobody.get(&format!("{key}?{query}")).await.expect(status);
    }
}

/// `catreplay` 2: it opens what it opens, and who looks at the log sees that it went about.
#[tokio::test(flavor = "multi_thread")]
async fn a_watched_token_that_comes_from_elsewhere_is_told() {
    let mut serve = Serve::prepare("\"never\"", &schemes());
    serve.amend(
        "[server.tls]",
        "trusted_proxies = [\"127.0.0.1\"]\n[server.tls]",
    );
    serve.resume().await;
    let key = serve.key("test/own").await;
    let nobody = serve.stranger();
    let [watched, other, free] =
        [(0x51, 2), (0x52, 2), (0x53, 0)].map(|(id, mode)| token(id, &[(308, int(mode))]));
    let log = &serve.process.as_ref().unwrap().stderr;
    let ask = async |token: &str, address: &str| {
        let url = format!("{key}?cat={token}");
        let headers = [("x-forwarded-for", address)];
        let answer = nobody.try_ask("GET", &url, &headers, None).await.unwrap();
        assert_eq!(answer.expect(200).body.len(), 16);
        let lines = log.all().into_iter();
        let told = lines.filter(|line| line.contains("came from another address"));
        told.collect::<Vec<_>>()
    };
    let (home, away) = ("192.0.2.1", "192.0.2.2");
    for (token, address) in [
        (&watched, home),
        (&watched, home),
        // Another's address is no change of its own, and one that nobody watches may go about.
        (&other, away),
        (&free, home),
        (&free, away),
    ] {
        assert_eq!(ask(token, address).await, Vec::<String>::new());
    }
    ask(&watched, away).await;
    ask(&watched, away).await;
    let told = until("it is told", seconds(5), async || {
        let lines = ask(&watched, away).await;
        (!lines.is_empty()).then_some(lines)
    })
    .await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("WARN") && told[0].contains("51"),
        "{told:?}"
    );
    assert!(
        !log.text().contains(&watched),
        "the token's text is nowhere"
    );
}

/// What a grant or a session could not ask for again is never made into one.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_demands_headers_opens_keys_alone() {
    let serve = Serve::start("\"never\"", &schemes()).await;
    let key = serve.key("test/own").await;
    let nobody = serve.stranger();
    let rule = map(&[(1, text("player/"))]);
    let headers = [&[0xa1][..], &text("x-device"), &rule].concat();
    let [bound, free] = [(315, headers), (313, array(&[text("GET")]))].map(|it| token(4, &[it]));
    let body = r#"{"stream":"test/own"}"#;
    for (token, expected) in [(bound, [200, 403, 403]), (free, [200, 404, 401])] {
        for ((method, path, body), status) in [
            ("GET", &*key, None),
            ("GET", "/v1/play/test/own/index.m3u8", None),
            ("POST", "/v1/sessions", Some(body)),
        ]
        .into_iter()
        .zip(expected)
        {
            let path = format!("{path}?cat={token}");
            let asked = nobody.try_ask(method, &path, &[("x-device", "player/7")], body);
            assert_eq!(asked.await.unwrap().status, status, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_token_masks_no_other() {
    let serve = Serve::start("\"never\"", &schemes()).await;
    let key = serve.key("test/own").await;
    let hs = Issuer::Hs256(b"obviously-a-fake-secret-of-40-characters".to_vec());
    let claims = json!({"sub": "alice", "streams": "test/own", "exp": now() + 600, "maxuses": 1});
    let once = serve.stranger().with(&hs.token(&claims));
    let [another, last] = [5, 6].map(|id| token(id, &[(308, int(1))]));
    once.get(&format!("{key}?cat={another}")).await.expect(200);
    once.get(&key).await.expect(401);
    once.get(&format!("{key}?cat={last}")).await.expect(200);
    once.get(&format!("{key}?cat={another}")).await.expect(200);
    once.get(&format!("{key}?cat={another}")).await.expect(401);
}

/// A browser sends a cookie whatever page made it ask.
#[tokio::test(flavor = "multi_thread")]
async fn another_site_begins_no_session_by_a_cookie_and_uses_nothing_up() {
    let edge =
        "[schemes.edgeauth]\nstreams = [\"test/**\"]\nsecrets_hex = [\"0123456789abcdef\"]\n";
    let serve = Serve::start("\"never\"", &format!("{}{edge}", schemes())).await;
    serve.key("test/own").await;
    let nobody = serve.stranger();
    let begin = async |query: &str, headers: &[(&str, &str)]| {
        let body = Some(r#"{"stream":"test/own"}"#);
        let path = format!("/v1/sessions{query}");
        let answer = nobody.try_ask("POST", &path, headers, body).await;
        answer.unwrap()
    };
    let once = format!("CTA-Common-Access-Token={}", token(1, &[(308, int(1))]));
    let short = serve.minted("edgeauth", "test/own", "1h");
    let long = short.replacen("hdnts", "hdntl", 1);
    let (away, home) = ("https://evil.example", serve.url());
    for cookie in [&once, &long, &short] {
        for origin in [away, "null"] {
            let headers = [("cookie", cookie.as_str()), ("origin", origin)];
            let refused = begin("", &headers).await.expect(403);
            assert!(refused.headers.get("set-cookie").is_none());
        }
        let headers = [("cookie", cookie.as_str()), ("origin", home.as_str())];
        begin("", &headers).await.expect(200);
    }
    // It was used here, and not before.
    begin("", &[("cookie", &once)]).await.expect(401);
    // What a page sends by itself is no cookie.
    let headers = [("cookie", once.as_str()), ("origin", away)];
    begin(&format!("?{short}"), &headers).await.expect(200);
    let another = format!("?cat={}", token(2, &[(308, int(1))]));
    begin(&another, &headers).await.expect(200);
    begin(&another, &headers).await.expect(401);
}
