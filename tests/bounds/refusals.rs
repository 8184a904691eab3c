//! Refused viewers are told to slow down, address by address, and nobody who shows what is good is.
//!
//! Must not know: how refusals are counted.

use crate::harness::actor::{Actor, Answer};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

const PAGE: &str = "https://player.example";
const UNKNOWN: &str = "/v1/keys/00000000-0000-4000-8000-000000000000";

/// A server behind a proxy at 127.0.0.1, with `setting` for what it allows in a minute.
async fn server(setting: &str) -> Serve {
    let mut serve = Serve::prepare("\"never\"", "");
    let proxied = format!("trusted_proxies = [\"127.0.0.1\"]\n{setting}");
    serve.amend("refusals_per_minute = 0", &proxied);
    serve.resume().await;
    serve
}

async fn from(actor: &Actor, address: &str, method: &str, path: &str) -> Answer {
    let headers = [("x-forwarded-for", address), ("origin", PAGE)];
    let body = (method == "POST").then_some("{}");
    actor.try_ask(method, path, &headers, body).await.unwrap()
}

/// The statuses of `count` requests without a credential.
async fn refused(nobody: &Actor, address: &str, path: &str, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(from(nobody, address, "GET", path).await.status);
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_too_often_is_told_so_and_who_is_right_is_not() {
    let serve = server("refusals_per_minute = 2").await;
    let key = serve.key_path("test/shown").await;
    let (nobody, viewer) = (serve.stranger(), serve.viewer("test/shown"));
    let [one, other] = ["192.0.2.1", "192.0.2.2"];
    // What is allowed takes nothing away, however often.
    for _ in 0..20 {
        from(&viewer, one, "GET", &key).await.expect(200);
    }
    let met = refused(&nobody, one, &key, 5).await;
    assert_eq!(met, [401, 401, 401, 401, 429]);
    let answer = from(&nobody, one, "GET", &key).await.expect(429);
    assert_eq!(answer.code(), "too_many_refusals");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("access-control-allow-origin"), PAGE);
    assert_eq!(answer.header("www-authenticate"), "");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    // Each of a viewer's routes, and each refusal.
    for (actor, method, path) in [
        (&nobody, "HEAD", key.as_str()),
        (&viewer, "GET", UNKNOWN),
        (&viewer, "GET", "/v1/play/test/other/index.m3u8"),
        (&nobody, "POST", "/v1/sessions"),
        (&viewer, "GET", "/v1/sessions/current"),
        (&nobody, "POST", "/v1/sessions/current/renew"),
    ] {
        let met = from(actor, one, method, path).await;
        assert_eq!(met.status, 429, "{method} {path}");
    }
    // The right one from the same address still has its key.
    let answer = from(&viewer, one, "GET", &key).await.expect(200);
    assert_eq!(answer.body.len(), 16);
    // Another address is another's, and so is a route that is no viewer's.
    from(&nobody, other, "GET", &key).await.expect(401);
    from(&viewer, other, "GET", UNKNOWN).await.expect(404);
    from(&nobody, one, "GET", "/v1/streams").await.expect(401);
    from(&nobody, one, "GET", "/v1/nothing").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_one_address_and_who_is_not_named_is_nobody() {
    let serve = server("refusals_per_minute = 1").await;
    let nobody = serve.stranger();
    let ask = async |address: &str| refused(&nobody, address, UNKNOWN, 1).await[0];
    assert_eq!(ask("2001:db8::1").await, 401);
    assert_eq!(ask("2001:db8::2").await, 401);
    assert_eq!(ask("2001:db8::3").await, 429);
    assert_eq!(ask("2001:db8:0:1::3").await, 401);
    assert_eq!(refused(&nobody, "unknown", UNKNOWN, 20).await, [401; 20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_a_minute_are_the_default_and_none_are_counted_where_nobody_wants_it() {
    let serve = server("").await;
    let met = refused(&serve.stranger(), "192.0.2.1", UNKNOWN, 240).await;
    let first = met.iter().position(|status| *status == 429);
    // Some come back while it is asked.
    assert!(first.is_some_and(|at| (120..=180).contains(&at)), "{met:?}");
    let serve = server("refusals_per_minute = 0").await;
    let met = refused(&serve.stranger(), "192.0.2.1", UNKNOWN, 240).await;
    assert_eq!(met, [401; 240]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_leaves_one_row_and_can_be_explained_by_it() {
    let serve = server("refusals_per_minute = 1").await;
    let nobody = serve.stranger();
    let met = refused(&nobody, "192.0.2.1", UNKNOWN, 50).await;
    assert_eq!(met.iter().filter(|status| **status == 429).count(), 48);
    let text = serve.credential("operator", "**", &["operate"]);
    let operator = serve
        .ops()
        .with(std::fs::read_to_string(text).unwrap().trim());
    let rows = until("the flood's row is written", seconds(10), async || {
        let list = operator.get("/v1/audit?kind=refused").await.expect(200);
        let rows = list.json()["rows"].as_array().unwrap().clone();
        let has_mark = |row: &serde_json::Value| row.to_string().contains("too_often");
        rows.iter().any(has_mark).then_some(rows)
    })
    .await;
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(
        rows.iter()
            .all(|row| row["reason"] == "no_token" && row["ip"] == "192.0.2.1")
    );
}
