//! Cookie sessions: begun by a token, good through any pause, renewed and ended by their pages alone.
//!
//! Must not know: what a session's text says.

mod begun;
mod exchanged;
mod forged;
mod pause;

use serde_json::{Value, json};

use crate::harness::actor::{Actor, Answer};
use crate::harness::binary::{mint, printed};
use crate::harness::serve::Serve;
use crate::revocation::token as viewer_token;

const PAGE: &str = "https://player.example";
const SESSIONS: &str = "/v1/sessions";
const CURRENT: &str = "/v1/sessions/current";
const RENEW: &str = "/v1/sessions/current/renew";

async fn begin(serve: &Serve, token: &str, body: Option<&str>) -> Answer {
    let viewer = serve.stranger().with(token);
    viewer.ask("POST", SESSIONS, body).await
}

/// `name=value` of the cookie that an answer sets.
fn cookie(answer: &Answer, name: &str) -> String {
    let all = answer.headers.get_all("set-cookie").iter();
    let mut texts = all.map(|value| value.to_str().unwrap());
    let found = texts.find(|text| text.starts_with(&format!("{name}=")));
    let found = found.unwrap_or_else(|| panic!("no {name}: {answer:?}"));
    found.split(';').next().unwrap().to_owned()
}

async fn with_cookie(actor: &Actor, method: &str, path: &str, cookie: &str) -> Answer {
    let asked = actor
        .try_ask(method, path, &[("cookie", cookie)], None)
        .await;
    asked.unwrap()
}

async fn from_page(actor: &Actor, method: &str, path: &str, cookie: &str, page: &str) -> Answer {
    let headers = [("cookie", cookie), ("origin", page)];
    actor.try_ask(method, path, &headers, None).await.unwrap()
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name}: {answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_exchanged_for_a_cookie_and_a_grant() {
    let serve = Serve::start("\"never\"", "").await;
    let (own, other) = (
        serve.key_path("test/own").await,
        serve.key_path("test/other").await,
    );
    let token = mint(&serve.config(), "test/own", "1h");
    let answer = begin(&serve, &token, None).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let set = answer.header("set-cookie");
    for attribute in [
        "; Path=/",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Max-Age=3",
    ] {
        assert!(set.contains(attribute), "{set}");
    }
    let (cookie, view) = (cookie(&answer, "hlskey_session"), answer.json());
    let nobody = serve.stranger();
    let grant = text(&view, "grant");
    for (path, expected) in [(&own, 200), (&other, 404)] {
        with_cookie(&nobody, "GET", path, &cookie)
            .await
            .expect(expected);
        nobody
            .get(&format!("{path}?token={grant}"))
            .await
            .expect(expected);
        nobody.with(grant).get(path).await.expect(expected);
    }
    let answer = with_cookie(&nobody, "GET", &own, &cookie).await;
    assert_eq!(answer.body.len(), 16);
    let current = with_cookie(&nobody, "GET", CURRENT, &cookie)
        .await
        .expect(200)
        .json();
    assert_eq!(text(&current, "session"), text(&view, "session"));
    assert_eq!(text(&current, "viewer"), "viewer");
    assert_eq!(text(&current, "expires"), text(&view, "expires"));
    // A name is no secret, and opens nothing.
    let named = format!("hlskey_session={}", text(&view, "session"));
    with_cookie(&nobody, "GET", &own, &named).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_as_narrow_as_was_asked_and_never_wider_than_its_token() {
    let serve = Serve::start("\"never\"", "").await;
    let (own, other) = (
        serve.key_path("test/own").await,
        serve.key_path("test/other").await,
    );
    let token = mint(&serve.config(), "test/*", "1h");
    let nobody = serve.stranger();
    let narrow = begin(&serve, &token, Some(r#"{"stream":"test/own"}"#))
        .await
        .expect(200);
    let narrow = cookie(&narrow, "hlskey_session");
    with_cookie(&nobody, "GET", &own, &narrow).await.expect(200);
    with_cookie(&nobody, "GET", &other, &narrow)
        .await
        .expect(404);
    let own_alone = mint(&serve.config(), "test/own", "1h");
    begin(&serve, &own_alone, Some(r#"{"stream":"test/other"}"#))
        .await
        .expect(403);
    for (body, status) in [
        (r#"{"stream":"../x"}"#, 400),
        (r#"{"streams":[]}"#, 400),
        ("{", 400),
    ] {
        begin(&serve, &token, Some(body)).await.expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_wrote_ourselves_begins_no_session() {
    let serve = Serve::start("\"never\"", "").await;
    let token = mint(&serve.config(), "test/own", "1h");
    let first = begin(&serve, &token, None).await.expect(200);
    let grant = text(&first.json(), "grant").to_owned();
    begin(&serve, &grant, None).await.expect(403);
    let cookie = cookie(&first, "hlskey_session");
    let nobody = serve.stranger();
    from_page(&nobody, "POST", SESSIONS, &cookie, PAGE)
        .await
        .expect(403);
    // A grant is not renewed, and ends nothing.
    let granted = nobody.with(&grant);
    for (method, path) in [("POST", RENEW), ("DELETE", CURRENT), ("GET", CURRENT)] {
        granted.ask(method, path, None).await.expect(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_changes_only_for_pages_that_may() {
    let serve = Serve::start("\"never\"", "").await;
    let own = serve.key_path("test/own").await;
    let token = mint(&serve.config(), "test/own", "1h");
    let begun = begin(&serve, &token, None).await.expect(200);
    let cookie_text = cookie(&begun, "hlskey_session");
    let nobody = serve.stranger();
    for (method, path) in [("POST", RENEW), ("DELETE", CURRENT)] {
        with_cookie(&nobody, method, path, &cookie_text)
            .await
            .expect(403);
        from_page(&nobody, method, path, &cookie_text, "https://evil.example")
            .await
            .expect(403);
        from_page(&nobody, method, path, &cookie_text, "null")
            .await
            .expect(403);
    }
    let renewed = from_page(&nobody, "POST", RENEW, &cookie_text, PAGE)
        .await
        .expect(200);
    assert_eq!(
        text(&renewed.json(), "session"),
        text(&begun.json(), "session")
    );
    let renewed = cookie(&renewed, "hlskey_session");
    with_cookie(&nobody, "GET", &own, &renewed)
        .await
        .expect(200);
    let ended = from_page(&nobody, "DELETE", CURRENT, &renewed, PAGE)
        .await
        .expect(204);
    assert!(
        ended
            .header("set-cookie")
            .contains("hlskey_session=; Max-Age=0")
    );
    // It is over with all that was made of it: both cookies, and the grant.
    let grant = text(&begun.json(), "grant").to_owned();
    for gone in [&cookie_text, &renewed] {
        let answer = with_cookie(&nobody, "GET", &own, gone).await;
        assert!([401, 403].contains(&answer.status), "{answer:?}");
    }
    let answer = nobody.get(&format!("{own}?token={grant}")).await;
    assert!([401, 403].contains(&answer.status), "{answer:?}");
    // Who has the token may begin another.
    begin(&serve, &token, None).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_puts_no_session_into_a_browser() {
    let serve = Serve::start("\"never\"", "").await;
    let token = mint(&serve.config(), "test/own", "1h");
    let viewer = serve.stranger().with(&token);
    let ask = async |origin: &str| {
        let asked = viewer
            .try_ask("POST", SESSIONS, &[("origin", origin)], None)
            .await;
        asked.unwrap().expect(200)
    };
    assert!(ask(PAGE).await.headers.contains_key("set-cookie"));
    assert!(ask(&serve.url()).await.headers.contains_key("set-cookie"));
    assert!(
        !ask("https://evil.example")
            .await
            .headers
            .contains_key("set-cookie")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_survives_its_server_and_ends_with_its_token() {
    let more = "[sessions]\nlife = \"30m\"\nsame_site = \"none\"\ndomain = \"example.com\"";
    let mut serve = Serve::start("\"never\"", more).await;
    let own = serve.key_path("test/own").await;
    let long = begin(&serve, &mint(&serve.config(), "test/own", "1h"), None)
        .await
        .expect(200);
    let set = long.header("set-cookie").to_owned();
    assert!(
        set.contains("SameSite=None") && set.contains("Domain=example.com"),
        "{set}"
    );
    let age = |answer: &Answer| -> u64 {
        let set = answer.header("set-cookie");
        let age = set.split("Max-Age=").nth(1).unwrap();
        age.split(';').next().unwrap().parse().unwrap()
    };
    assert!((1_700..=1_800).contains(&age(&long)), "{set}");
    let short = begin(&serve, &mint(&serve.config(), "test/own", "1m"), None)
        .await
        .expect(200);
    assert!(age(&short) <= 60);
    serve.kill();
    serve.resume().await;
    let cookie = cookie(&long, "hlskey_session");
    with_cookie(&serve.stranger(), "GET", &own, &cookie)
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_edgeauth_token_is_exchanged_for_a_long_one() {
    let more = "[schemes.edgeauth]\nsecrets_hex = [\"0123456789abcdef\"]\nstreams = [\"test/**\"]";
    let serve = Serve::start("\"never\"", more).await;
    let (own, other) = (
        serve.key_path("test/own").await,
        serve.key_path("test/other").await,
    );
    let config = serve.config();
    let config = config.to_str().unwrap();
    let short = printed(&[
        "token", "mint", "--config", config, "--scheme", "edgeauth", "--stream", "test/own",
        "--ttl", "1m",
    ]);
    let nobody = serve.stranger();
    let path = format!("{SESSIONS}?{short}");
    let begun = nobody
        .ask("POST", &path, Some(r#"{"stream":"test/own"}"#))
        .await
        .expect(200);
    let (long, view) = (cookie(&begun, "hdntl"), begun.json());
    assert_eq!(long, format!("hdntl={}", text(&view, "hdntl")));
    assert!(long.contains("~data=hdntl,"), "{long}");
    with_cookie(&nobody, "GET", &own, &long).await.expect(200);
    nobody.get(&format!("{own}?{long}")).await.expect(200);
    with_cookie(&nobody, "GET", &other, &long).await.expect(401);
    // What was exchanged is not again.
    let again = format!("{SESSIONS}?{}", long.replacen("hdntl=", "hdnts=", 1));
    let again = nobody
        .ask("POST", &again, Some(r#"{"stream":"test/own"}"#))
        .await
        .expect(200);
    assert!(again.json().get("hdntl").is_none(), "{}", again.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_and_ends_sessions_in_a_loop_is_stopped_and_stops_nobody() {
    let more = "[sessions]\nlongest = \"5h\"\n
        [[policies]]\nstreams = [\"test/**\"]\nmax_sessions = 1\nlimit = \"hard\"";
    let serve = Serve::start("\"never\"", more).await;
    let of = |subject: &str| {
        serve
            .stranger()
            .with(&viewer_token(&json!({"sub": subject})))
    };
    let (alice, bob) = (of("alice"), of("bob"));
    let own = serve.key_path("test/own").await;
    let nobody = serve.stranger();
    let end = async |viewer: &Actor| {
        let cookie = begin_as(viewer).await;
        let ended = from_page(&nobody, "DELETE", CURRENT, &cookie, PAGE).await;
        (ended, cookie)
    };
    for _ in 0..100 {
        let (ended, cookie) = end(&alice).await;
        ended.expect(204);
        with_cookie(&nobody, "GET", &own, &cookie).await.expect(403);
    }
    let (refused, cookie) = end(&alice).await;
    let refused = refused.expect(429);
    assert_eq!(refused.code(), "too_many");
    assert!(refused.json()["detail"].as_str().unwrap().contains("wait"));
    for name in ["hlskey_session", "hdntl"] {
        let cleared = refused.headers.get_all("set-cookie").iter();
        let mut cleared = cleared.map(|value| value.to_str().unwrap());
        let start = format!("{name}=; Max-Age=0");
        assert!(cleared.any(|text| text.starts_with(&start)), "{refused:?}");
    }
    // It has not ended; but whoever asked for that has left, and holds no slot.
    with_cookie(&nobody, "GET", &own, &cookie).await.expect(200);
    let next = begin_as(&alice).await;
    with_cookie(&nobody, "GET", &own, &next).await.expect(403);
    from_page(&nobody, "DELETE", CURRENT, &cookie, PAGE)
        .await
        .expect(429);
    with_cookie(&nobody, "GET", &own, &next).await.expect(200);
    end(&bob).await.0.expect(204);

    let operator = serve.credential("operator", "**", &["operate"]);
    let operator = std::fs::read_to_string(operator).unwrap();
    let operator = serve.ops().with(operator.trim());
    let revoked = operator
        .ask("POST", "/v1/revocations", Some(r#"{"viewer":"alice"}"#))
        .await;
    revoked.expect(200);
    with_cookie(&nobody, "GET", &own, &cookie).await.expect(403);
    let list = operator.get("/v1/revocations?limit=1").await.expect(200);
    let ended = &list.json()["revocations"][0];
    let span = instant(text(ended, "until")) - instant(text(ended, "made"));
    let bound = time::Duration::hours(5);
    assert!(
        span <= bound && span > bound - time::Duration::MINUTE,
        "{ended}"
    );
}

/// The cookie of a new session.
async fn begin_as(viewer: &Actor) -> String {
    let begun = viewer.ask("POST", SESSIONS, None).await.expect(200);
    cookie(&begun, "hlskey_session")
}

fn instant(text: &str) -> time::OffsetDateTime {
    let form = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(text, form).unwrap()
}
