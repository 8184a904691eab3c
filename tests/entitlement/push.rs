//! Answers that are called off: by the service itself, by an operator, and on every server.
//!
//! Must not know: how servers tell each other.

use serde_json::json;

use super::scene::{STREAM, Scene, fetch};
use crate::harness::entitlement::{SECRETS, Service, ask_there};
use crate::harness::postgres::Cluster;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, throughout, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_is_cut_off_loses_the_next_key() {
    let scene = Scene::set("").await;
    for push in [
        json!({"viewer": "alice"}),
        json!({"viewer": "alice", "stream": STREAM}),
        json!({"stream": STREAM}),
    ] {
        scene.turn(json!({"denied": []})).await;
        let called = scene.service.push(&scene.serve, &push, json!({})).await;
        assert_eq!(called, 204);
        assert_eq!(scene.status("alice").await, 200);
        scene.turn(json!({"denied": ["alice"]})).await;
        assert_eq!(scene.status("alice").await, 200, "it is remembered");
        let called = scene.service.push(&scene.serve, &push, json!({})).await;
        assert_eq!(called, 204, "{push}");
        assert_eq!(scene.status("alice").await, 403, "{push}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_service_calls_answers_off() {
    let scene = Scene::set("").await;
    assert_eq!(scene.status("alice").await, 200);
    scene.turn(json!({"denied": ["alice"]})).await;
    let alice = json!({"viewer": "alice"});
    for (how, status) in [
        (
            json!({"secret": "obviously-a-fake-secret-of-somebody-else"}),
            401,
        ),
        (json!({"secret": SECRETS[1]}), 401),
        (json!({"skew": -400}), 401),
        (json!({"skew": 400}), 401),
        (json!({"tamper": true}), 401),
    ] {
        let answer = scene.service.push(&scene.serve, &alice, how.clone()).await;
        assert_eq!(answer, status, "{how}");
    }
    for body in [
        json!({}),
        json!({"viewer": null}),
        json!({"viewer": ""}),
        json!({"viewer": "alice", "all": true}),
        json!({"stream": "../x"}),
        json!([]),
    ] {
        let answer = scene.service.push(&scene.serve, &body, json!({})).await;
        assert_eq!(answer, 400, "{body}");
    }
    let bare = scene.serve.stranger();
    let path = "/v1/entitlements/invalidate";
    let body = alice.to_string();
    bare.ask("POST", path, Some(&body)).await.expect(401);
    assert_eq!(scene.status("alice").await, 200, "nothing was called off");
    let far = scene
        .service
        .push(&scene.serve, &alice, json!({"skew": -200}));
    assert_eq!(far.await, 204, "its clock may be off a little");
    assert_eq!(scene.status("alice").await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_calls_answers_off_within_its_streams() {
    let scene = Scene::set("").await;
    assert_eq!(scene.status("alice").await, 200);
    scene.turn(json!({"denied": ["alice"]})).await;
    let operator = |name: &str, streams: &str| {
        let file = scene.serve.credential(name, streams, &["operate"]);
        let text = std::fs::read_to_string(file).unwrap();
        scene.serve.ops().with(text.trim())
    };
    let (narrow, other, all) = (
        operator("narrow", "test/*"),
        operator("other", "else/*"),
        operator("all", "**"),
    );
    let path = "/v1/entitlements/invalidate";
    let of_alice = json!({"viewer": "alice"}).to_string();
    let at_stream = json!({"viewer": "alice", "stream": STREAM}).to_string();
    narrow.ask("POST", path, Some(&of_alice)).await.expect(403);
    other.ask("POST", path, Some(&at_stream)).await.expect(403);
    assert_eq!(scene.status("alice").await, 200);
    narrow.ask("POST", path, Some(&at_stream)).await.expect(204);
    assert_eq!(scene.status("alice").await, 403);
    scene.turn(json!({"denied": []})).await;
    all.ask("POST", path, Some(&of_alice)).await.expect(204);
    let again = fetch(&scene.serve, &scene.key, "alice").await;
    assert_eq!(again.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_hears_of_it() {
    let cluster = Cluster::start();
    let mut one = Serve::prepare_on(&cluster.url(), "30s", None);
    let service = Service::start(&one, &[]).await;
    let url = format!("http://{}", service.place());
    ask_there(&one, &url, "");
    let mut other = Serve::prepare_on(&cluster.url(), "30s", Some(&one));
    ask_there(&other, &url, "");
    tokio::join!(one.resume(), other.resume());
    let path = one.key(STREAM).await.replace(&one.url(), "");
    let status = async |serve: &Serve| fetch(serve, &path, "alice").await.status;
    assert_eq!([status(&one).await, status(&other).await], [200, 200]);
    service.set(json!({"denied": ["alice"]})).await;
    assert_eq!([status(&one).await, status(&other).await], [200, 200]);
    let push = json!({"viewer": "alice"});
    assert_eq!(service.push(&one, &push, json!({})).await, 204);
    assert_eq!(status(&one).await, 403, "who answers has forgotten already");
    until("the other server hears of it", seconds(5), async || {
        (status(&other).await == 403).then_some(())
    })
    .await;
}

/// The server that is told hears of it as all servers do. What it asked in between stands: a second question
/// would be one too many, and nothing to stand in for its answer if the service went away.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_after_it_was_called_off_is_not_asked_again() {
    let scene = Scene::set("").await;
    assert_eq!(scene.status("alice").await, 200);
    let before = scene.service.asked().await;
    for round in 1..=2 {
        let alice = json!({"viewer": "alice"});
        assert_eq!(
            scene.service.push(&scene.serve, &alice, json!({})).await,
            204
        );
        throughout("it is remembered", seconds(3), async || {
            scene.status("alice").await == 200 && scene.service.asked().await == before + round
        })
        .await;
    }
}
