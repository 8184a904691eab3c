//! Live sessions at a running server: who may watch at once, and who does.
//!
//! Must not know: where sessions are kept.

mod counts;
mod faults;
mod limits;
mod servers;

use serde_json::json;

use crate::harness::actor::{Actor, Answer};
use crate::harness::issuer::Issuer;
use crate::harness::serve::Serve;

/// What the servers of these tests verify tokens with.
const SECRET: &str = "obviously-a-fake-secret-of-40-characters";

/// A policy for every test stream.
fn policy(rules: &str) -> String {
    format!("[[policies]]\nstreams = [\"test/**\"]\n{rules}\n")
}

/// A viewer's token: of alice, for every test stream, in the session of that name.
fn token(session: &str) -> String {
    token_of("alice", session, "test/**")
}

pub(crate) fn token_of(viewer: &str, session: &str, streams: &str) -> String {
    let claims =
        json!({"sub": viewer, "sid": session, "streams": streams, "exp": 4_000_000_000_u64});
    Issuer::Hs256(SECRET.into()).token(&claims)
}

/// Asks from a device of that name.
pub(crate) async fn watch(at: &Actor, path: &str, token: &str, device: &str) -> Answer {
    let asked = at.with(token);
    let headers = [("user-agent", device)];
    let answer = asked.try_ask("GET", path, &headers, None).await.unwrap();
    assert!(answer.status != 200 || answer.body.len() == 16);
    answer
}

/// The status of a key request of alice's, in a session on a device of its own.
async fn status(at: &Actor, path: &str, session: &str) -> u16 {
    watch(at, path, &token(session), &format!("device of {session}"))
        .await
        .status
}

/// An operator of the streams.
pub(crate) fn operator(serve: &Serve, streams: &str) -> Actor {
    let name = format!("operator-{}", streams.replace(['/', '*'], "-"));
    let file = serve.credential(&name, streams, &["operate"]);
    let credential = std::fs::read_to_string(file).unwrap();
    serve.ops().with(credential.trim())
}

/// Stream and count of each that is watched, as `GET /v1/viewers` has them.
async fn counted(operator: &Actor, query: &str) -> Vec<(String, u64)> {
    let answer = operator.get(&format!("/v1/viewers{query}")).await;
    let view = answer.expect(200).json();
    let streams = view["streams"].as_array().unwrap().iter();
    let counts: Vec<(String, u64)> = streams
        .map(|one| {
            let stream = one["stream"].as_str().unwrap().to_owned();
            (stream, one["viewers"].as_u64().unwrap())
        })
        .collect();
    let sum: u64 = counts.iter().map(|(_, count)| count).sum();
    assert_eq!(view["total"], json!(sum));
    counts
}
