//! Tokens with `catr`, near their end, at a running server.
//!
//! Must not know: how a token is written.

use serde_json::json;

use super::forge::{bytes, int, map, text, token};
use super::served::schemes;
use crate::harness::actor::{Actor, Answer};
use crate::harness::issuer::now;
use crate::harness::serve::Serve;
use crate::viewers::operator;

const NAME: &str = "CTA-Common-Access-Token";
const LIST: &str = "/v1/play/test/own/index.m3u8";
type Claims<'a> = &'a [(i64, Vec<u8>)];

/// Ends then, and may be renewed for ten minutes from five minutes before on, so.
fn ending(end: i64, kind: i64, more: Claims<'_>) -> String {
    let renewal = map(&[(0, int(kind)), (1, int(600)), (2, int(300))]);
    let fixed = [(4, int(end)), (7, bytes(&[8])), (323, renewal)];
    token(&[&fixed, more].concat())
}

/// The server, its stream's key, and somebody without a token.
async fn scene(more: &str) -> (Serve, String, Actor) {
    let serve = Serve::start("\"never\"", &format!("{}{more}", schemes())).await;
    let uri = serve.key("test/own").await;
    serve.publish("test/own/index.m3u8", &uri);
    let nobody = serve.stranger();
    (serve, uri, nobody)
}

fn path_of(url: &str) -> &str {
    &url[url.find("/v1/").unwrap()..]
}

async fn ask(at: &Actor, url: &str, headers: &[(&str, &str)]) -> Answer {
    at.try_ask("GET", path_of(url), headers, None)
        .await
        .unwrap()
}

/// The cookie's value and age, and the header's, as far as the answer has them.
fn brought(answer: &Answer) -> (Option<(String, i64)>, Option<String>) {
    let set = answer.header("set-cookie").to_owned();
    let cookie = set.strip_prefix(&format!("{NAME}=")).map(|rest| {
        let (value, rest) = rest.split_once("; Max-Age=").unwrap();
        let (age, attributes) = rest.split_once(';').unwrap();
        assert_eq!(attributes, " Path=/; Secure; HttpOnly; SameSite=Lax");
        (value.to_owned(), age.parse().unwrap())
    });
    let header = Some(answer.header(NAME)).filter(|text| !text.is_empty());
    (cookie, header.map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_goes_on_by_the_token_that_came_with_a_key_or_a_playlist() {
    let (serve, key, nobody) = scene("").await;
    let old = ending(now() + 60, 1, &[(2, text("alice"))]);
    for url in [key.as_str(), LIST] {
        let answer = ask(&nobody, &format!("{url}?cat={old}"), &[])
            .await
            .expect(200);
        let (new, age) = brought(&answer).0.unwrap();
        assert!((570..=600).contains(&age), "{age}");
        let cookie = format!("{NAME}={new}");
        let by_it = ask(&nobody, &key, &[("cookie", &cookie)]).await.expect(200);
        assert_eq!(brought(&by_it), (None, None), "it has ten minutes");
        let (begin, end) = new.split_at(new.len() - 8);
        let other_first = if end.starts_with('A') { 'B' } else { 'A' };
        let changed = format!("{NAME}={begin}{other_first}{}", &end[1..]);
        ask(&nobody, &key, &[("cookie", &changed)])
            .await
            .expect(401);
    }
    let answer = ask(&nobody, &format!("{key}?cat={old}"), &[]).await;
    let (new, _) = brought(&answer).0.unwrap();
    // It is for no more than the old one was.
    let other = serve.key("test/other").await;
    let own = map(&[(3, map(&[(0, text(path_of(&key)))]))]);
    let narrow = ending(now() + 60, 1, &[(312, own)]);
    let answer = ask(&nobody, &format!("{key}?cat={narrow}"), &[])
        .await
        .expect(200);
    let narrow = brought(&answer).0.unwrap().0;
    ask(&nobody, &format!("{key}?cat={narrow}"), &[])
        .await
        .expect(200);
    ask(&nobody, &format!("{other}?cat={narrow}"), &[])
        .await
        .expect(401);
    let terms = json!({"token": "08"}).to_string();
    let operator = operator(&serve, "**");
    operator
        .ask("POST", "/v1/revocations", Some(&terms))
        .await
        .expect(200);
    for text in [old, new] {
        let refused = ask(&nobody, &format!("{key}?cat={text}"), &[])
            .await
            .expect(403);
        assert_eq!(brought(&refused), (None, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_as_the_token_says_and_as_it_was_shown() {
    let (_serve, key, nobody) = scene("").await;
    for (kind, shown, wanted) in [
        (0, "query", "cookie"),
        (0, "cookie", "cookie"),
        (0, "header", "header"),
        (0, "bearer", "header"),
        (1, "header", "cookie"),
        (2, "query", "header"),
        (3, "query", ""),
    ] {
        let old = ending(now() + 60, kind, &[]);
        let (cookie, bearer) = (format!("{NAME}={old}"), format!("Bearer {old}"));
        let answer = match shown {
            "query" => ask(&nobody, &format!("{key}?cat={old}"), &[]).await,
            "cookie" => ask(&nobody, &key, &[("cookie", &cookie)]).await,
            "header" => ask(&nobody, &key, &[(NAME, &old)]).await,
            _ => ask(&nobody, &key, &[("authorization", &bearer)]).await,
        };
        let (cookie, header) = brought(&answer.expect(200));
        let found = (cookie.is_some(), header.is_some());
        assert_eq!(
            found,
            (wanted == "cookie", wanted == "header"),
            "{kind} by {shown}"
        );
        if let Some(new) = header {
            ask(&nobody, &key, &[(NAME, &new)]).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_renewed_that_is_not_due_or_over_or_for_one_use() {
    let (_serve, key, nobody) = scene("").await;
    for (token, status) in [
        (ending(now() + 400, 1, &[]), 200),
        (ending(now() - 60, 1, &[]), 401),
        (ending(now() + 60, 1, &[(308, int(1))]), 200),
        (token(&[(4, int(now() + 60)), (7, bytes(&[9]))]), 200),
    ] {
        let answer = ask(&nobody, &format!("{key}?cat={token}"), &[]).await;
        assert_eq!(brought(&answer.expect(status)), (None, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policys_longest_life_bounds_what_is_renewed() {
    let policy = "[[policies]]\nstreams = [\"test/**\"]\nmax_life = \"5m\"\n";
    let (_serve, key, nobody) = scene(policy).await;
    for (issued, age) in [(0, 300), (200, 100)] {
        let old = ending(now() + 60, 1, &[(6, int(now() - issued))]);
        let answer = ask(&nobody, &format!("{key}?cat={old}"), &[])
            .await
            .expect(200);
        let found = brought(&answer).0.unwrap();
        assert!((age - 30..=age).contains(&found.1), "{issued}: {}", found.1);
        let cookie = format!("{NAME}={}", found.0);
        ask(&nobody, &key, &[("cookie", &cookie)]).await.expect(200);
    }
}
