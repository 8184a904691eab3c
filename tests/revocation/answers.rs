//! Each kind of revocation: whom it refuses, whom it leaves, how it is told and lifted.
//!
//! Must not know: how a server matches them.

use serde_json::{Value, json};

use super::{STREAM, Scene, at};
use crate::harness::stage::{self, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_refuses_its_own_at_once_and_nobody_else_until_it_is_lifted() {
    let scene = Scene::set("{ every = \"4s\" }").await;
    let alice = json!({"sub": "alice", "sid": "evening", "jti": "t-1"});
    let viewers = [
        alice.clone(),
        json!({"sub": "alice", "sid": "morning", "jti": "t-2"}),
        json!({"sub": "bob", "sid": "evening", "jti": "t-3"}),
        json!({"sub": "carol", "sid": "noon", "jti": "t-1"}),
        json!({"sub": "dave", "sid": "night", "jti": "t-4", "iat": 1_000_000_000}),
        json!({"sub": "erin", "sid": "dawn", "jti": "t-5", "iat": Value::Null}),
        json!({"sub": "evening", "sid": "alice", "jti": "t-6"}),
    ];
    let viewers = viewers.map(|claims| scene.viewer(&claims));
    let all = [200; 7];
    assert_eq!(scene.statuses(&viewers).await, all);
    let kinds = [
        (
            json!({"viewer": "alice"}),
            [403, 403, 200, 200, 200, 200, 200],
        ),
        (
            json!({"session": "evening"}),
            [403, 200, 403, 200, 200, 200, 200],
        ),
        (json!({"token": "t-1"}), [403, 200, 200, 403, 200, 200, 200]),
        (
            json!({"before": at(-3600)}),
            [200, 200, 200, 200, 403, 403, 200],
        ),
    ];
    for (body, refused) in kinds {
        let reply = scene.revoke(&body).await;
        assert_eq!(scene.statuses(&viewers).await, refused, "{body}");
        let list = scene.operator.get("/v1/revocations").await.expect(200);
        let row = list.json()["revocations"][0].clone();
        assert_eq!(row["id"], reply["id"]);
        assert_eq!(row["by"], "operator");
        let (kind, name) = body.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "before" => assert!(row["before"].is_string()),
            _ => assert_eq!(row[kind], *name),
        }
        let path = format!("/v1/revocations/{}", reply["id"].as_str().unwrap());
        scene.operator.ask("DELETE", &path, None).await.expect(204);
        assert_eq!(scene.statuses(&viewers).await, all, "{body} is lifted");
        scene.operator.ask("DELETE", &path, None).await.expect(404);
    }
    let kid = &scene.kids[0];
    scene.revoke(&json!({"token": "t-1"})).await;
    let key = format!(
        "/v1/keys/{kid}?token={}",
        super::token(&json!({"sub": "frank"}))
    );
    viewers[0].get(&key).await.expect(200); // a revoked token masks no other

    let reply = scene.revoke(&json!({"key": kid})).await;
    assert_eq!(reply["id"], Value::Null);
    let gone = [403, 410, 410, 403, 410, 410, 410];
    assert_eq!(scene.statuses(&viewers).await, gone);
    let other = format!("/v1/keys/{}", scene.kids[1]);
    viewers[1].get(&other).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_s_playlists_and_what_was_written_into_them_fall_too() {
    let stage = Stage::set().await;
    let operator = stage.api_key("operator", "**", "operate", "1h");
    let operator = stage.serve.ops().with(&operator);
    let of = |claims: Value| super::viewer(&stage.serve, &claims);
    let [alice, bob] = ["alice", "bob"].map(|name| of(json!({"sub": name, "sid": name})));
    let play = format!("/v1/play/{}/{}", stage::STREAM, stage.rendition);
    let master = format!("/v1/play/{}/master.m3u8", stage::STREAM);
    let stranger = stage.serve.stranger();
    let mut granted = Vec::new();
    for viewer in [&alice, &bob] {
        let text = viewer.get(&play).await.expect(200).text();
        let key = text
            .lines()
            .find(|line| line.starts_with("#EXT-X-KEY"))
            .unwrap();
        let key = crate::independent::playlist::quoted(key, "URI").unwrap();
        let text = viewer.get(&master).await.expect(200).text();
        let child = text.lines().find(|line| line.contains("token=")).unwrap();
        granted.push([key.replace(&stage.serve.url(), ""), child.to_owned()]);
    }
    let statuses = async || {
        let mut all = Vec::new();
        for (viewer, granted) in [&alice, &bob].into_iter().zip(&granted) {
            let asked = [
                (viewer, &play),
                (&stranger, &granted[0]),
                (&stranger, &granted[1]),
            ];
            for (who, path) in asked {
                all.push(who.get(path).await.status);
            }
        }
        all
    };
    assert_eq!(statuses().await, [200; 6]);
    for body in [json!({"viewer": "alice"}), json!({"session": "alice"})] {
        let text = body.to_string();
        let revoke = operator.ask("POST", "/v1/revocations", Some(&text));
        let id = revoke.await.expect(200).json()["id"].clone();
        assert_eq!(statuses().await, [403, 403, 403, 200, 200, 200], "{body}");
        let path = format!("/v1/revocations/{}", id.as_str().unwrap());
        operator.ask("DELETE", &path, None).await.expect(204);
        assert_eq!(statuses().await, [200; 6], "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packagers_and_operators_are_no_viewers() {
    let scene = Scene::set("{ every = \"4s\" }").await;
    let token = |name: &str, actions: &[&str]| {
        let file = scene.serve.credential(name, "test/**", actions);
        scene
            .serve
            .stranger()
            .with(std::fs::read_to_string(file).unwrap().trim())
    };
    let packager = token("alice", &[]);
    let prober = token("prober", &["deliver"]);
    for body in [
        json!({"viewer": "alice"}),
        json!({"viewer": "prober"}),
        json!({"before": at(0)}),
    ] {
        scene.revoke(&body).await;
    }
    let path = format!("/v1/streams/{STREAM}/schedule");
    let lease = packager.get(&path).await.expect(200).json();
    assert_eq!(scene.status(&prober).await, 200);
    let probe = lease["periods"][0]["probe"].as_str().unwrap();
    let kid = lease["periods"][0]["kid"].as_str().unwrap();
    let probed = format!("/v1/keys/{kid}?token={probe}");
    scene.serve.stranger().get(&probed).await.expect(200);
    let alice = scene.viewer(&json!({"sub": "alice"}));
    assert_eq!(scene.status(&alice).await, 403);
    scene.operator.get("/v1/revocations").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_unclear_change_nothing() {
    let scene = Scene::set("{ every = \"4s\" }").await;
    let viewer = scene.viewer(&json!({"sub": "alice"}));
    for (body, names) in [
        (json!({}), "exactly one"),
        (json!({"viewer": "alice", "token": "t"}), "exactly one"),
        (json!({"viewer": ""}), "viewer"),
        (json!({"viewer": "alice", "reason": "x"}), "reason"),
        (json!({"viewer": "alice", "until": at(-1)}), "until"),
        (json!({"before": at(7200)}), "before"),
        (json!({"key": "alice"}), "line 1"),
        (json!({"key": scene.kids[0], "until": at(60)}), "key"),
    ] {
        let answer = scene.post(&body).await.expect(400);
        let detail = answer.json()["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(detail.contains(names), "{body}: {detail}");
    }
    let nobodys = json!({"key": "00000000-0000-4000-8000-000000000000"});
    assert_eq!(scene.post(&nobodys).await.expect(404).code(), "not_found");
    assert_eq!(scene.status(&viewer).await, 200);
    let list = scene
        .operator
        .get("/v1/revocations")
        .await
        .expect(200)
        .json();
    assert_eq!(list["revocations"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_of_some_streams_withdraws_their_keys_and_no_viewer() {
    let scene = Scene::set("{ every = \"4s\" }").await;
    let narrow = |name: &str, streams: &str| {
        let file = scene.serve.credential(name, streams, &["operate"]);
        scene
            .serve
            .ops()
            .with(std::fs::read_to_string(file).unwrap().trim())
    };
    let (own, foreign) = (narrow("own", "test/**"), narrow("foreign", "other/**"));
    for body in [
        json!({"viewer": "alice"}),
        json!({"session": "a"}),
        json!({"token": "a"}),
        json!({"before": at(0)}),
    ] {
        let answer = own
            .ask("POST", "/v1/revocations", Some(&body.to_string()))
            .await;
        assert_eq!(answer.expect(403).code(), "forbidden");
    }
    own.get("/v1/revocations").await.expect(403);
    let viewer = scene.viewer(&json!({"sub": "alice"}));
    assert_eq!(scene.status(&viewer).await, 200);
    let body = json!({"key": scene.kids[0]}).to_string();
    foreign
        .ask("POST", "/v1/revocations", Some(&body))
        .await
        .expect(404);
    assert_eq!(scene.status(&viewer).await, 200);
    own.ask("POST", "/v1/revocations", Some(&body))
        .await
        .expect(200);
    assert_eq!(scene.status(&viewer).await, 410);
}
