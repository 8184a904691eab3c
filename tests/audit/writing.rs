//! What is written, and what a kill or a stop leaves of it.
//!
//! Must not know: what binds rows.

use super::{audit, refuse, whole, written};
use crate::harness::serve::Serve;

#[tokio::test]
async fn a_stop_writes_everything_and_that_it_is_everything() {
    let mut serve = Serve::start("\"never\"", "").await;
    refuse(&serve.stranger(), 40).await;
    serve.pause().await;
    let verdict = whole(&serve);
    assert_eq!(
        (&verdict["rows"], &verdict["chains"][0]["ended"]),
        (&40.into(), &true.into())
    );
    serve.resume().await;
    serve.pause().await;
    assert_eq!(
        whole(&serve)["chains"].as_array().unwrap().len(),
        1,
        "nothing was decided"
    );
}

#[tokio::test]
async fn a_kill_leaves_a_trail_that_is_open_and_sound() {
    let mut serve = Serve::start("\"never\"", "").await;
    for run in 1..=3 {
        refuse(&serve.stranger(), 20).await;
        written(&serve, 15).await;
        refuse(&serve.stranger(), 3).await;
        serve.kill();
        let verdict = whole(&serve);
        let chains = verdict["chains"].as_array().unwrap();
        assert_eq!(chains.len(), run);
        assert!(
            chains.iter().all(|chain| chain["ended"] == false),
            "{verdict}"
        );
        assert!(chains[run - 1]["last"].as_u64().unwrap() >= 15, "{verdict}");
        serve.resume().await;
    }
    let output = super::command(&serve.config(), &["verify"]);
    assert!(output.status.success(), "while it runs");
    let (verdict, _) = audit(&serve.config(), &["verify"]);
    assert_eq!(verdict["faults"].as_array().unwrap().len(), 0);
}
