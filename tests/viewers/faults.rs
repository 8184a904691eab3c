//! A clock that goes back, and a server that ends in the middle.
//!
//! Must not know: two servers.

use super::*;
use crate::harness::clock::SetClock;
use crate::harness::wait::{seconds, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_refuses_nobody_and_counts_nobody_for_ever() {
    let clock = SetClock::right();
    let rules = "max_sessions = 2\nlimit = \"hard\"";
    let mut serve = Serve::prepare("\"never\"", &policy(rules));
    serve.amend("[grants]", "[sessions]\nlease = \"4s\"\n[grants]");
    clock.set(100_000);
    let command = clock.given_to(serve.command());
    serve.resume_as(command).await;
    let key = serve.key_path("test/a").await;
    let (at, operator) = (serve.stranger(), operator(&serve, "**"));
    for session in ["one", "two"] {
        assert_eq!(status(&at, &key, session).await, 200);
    }
    assert_eq!(counted(&operator, "").await, [("test/a".to_owned(), 2)]);
    clock.set(0);
    assert_eq!(status(&at, &key, "three").await, 403, "the slots are taken");
    for session in ["one", "two"] {
        assert_eq!(status(&at, &key, session).await, 200);
    }
    // A server that begins anew has the future in its store.
    serve.kill();
    let command = clock.given_to(serve.command());
    serve.resume_as(command).await;
    assert_eq!(status(&at, &key, "one").await, 200);
    until("everybody has left", seconds(20), async || {
        counted(&operator, "").await.is_empty().then_some(())
    })
    .await;
    assert_eq!(status(&at, &key, "three").await, 200);
}
