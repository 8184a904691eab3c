//! Requests × credentials × policies, in tables, at a running server.
//!
//! Must not know: how a policy decides.

mod order;
mod table;

use crate::harness::actor::{Actor, Answer};
use crate::harness::binary::printed;
use crate::harness::serve::Serve;

/// Three ways to vouch, and a stream for each policy.
const POLICIES: &str = r#"
[schemes.partners]
kind = "jwt"
streams = ["test/**"]
secret = "obviously-a-fake-secret-of-the-partners"
[schemes.edge]
kind = "securetoken"
streams = ["test/**"]
secrets = ["obviously-a-fake-secret"]
[[policies]]
streams = ["test/any"]
[[policies]]
streams = ["test/partners"]
accept = ["partners"]
[[policies]]
streams = ["test/either"]
accept = ["edge", "viewers"]
[[policies]]
streams = ["test/both"]
require = ["viewers", "edge"]
[[policies]]
streams = ["test/locked"]
origins = ["https://player.example", "https://*.tv.example"]
referers = ["https://portal.example/live/"]
[[policies]]
streams = ["test/apps"]
origins = ["https://player.example"]
without_page = true
[[policies]]
streams = ["test/short"]
max_life = "10m"
"#;

/// The path of the first key of `stream`, and a playlist at the origin that names it.
async fn key(serve: &Serve, stream: &str) -> String {
    let uri = serve.key(stream).await;
    serve.publish(&format!("{stream}/index.m3u8"), &uri);
    uri.replace(&serve.url(), "")
}

/// A viewer's headers and query.
#[derive(Default, Clone)]
struct Sent {
    bearers: Vec<String>,
    query: String,
    headers: Vec<(&'static str, String)>,
}

impl Sent {
    async fn ask(&self, nobody: &Actor, path: &str) -> Answer {
        let bearers: Vec<_> = self
            .bearers
            .iter()
            .map(|token| format!("Bearer {token}"))
            .collect();
        let named = bearers.iter().map(|text| ("authorization", text.as_str()));
        let others = self
            .headers
            .iter()
            .map(|(name, text)| (*name, text.as_str()));
        let headers: Vec<_> = named.chain(others).collect();
        let path = format!("{path}?{}", self.query);
        nobody.try_ask("GET", &path, &headers, None).await.unwrap()
    }
}

/// One stream's key and playlist with one credential.
struct Case<'a>(&'a str, Sent, u16);

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_takes_the_schemes_that_it_names() {
    let serve = Serve::start("\"never\"", POLICIES).await;
    let nobody = serve.stranger();
    for stream in ["test/any", "test/partners", "test/either", "test/both"] {
        let key = key(&serve, stream).await;
        let playlist = format!("/v1/play/{stream}/index.m3u8");
        let [viewers, partners] = ["viewers", "partners"].map(|it| serve.minted(it, stream, "1h"));
        let edge = serve.minted("edge", stream, "1h");
        let stranger = serve.minted("viewers", "test/elsewhere", "1h");
        let late = serve.minted("viewers", stream, "-1h");
        let sent = |bearers: &[&String], query: &str| Sent {
            bearers: bearers.iter().map(|token| (*token).clone()).collect(),
            query: query.to_owned(),
            ..Sent::default()
        };
        // What is expected at: any, partners, either, both.
        let table = [
            ("viewers", sent(&[&viewers], ""), [200, 403, 200, 403]),
            ("partners", sent(&[&partners], ""), [200, 200, 403, 403]),
            ("edge", sent(&[], &edge), [200, 403, 200, 403]),
            (
                "viewers + edge",
                sent(&[&viewers], &edge),
                [200, 403, 200, 200],
            ),
            (
                "partners + edge",
                sent(&[&partners], &edge),
                [200, 200, 200, 403],
            ),
            (
                "partners + viewers",
                sent(&[&partners], &format!("token={viewers}")),
                [200, 200, 200, 403],
            ),
            ("late + edge", sent(&[&late], &edge), [200, 403, 200, 403]),
            (
                "elsewhere + viewers",
                sent(&[&stranger], &format!("token={viewers}")),
                [200, 403, 200, 403],
            ),
        ];
        let column = ["test/any", "test/partners", "test/either", "test/both"];
        let column = column.iter().position(|name| *name == stream).unwrap();
        for (who, sent, statuses) in table {
            for path in [&key, &playlist] {
                let answer = sent.ask(&nobody, path).await;
                assert_eq!(answer.status, statuses[column], "{who} at {path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begun_with_all_required_tokens_stands_for_them() {
    let serve = Serve::start("\"never\"", POLICIES).await;
    let (nobody, key) = (serve.stranger(), key(&serve, "test/both").await);
    let viewers = serve.minted("viewers", "test/both", "1h");
    let edge = serve.minted("edge", "test/both", "1h");
    let begin = async |path: &str, body: &str| {
        let viewer = nobody.with(&viewers);
        viewer.ask("POST", path, Some(body)).await
    };
    let stream = r#"{"stream":"test/both"}"#;
    begin("/v1/sessions", stream).await.expect(403);
    let begun = begin(&format!("/v1/sessions?{edge}"), stream)
        .await
        .expect(200);
    let grant = begun.json()["grant"].as_str().unwrap().to_owned();
    nobody.with(&grant).get(&key).await.expect(200);
    // What several tokens open ends with the first of them.
    let brief = serve.minted("edge", "test/both", "2m");
    let brief = begin(&format!("/v1/sessions?{brief}"), stream).await;
    let cookie = brief.expect(200).header("set-cookie").to_owned();
    let age = cookie.split("Max-Age=").nth(1).unwrap();
    let age: u32 = age.split(';').next().unwrap().parse().unwrap();
    assert!(age <= 120, "{cookie}");
    // A token for one stream is a session for that; one for more is asked at the key.
    begin("/v1/sessions", "{}").await.expect(403);
    let wide = nobody.with(&serve.minted("viewers", "test/*", "1h"));
    let alone = wide.ask("POST", "/v1/sessions", Some("{}")).await;
    let alone = alone.expect(200);
    let grant = alone.json()["grant"].as_str().unwrap().to_owned();
    let cookie = alone
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let by_cookie = [("cookie", cookie.as_str())];
    let answer = nobody.try_ask("GET", &key, &by_cookie, None).await.unwrap();
    assert_eq!(answer.status, 403, "a session of one token is not two");
    assert_eq!(nobody.with(&grant).get(&key).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_pages_play() {
    let serve = Serve::start("\"never\"", POLICIES).await;
    let nobody = serve.stranger();
    let (origin, referer) = ("origin", "referer");
    let table = [
        ("test/locked", vec![(origin, "https://player.example")], 200),
        ("test/locked", vec![(origin, "https://a.tv.example")], 200),
        ("test/locked", vec![(origin, "https://tv.example")], 403),
        ("test/locked", vec![(origin, "https://evil.example")], 403),
        ("test/locked", vec![(origin, "null")], 403),
        (
            "test/locked",
            vec![(referer, "https://portal.example/live/x?y")],
            200,
        ),
        (
            "test/locked",
            vec![(referer, "https://portal.example/other")],
            403,
        ),
        (
            "test/locked",
            vec![(referer, "https://evil.example/?https://player.example/")],
            403,
        ),
        (
            "test/locked",
            vec![
                (origin, "https://evil.example"),
                (referer, "https://player.example/"),
            ],
            403,
        ),
        ("test/locked", vec![], 403),
        ("test/apps", vec![], 200),
        ("test/apps", vec![(origin, "https://player.example")], 200),
        ("test/apps", vec![(origin, "https://evil.example")], 403),
        ("test/any", vec![(origin, "https://evil.example")], 200),
    ];
    let mut keys = std::collections::HashMap::new();
    for stream in ["test/locked", "test/apps", "test/any"] {
        keys.insert(stream, key(&serve, stream).await);
    }
    for (stream, headers, expected) in table {
        let headers = headers
            .into_iter()
            .map(|(name, text)| (name, text.to_owned()));
        let sent = Sent {
            bearers: vec![serve.minted("viewers", stream, "1h")],
            headers: headers.collect(),
            ..Sent::default()
        };
        let Case(stream, sent, status) = Case(stream, sent, expected);
        for path in [
            keys[stream].clone(),
            format!("/v1/play/{stream}/index.m3u8"),
        ] {
            let answer = sent.ask(&nobody, &path).await;
            assert_eq!(answer.status, status, "{:?} at {path}", sent.headers);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_lives_too_long_is_refused() {
    let serve = Serve::start("\"never\"", POLICIES).await;
    let (nobody, key) = (serve.stranger(), key(&serve, "test/short").await);
    for (ttl, expected) in [("10m", 200), ("11m", 403)] {
        let token = serve.minted("viewers", "test/short", ttl);
        nobody.with(&token).get(&key).await.expect(expected);
    }
}

/// What an address-bound token is exchanged for is bound as it is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_of_an_address_bound_token_is_bound_too() {
    const BOUND: &str = r#"
[schemes.bound]
kind = "securetoken"
streams = ["test/**"]
secrets = ["obviously-a-fake-secret"]
include_ip = true
"#;
    let mut serve = Serve::prepare("\"never\"", BOUND);
    serve.amend(
        "[server.tls]",
        "trusted_proxies = [\"127.0.0.1\"]\n[server.tls]",
    );
    serve.resume().await;
    let key = key(&serve, "test/own").await;
    let config = serve.config();
    let config = config.to_str().unwrap();
    let query = printed(&[
        "token",
        "mint",
        "--config",
        config,
        "--scheme",
        "bound",
        "--stream",
        "test/own",
        "--ip",
        "192.0.2.7",
    ]);
    let nobody = serve.stranger();
    let ask = async |method: &str, path: &str, ip: &str, body| {
        let headers = [("x-forwarded-for", ip)];
        nobody.try_ask(method, path, &headers, body).await.unwrap()
    };
    let stream = Some(r#"{"stream":"test/own"}"#);
    let begin = format!("/v1/sessions?{query}");
    ask("POST", &begin, "192.0.2.8", stream).await.expect(401);
    let begun = ask("POST", &begin, "192.0.2.7", stream).await.expect(200);
    let grant = begun.json()["grant"].as_str().unwrap().to_owned();
    let play = format!("/v1/play/test/own/index.m3u8?{query}");
    let text = ask("GET", &play, "192.0.2.7", None)
        .await
        .expect(200)
        .text();
    let uri = text.split("URI=\"").nth(1).unwrap();
    let granted = uri.split('"').next().unwrap().to_owned();
    for path in [format!("{key}?token={grant}"), granted] {
        ask("GET", &path, "192.0.2.7", None).await.expect(200);
        ask("GET", &path, "192.0.2.8", None).await.expect(403);
    }
}
