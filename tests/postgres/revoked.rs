//! A viewer revoked at one of two servers: when the other hears of it, and what it says meanwhile.
//!
//! Must not know: how one hears of the other.

use std::time::Instant;

use serde_json::json;

use super::{Pair, leased, status, told_when};
use crate::harness::actor::Actor;
use crate::harness::postgres::{Cluster, Line, Traffic};
use crate::harness::wait::{seconds, throughout, until};
use crate::revocation::viewer;

/// A viewer of that name at either server.
fn named(pair: &Pair, name: &str) -> [Actor; 2] {
    [0, 1].map(|at| viewer(&pair.servers[at], &json!({"sub": name, "sid": name})))
}

/// Revokes at one server; gives the worst case in seconds.
async fn revoke(pair: &Pair, at: usize, viewer: &str) -> u64 {
    let operator = pair.servers[at].ops().with(&pair.operator);
    let body = json!({"viewer": viewer}).to_string();
    let answer = operator.ask("POST", "/v1/revocations", Some(&body)).await;
    let reply = answer.expect(200).json();
    reply["worst_case_seconds"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_revokes_the_other_refuses_and_what_it_lifts_the_other_grants() {
    let pair = Pair::start().await;
    let [one, _] = pair.packagers();
    let kid = &leased(&one, "test/told").await[0];
    let (alice, bob) = (named(&pair, "alice"), named(&pair, "bob"));
    for at in [0, 1] {
        for viewer in [&alice, &bob] {
            assert_eq!(status(&viewer[at], kid).await, 200);
        }
    }
    for (here, there) in [(0, 1), (1, 0)] {
        revoke(&pair, here, "alice").await;
        assert_eq!(status(&alice[here], kid).await, 403, "at once");
        soon(&alice[there], kid, 403).await;
        assert_eq!(status(&bob[there], kid).await, 200);
        let operator = pair.servers[there].ops().with(&pair.operator);
        let list = operator.get("/v1/revocations").await.expect(200).json();
        let id = list["revocations"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/revocations/{id}");
        operator.ask("DELETE", &path, None).await.expect(204);
        assert_eq!(status(&alice[there], kid).await, 200, "at once");
        soon(&alice[here], kid, 200).await;
    }
}

/// Within the second of a poll, and what a busy machine takes.
async fn soon(viewer: &Actor, kid: &str, expected: u16) {
    until("the other has heard", seconds(2), async || {
        (status(viewer, kid).await == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_hear_of_it_soon_answers_no_viewer_at_all() {
    let cluster = Cluster::start();
    let (direct, line) = (cluster.url(), Line::to(&cluster));
    let pair = Pair::at(cluster, [&direct, &line.url()], "4s").await;
    let [one, _] = pair.packagers();
    let kid = &leased(&one, "test/cut-off").await[0];
    let ([_, alice], [_, bob]) = (named(&pair, "alice"), named(&pair, "bob"));
    let play = "/v1/play/test/cut-off/master.m3u8";
    for viewer in [&alice, &bob] {
        assert_eq!(status(viewer, kid).await, 200);
        viewer.get(play).await.expect(404); // there is no such file
    }
    let begun = Instant::now();
    line.set(Traffic::Stands);
    let worst = revoke(&pair, 0, "alice").await;
    assert!(worst >= 4, "{worst}");
    let mut last = begun;
    until("memory is trusted no more", seconds(6), async || {
        let asked = Instant::now();
        match status(&alice, kid).await {
            200 => last = asked,
            status => assert_eq!(status, 503),
        }
        (status(&bob, kid).await == 503).then_some(())
    })
    .await;
    assert!(last - begun < seconds(4), "{:?}", last - begun);
    throughout(
        "nobody is answered, whatever is asked",
        seconds(1),
        async || {
            let playlist = bob.get(play).await;
            told_when(&playlist);
            let session = bob.ask("POST", "/v1/sessions", Some("{}")).await;
            [status(&alice, kid).await, playlist.status, session.status] == [503; 3]
        },
    )
    .await;
    line.set(Traffic::Flows);
    until("it recovers", seconds(10), async || {
        // Not before it knows of the revocation.
        assert_ne!(status(&alice, kid).await, 200);
        (status(&bob, kid).await == 200).then_some(())
    })
    .await;
    assert_eq!(status(&alice, kid).await, 403);
    bob.get(play).await.expect(404);
}
