//! What a service is told when it is asked, and what becomes of the reason that it gives.
//!
//! Must not know: what is remembered of its answer.

use serde_json::{Value, json};

use super::scene::{STREAM, Scene};
use crate::harness::actor::{Actor, Answer};
use crate::harness::wait::{seconds, until};
use crate::viewers::{operator, token_of};

const REASON: &str = "the card was refused";

/// A key request of a viewer's, in that session, as a proxy forwards it.
async fn forwarded(scene: &Scene, key: &str, who: (&str, &str), from: &str) -> Answer {
    let viewer = scene.serve.stranger();
    let viewer = viewer.with(&token_of(who.0, who.1, "test/**"));
    let headers = [("x-forwarded-for", from)];
    let answer = viewer.try_ask("GET", key, &headers, None).await;
    answer.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_told_who_asks_for_what_from_where() {
    let mut scene = Scene::set("").await;
    let other = scene.serve.key("test/other").await;
    let asked = [
        (("alice", "s-1"), STREAM, "192.0.2.7", "127.0.0.1"),
        (("bob", "s-2"), "test/other", "2001:db8::7", "127.0.0.1"),
    ];
    // A proxy that nobody trusts is the client; one that is trusted says who is.
    for is_trusted in [false, true] {
        if is_trusted {
            scene.serve.pause().await;
            let trusted = "origin = \"hls\"\ntrusted_proxies = [\"127.0.0.1\"]";
            scene.serve.amend("origin = \"hls\"", trusted);
            scene.serve.resume().await;
        }
        for ((viewer, session), stream, from, socket) in asked {
            let key = if stream == STREAM { &scene.key } else { &other };
            let answer = forwarded(&scene, key, (viewer, session), from).await;
            answer.expect(200);
            let mut told = scene.service.seen().await["last"].clone();
            told.as_object_mut().unwrap().remove("request_time");
            let ip = if is_trusted { from } else { socket };
            let expected = json!({
                "viewer": viewer, "session": session, "stream": stream, "scheme": "viewers", "ip": ip,
            });
            assert_eq!(told, expected);
        }
    }
}

/// How the log and the trail have a refusal of alice's; the viewer is told no reason.
async fn refused(scene: &Scene, operator: &Actor) -> (String, Value) {
    let answer = scene.fetch("alice").await.expect(403);
    assert!(!answer.text().contains(REASON), "{}", answer.text());
    let id = answer.header("x-request-id").to_owned();
    let told = operator.get(&format!("/v1/explain/{id}")).await;
    let process = scene.serve.process.as_ref().unwrap();
    (process.stderr.text(), told.expect(200).json())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_a_no_is_for_the_log_that_asks_for_it() {
    for filter in ["info", "info,hlskey::access=debug"] {
        let scene = Scene::set(&format!("[log]\nfilter = \"{filter}\"\n")).await;
        let operator = operator(&scene.serve, "**");
        let yes = json!({"allow": true, "ttl": 60, "reason": "gold until March"});
        scene.turn(json!({"answer": yes})).await;
        scene.fetch("bob").await.expect(200);
        let no = json!({"allow": false, "reason": REASON});
        scene.turn(json!({"answer": no})).await;
        let (_, told) = refused(&scene, &operator).await;
        assert_eq!(told["reason"], "not_entitled", "{told}");
        assert!(!told.to_string().contains(REASON), "{told}");
        let log = until("the refusal is over", seconds(10), async || {
            let (log, _) = refused(&scene, &operator).await;
            let is_there = log.contains(REASON) || !filter.contains("debug");
            is_there.then_some(log)
        })
        .await;
        assert_eq!(log.contains(REASON), filter.contains("debug"), "{log}");
        assert!(!log.contains("gold until March"), "{log}");
    }
}
