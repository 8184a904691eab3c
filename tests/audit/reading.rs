//! `GET /v1/audit` and `hlskey audit ls`: who was refused what, what was changed and by whom, which
//! keys were handed out.
//!
//! Must not know: where rows lie.

use serde_json::Value;

use super::{audit, metric, refuse, whole, written};
use crate::harness::actor::Actor;
use crate::harness::serve::Serve;
use crate::harness::stage::{STREAM, Stage};

async fn rows(operator: &Actor, query: &str) -> Vec<Value> {
    let answer = operator
        .get(&format!("/v1/audit?{query}"))
        .await
        .expect(200);
    let list = answer.json();
    list["rows"].as_array().unwrap().clone()
}

fn operator(stage: &Stage) -> Actor {
    let key = stage.api_key("console", "**", "operate", "1h");
    stage.serve.ops().with(&key)
}

#[tokio::test]
async fn what_was_decided_is_found_by_what_it_is_about() {
    let mut stage = Stage::set().await;
    let operator = operator(&stage);
    let viewer = stage.serve.stranger().with(&stage.token(STREAM, "1h"));
    let key = stage.key_path();
    for _ in 0..5 {
        viewer.get(&key).await.expect(200);
    }
    viewer.ask("HEAD", &key, None).await.expect(200);
    let other = stage
        .serve
        .stranger()
        .with(&stage.token("test/other", "1h"));
    other.get(&key).await.expect(404);
    refuse(&stage.serve.stranger(), 2).await;
    let cut = format!("/v1/streams/{STREAM}/rotate");
    stage
        .packager()
        .ask("POST", &cut, Some("{\"now\":true}"))
        .await
        .expect(200);
    let gone = format!("{key}/revoke");
    operator.ask("POST", &gone, None).await.expect(204);
    viewer.get(&key).await.expect(410);
    written(&stage.serve, 6).await;

    let refused = rows(&operator, &format!("kind=refused&stream={STREAM}")).await;
    let reasons: Vec<_> = refused
        .iter()
        .map(|row| row["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        ["key_gone", "unknown_key"],
        "the newest first: {refused:?}"
    );
    assert!(
        refused
            .iter()
            .all(|row| row["viewer"] == "viewer" && row["ip"] == "127.0.0.1")
    );
    assert!(
        refused
            .iter()
            .all(|row| key.ends_with(row["kid"].as_str().unwrap()))
    );
    let changed = rows(&operator, "kind=changed").await;
    let find = |action: &str| changed.iter().find(|row| row["action"] == action);
    let (rotate, revoke) = (find("rotate").unwrap(), find("operate").unwrap());
    assert_eq!(
        (&rotate["stream"], &revoke["viewer"]),
        (&STREAM.into(), &"console".into())
    );
    assert!(key.ends_with(revoke["kid"].as_str().unwrap()), "{revoke}");

    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/v1/audit?limit=2{after}");
        let page = operator.get(&path).await.expect(200).json();
        seen.extend(page["rows"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(seen, rows(&operator, "limit=1000").await);
    operator.get("/v1/audit?after=x").await.expect(400);
    operator.get("/v1/audit?who=x").await.expect(400);

    stage.serve.pause().await;
    whole(&stage.serve);
    let (listed, is_good) = audit(&stage.serve.config(), &["ls", "--kind", "delivered"]);
    let listed = listed.as_array().unwrap();
    let ours: Vec<_> = listed
        .iter()
        .filter(|row| row["viewer"] == "viewer")
        .collect();
    let count: i64 = ours.iter().map(|row| row["count"].as_i64().unwrap()).sum();
    assert!(is_good && count == 5 && ours.len() <= 2, "{listed:?}");
    assert_eq!(
        (&ours[0]["stream"], &ours[0]["reason"]),
        (&STREAM.into(), &"ok".into())
    );
}

#[tokio::test]
async fn what_packagers_lease_is_counted_for_each_of_them_and_stream() {
    let mut serve = Serve::start("\"never\"", "").await;
    let packager = |name: &str| {
        let file = serve.credential(name, "test/**", &[]);
        let key = std::fs::read_to_string(file).unwrap();
        serve.stranger().with(key.trim())
    };
    let (one, two) = (packager("one"), packager("two"));
    for (who, stream) in [(&one, "a"), (&one, "a"), (&one, "b"), (&two, "a")] {
        let path = format!("/v1/streams/test/{stream}/schedule");
        who.get(&path).await.expect(200);
    }
    serve.pause().await;
    whole(&serve);
    let (listed, _) = audit(&serve.config(), &["ls", "--kind", "delivered"]);
    // A minute may have ended in between.
    let mut counts = std::collections::BTreeMap::new();
    for row in listed.as_array().unwrap() {
        assert_eq!(
            (&row["action"], &row["kid"]),
            (&"lease".into(), &Value::Null)
        );
        let of = ["viewer", "stream"].map(|name| row[name].as_str().unwrap());
        *counts.entry(of).or_insert(0) += row["count"].as_i64().unwrap();
    }
    let counts: Vec<_> = counts.into_iter().collect();
    let expected = [
        (["one", "test/a"], 2),
        (["one", "test/b"], 1),
        (["two", "test/a"], 1),
    ];
    assert_eq!(counts, expected, "{listed}");
}

#[tokio::test]
async fn a_key_that_is_leased_alone_is_named() {
    let mut serve = Serve::start("\"never\"", "").await;
    let file = serve.credential("archivist", "test/**", &[]);
    let key = std::fs::read_to_string(file).unwrap();
    let who = serve.stranger().with(key.trim());
    let path = "/v1/streams/test/a/schedule";
    let lease = who.get(path).await.expect(200).json();
    let kid = lease["periods"][0]["kid"].as_str().unwrap().to_owned();
    let one = who.get(&format!("{path}?kid={kid}")).await.expect(200);
    assert_eq!(one.json()["periods"][0]["kid"], kid.as_str());
    // Who asks for a key and a lease meant one of them.
    who.get(&format!("{path}?kid={kid}&count=2"))
        .await
        .expect(400);
    serve.pause().await;
    whole(&serve);
    let (listed, _) = audit(&serve.config(), &["ls", "--kind", "delivered"]);
    let rows = listed.as_array().unwrap().iter();
    let mut kids: Vec<_> = rows.map(|row| &row["kid"]).collect();
    kids.sort_by_key(|kid| kid.is_string());
    assert_eq!(kids, [&Value::Null, &Value::from(kid)], "{listed}");
}

#[tokio::test]
async fn what_viewers_are_given_besides_keys_is_counted_too() {
    let mut stage = Stage::set().await;
    let stranger = stage.serve.stranger();
    let viewer = stranger.with(&stage.token(STREAM, "1h"));
    let playlist = format!("/v1/play/{STREAM}/{}", stage.rendition);
    for _ in 0..2 {
        viewer.get(&playlist).await.expect(200);
    }
    let nothing = "/v1/play/test/nothing/index.m3u8";
    let everything = stranger.with(&stage.token("test/**", "1h"));
    everything.get(nothing).await.expect(404);
    let begun = viewer.ask("POST", "/v1/sessions", None).await.expect(200);
    let name = begun.json()["session"].as_str().unwrap().to_owned();
    let cookie = begun.header("set-cookie").split(';').next().unwrap();
    let own = [("cookie", cookie), ("origin", "https://player.example")];
    let ended = stranger.try_ask("DELETE", "/v1/sessions/current", &own, None);
    ended.await.unwrap().expect(204);
    stage.serve.pause().await;
    whole(&stage.serve);
    let (listed, _) = audit(&stage.serve.config(), &["ls", "--limit", "1000"]);
    let of = |action: &'static str| {
        let rows = listed.as_array().unwrap().iter();
        rows.filter(move |row| row["action"] == action && row["reason"] == "ok")
    };
    let plays: i64 = of("play").map(|row| row["count"].as_i64().unwrap()).sum();
    assert_eq!(plays, 2, "{listed}");
    assert!(of("play").all(|row| row["stream"] == STREAM && row["viewer"] == "viewer"));
    for action in ["begin_session", "end_session"] {
        let sessions: Vec<_> = of(action).map(|row| row["session"].clone()).collect();
        assert_eq!(sessions, [name.as_str()], "{action}: {listed}");
    }
}

#[tokio::test]
async fn a_viewers_name_is_bounded_and_no_secret_is_written() {
    let mut stage = Stage::set().await;
    let token = stage.token(STREAM, "1h");
    let viewer = stage.serve.stranger().with(&token);
    viewer
        .get("/v1/play/test/other/index.m3u8?token=obviously-a-fake")
        .await
        .expect(403);
    viewer.get(&stage.key_path()).await.expect(200);
    assert_eq!(
        metric(&stage.serve, "hlskey_audit_rows_dropped_total").await,
        0
    );
    stage.serve.pause().await;
    let (listed, _) = audit(&stage.serve.config(), &["ls", "--limit", "1000"]);
    let text = listed.to_string();
    assert!(text.contains("test/other"), "{text}");
    for secret in [&token, "obviously-a-fake"] {
        assert!(!text.contains(secret), "{text}");
    }
}
