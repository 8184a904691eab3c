//! The source `table`: rows that operators and the command line write.
//!
//! Must not know: how a row is stored.

use serde_json::{Value, json};

use super::scene::{STREAM, fetch};
use crate::harness::actor::Actor;
use crate::harness::binary::{printed, run};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// A server whose rows decide, and its stream's key; its configuration ends in `more`.
pub(super) async fn scene(more: &str) -> (Serve, String) {
    let mut serve = Serve::prepare("\"never\"", more);
    serve.amend("source = \"allow\"", "source = \"table\"");
    serve.resume().await;
    let key = serve.key(STREAM).await;
    (serve, key)
}

fn operator(serve: &Serve, name: &str, streams: &str) -> Actor {
    let text = std::fs::read_to_string(serve.credential(name, streams, &["operate"])).unwrap();
    serve.ops().with(text.trim())
}

pub(super) async fn put(operator: &Actor, name: &str, body: &Value, status: u16) -> Value {
    let path = format!("/v1/entitlements/{name}");
    let answer = operator.ask("PUT", &path, Some(&body.to_string())).await;
    answer.expect(status).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_decide_at_once() {
    let (serve, key) = scene("").await;
    let operator = operator(&serve, "operator", "**");
    let status = async |viewer: &str| fetch(&serve, &key, viewer).await.status;
    assert_eq!(status("alice").await, 403);
    let rights = json!({"streams": ["test/*", "vod/**"], "max_sessions": 2, "note": "gold"});
    let written = put(&operator, "alice", &rights, 200).await;
    assert_eq!(status("alice").await, 200, "the no was forgotten");
    assert_eq!(status("bob").await, 403);
    let read = operator.get("/v1/entitlements/alice").await.expect(200);
    assert_eq!(read.json(), written);
    let first = &written["entitlements"][0];
    assert_eq!(
        [&first["streams"], &first["max_sessions"], &first["until"]],
        [&json!("test/*"), &json!(2), &Value::Null]
    );
    let gone = json!({"streams": ["test/*"], "until": "2020-01-01T00:00:00Z"});
    put(&operator, "alice", &gone, 200).await;
    assert_eq!(status("alice").await, 403);
    let coming = json!({"streams": ["test/*"], "from": "2100-01-01T00:00:00Z"});
    put(&operator, "alice", &coming, 200).await;
    assert_eq!(status("alice").await, 403);
    put(&operator, "alice", &json!({"streams": ["test/paid"]}), 200).await;
    assert_eq!(status("alice").await, 200);
    let path = "/v1/entitlements/alice";
    operator.ask("DELETE", path, None).await.expect(204);
    assert_eq!(status("alice").await, 403);
    operator.ask("DELETE", path, None).await.expect(404);
    operator.get(path).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_and_changes_only_its_own() {
    let (serve, key) = scene("").await;
    let (all, narrow) = (
        operator(&serve, "all", "**"),
        operator(&serve, "narrow", "vod/**"),
    );
    let both = json!({"streams": ["test/*", "vod/a"]});
    put(&all, "alice", &both, 200).await;
    let own = narrow.get("/v1/entitlements/alice").await.expect(200);
    let streams = |view: &Value| -> Vec<String> {
        let rows = view["entitlements"].as_array().unwrap().iter();
        rows.map(|row| row["streams"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(streams(&own.json()), ["vod/a"]);
    for wide in [json!(["test/x"]), json!(["**"]), json!(["vod/a", "test/x"])] {
        put(&narrow, "alice", &json!({"streams": wide}), 403).await;
    }
    put(&narrow, "alice", &json!({"streams": ["vod/b/*"]}), 200).await;
    let seen = all.get("/v1/entitlements/alice").await.expect(200).json();
    assert_eq!(streams(&seen), ["test/*", "vod/b/*"], "a foreign row stays");
    let path = "/v1/entitlements/alice";
    narrow.ask("DELETE", path, None).await.expect(204);
    narrow.get(path).await.expect(404);
    assert_eq!(fetch(&serve, &key, "alice").await.status, 200);
    put(&all, "bob", &json!({"streams": ["test/*"]}), 200).await;
    let listed = narrow.get("/v1/entitlements").await.expect(200).json();
    assert_eq!(listed["viewers"], json!([]));
    for name in ["a-theirs", "b-own", "c-theirs", "d-own", "e-theirs"] {
        let streams = if name.ends_with("own") {
            "vod/x"
        } else {
            "test/*"
        };
        put(&all, name, &json!({"streams": [streams]}), 200).await;
    }
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/v1/entitlements?limit=1&after={after}");
        let page = narrow.get(&path).await.expect(200);
        assert!(!page.text().contains("theirs"), "{}", page.text());
        let page = page.json();
        let names = page["viewers"].as_array().unwrap().iter();
        pages.extend(names.map(|one| one["viewer"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = next.to_owned();
    }
    assert_eq!(pages, ["b-own", "d-own"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_may_have_any_name() {
    let (serve, key) = scene("").await;
    let operator = operator(&serve, "operator", "**");
    let names = [
        ("team/alice", "team%2Falice"),
        ("zoë@example.org", "zo%C3%AB%40example.org"),
        ("50%25 off?", "50%2525%20off%3F"),
        ("a+b", "a+b"),
        ("😀", "%F0%9F%98%80"),
    ];
    for (name, encoded) in names {
        let written = put(&operator, encoded, &json!({"streams": ["test/*"]}), 200).await;
        assert_eq!(written["viewer"], name);
        assert_eq!(fetch(&serve, &key, name).await.status, 200, "{name}");
    }
    let rights = json!({"streams": ["test/*"]}).to_string();
    let long = "x".repeat(513);
    for bad in ["a%00b", "a%0Ab", "%FF", long.as_str()] {
        let path = format!("/v1/entitlements/{bad}");
        operator.ask("PUT", &path, Some(&rights)).await.expect(400);
    }
    let path = "/v1/entitlements/team/alice";
    operator.ask("PUT", path, Some(&rights)).await.expect(404);
    let path = "/v1/entitlements/invalidate";
    operator.ask("PUT", path, Some(&rights)).await.expect(405);
    let mut found = Vec::new();
    let mut page = "/v1/entitlements?limit=2".to_owned();
    loop {
        let list = operator.get(&page).await.expect(200).json();
        let viewers = list["viewers"].as_array().unwrap();
        found.extend(
            viewers
                .iter()
                .map(|one| one["viewer"].as_str().unwrap().to_owned()),
        );
        let Some(next) = list["next"].as_str() else {
            break;
        };
        let after = names.iter().find(|(name, _)| *name == next).unwrap().1;
        page = format!(
            "/v1/entitlements?limit=2&after={}",
            after.replace('+', "%2B")
        );
    }
    let mut sorted = names.map(|(name, _)| name.to_owned()).to_vec();
    sorted.sort();
    assert_eq!(found, sorted);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let (serve, _) = scene("").await;
    let operator = operator(&serve, "operator", "**");
    let many: Vec<_> = (0..65).map(|number| format!("test/{number}")).collect();
    for body in [
        json!({}),
        json!({"streams": []}),
        json!({"streams": many}),
        json!({"streams": ["test*"]}),
        json!({"streams": ["test/*"], "max_sessions": 0}),
        json!({"streams": ["test/*"], "until": "tomorrow"}),
        json!({"streams": ["test/*"], "from": "2030-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"}),
        json!({"streams": ["test/*"], "note": "x".repeat(257)}),
        json!({"streams": ["test/*"], "stream": "x"}),
    ] {
        put(&operator, "alice", &body, 400).await;
    }
    for query in ["limit=0", "limit=1001", "limit=x", "before=a"] {
        let path = format!("/v1/entitlements?{query}");
        operator.get(&path).await.expect(400);
    }
    operator.get("/v1/entitlements/alice").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_manages_the_same_rows() {
    let (serve, key) = scene("").await;
    let config = serve.config();
    let config = config.to_str().unwrap();
    let entitlement = |args: &[&str]| -> Vec<String> {
        let args = [&["entitlement"], args, &["--config", config]].concat();
        args.into_iter().map(str::to_owned).collect()
    };
    let ran = |args: &[&str]| {
        let args = entitlement(args);
        printed(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(fetch(&serve, &key, "alice").await.status, 403);
    ran(&[
        "add",
        "alice",
        "--streams",
        "test/*",
        "--max-sessions",
        "3",
        "--ttl",
        "1h",
    ]);
    ran(&["add", "alice", "--streams", "vod/**", "--note", "gold"]);
    until("the server hears of it", seconds(5), async || {
        (fetch(&serve, &key, "alice").await.status == 200).then_some(())
    })
    .await;
    let listed: Value = serde_json::from_str(&ran(&["ls", "--json"])).unwrap();
    let of = |at: usize, name: &str| listed[at][name].clone();
    assert_eq!(
        [of(0, "viewer"), of(0, "streams"), of(0, "max_sessions")],
        [json!("alice"), json!("test/*"), json!(3)]
    );
    assert_eq!(
        [of(1, "streams"), of(1, "note"), of(1, "until")],
        [json!("vod/**"), json!("gold"), Value::Null]
    );
    assert!(ran(&["ls"]).contains("alice"));
    ran(&["rm", "alice", "--streams", "vod/**"]);
    assert_eq!(
        ran(&["ls", "alice", "--json"])
            .matches("\"viewer\"")
            .count(),
        1
    );
    ran(&["rm", "alice"]);
    until("the server hears of it", seconds(5), async || {
        (fetch(&serve, &key, "alice").await.status == 403).then_some(())
    })
    .await;
    for (args, says) in [
        (&["rm", "alice"][..], "no such entitlement"),
        (&["add", "", "--streams", "test/*"], "a viewer's name"),
        (&["add", "alice"], "--streams"),
    ] {
        let args = entitlement(args);
        let output = run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(says),
            "{args:?}: {errors}"
        );
    }
}
