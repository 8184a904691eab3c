//! `max_sessions` of an answer: it bounds a viewer's sessions by itself, and beside a policy's own the
//! smaller counts.
//!
//! Must not know: how a session is kept.

use serde_json::{Value, json};

use super::scene::Scene;
use super::table;
use crate::harness::actor::Actor;
use crate::harness::serve::Serve;
use crate::viewers::{operator, token_of, watch};

/// One stream whose policy has no limit of its own, one with a limit of two.
const POLICIES: &str = "[[policies]]\nstreams = [\"test/open\"]\nlimit = \"hard\"\n\
                        [[policies]]\nstreams = [\"test/two\"]\nmax_sessions = 2\nlimit = \"hard\"\n";

const STREAMS: [&str; 2] = ["test/open", "test/two"];

/// Whose sessions they are, which stream's, what the answer says, and how many are let in.
const CASES: [(&str, usize, Option<u32>, usize); 5] = [
    ("unbound", 0, None, 4),
    ("one", 0, Some(1), 1),
    ("fewer", 1, Some(1), 1),
    ("more", 1, Some(3), 2),
    ("unsaid", 1, None, 2),
];

/// Begins four sessions of a viewer: as many are let in as are expected, and the next are told why
/// not. Who is in stays in.
async fn begin((serve, operator): (&Serve, &Actor), key: &str, viewer: &str, expected: usize) {
    let at = serve.stranger();
    let token = |session: usize| token_of(viewer, &format!("{viewer}-{session}"), "test/**");
    for session in 0..4 {
        let answer = watch(&at, key, &token(session), &format!("device {session}")).await;
        if session < expected {
            answer.expect(200);
            continue;
        }
        let told = answer.expect(403);
        let detail = told.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("as many sessions as allowed"), "{detail}");
        assert_eq!(reason(operator, &told.json()).await, "too_many_sessions");
    }
    watch(&at, key, &token(0), "device 0").await.expect(200);
}

/// The word for programs that a refusal has in the trail.
async fn reason(operator: &Actor, problem: &Value) -> String {
    let path = format!("/v1/explain/{}", problem["request_id"].as_str().unwrap());
    let told = operator.get(&path).await.expect(200).json();
    told["reason"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_s_answer_bounds_a_viewer_s_sessions() {
    let scene = Scene::set(POLICIES).await;
    let operator = operator(&scene.serve, "**");
    let keys = [
        scene.serve.key_path(STREAMS[0]).await,
        scene.serve.key_path(STREAMS[1]).await,
    ];
    for (viewer, stream, said, expected) in CASES {
        let mut answer = json!({"allow": true, "ttl": 60});
        if let Some(said) = said {
            answer["max_sessions"] = json!(said);
        }
        scene.turn(json!({"answer": answer})).await;
        begin((&scene.serve, &operator), &keys[stream], viewer, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_bounds_a_viewer_s_sessions() {
    let (serve, _) = table::scene(POLICIES).await;
    let operator = operator(&serve, "**");
    let keys = [
        serve.key_path(STREAMS[0]).await,
        serve.key_path(STREAMS[1]).await,
    ];
    for (viewer, stream, said, expected) in CASES {
        let row = json!({"streams": ["test/*"], "max_sessions": said});
        table::put(&operator, viewer, &row, 200).await;
        begin((&serve, &operator), &keys[stream], viewer, expected).await;
    }
}
