//! The disk below the trail full, under either policy; it goes on by itself when there is room again.
//!
//! Must not know: what binds rows.

use super::{NO_KEY, audit, metric, refuse, whole, written};
use crate::harness::serve::Serve;
use crate::harness::small_disk::SmallDisk;
use crate::harness::wait::{seconds, until};

/// How often something is asked for until there must be no room for more.
const PATIENCE: u64 = 20_000;

/// A server whose database lies on a small disk that is full by now, and has three rows.
async fn full(policy: &str) -> (Serve, SmallDisk) {
    let settings = format!("[audit]\nqueue = 50\non_overflow = \"{policy}\"\n");
    let mut serve = Serve::prepare("\"never\"", &settings);
    let folder = serve.config().with_file_name("small");
    std::fs::create_dir(&folder).unwrap();
    let small = SmallDisk::mount(&folder, 16 << 10);
    serve.amend("sqlite:keystore/hlskey.db", "sqlite:small/hlskey.db");
    serve.resume().await;
    refuse(&serve.stranger(), 3).await;
    written(&serve, 3).await;
    small.fill();
    (serve, small)
}

/// Waits until what waited is written, and stops the server.
async fn recovered(serve: &mut Serve) {
    until("nothing waits", seconds(30), async || {
        (metric(serve, "hlskey_audit_queue_rows").await == 0).then_some(())
    })
    .await;
    serve.pause().await;
    whole(serve);
}

#[tokio::test]
async fn on_a_full_disk_rows_are_lost_and_told_of() {
    let (mut serve, small) = full("drop").await;
    let stranger = serve.stranger();
    let mut asked = 3;
    while metric(&serve, "hlskey_audit_rows_dropped_total").await == 0 {
        assert!(asked < PATIENCE, "the disk is never full");
        refuse(&stranger, 20).await;
        asked += 20;
    }
    let waiting = metric(&serve, "hlskey_audit_queue_rows").await;
    // What tells of lost rows has a place of its own.
    assert!((1..=51).contains(&waiting), "{waiting}");
    small.empty();
    recovered(&mut serve).await;
    let (rows, _) = audit(&serve.config(), &["ls", "--limit", "100000"]);
    let rows = rows.as_array().unwrap();
    let count = |reason: &str| -> u64 {
        let rows = rows.iter().filter(|row| row["reason"] == reason);
        rows.map(|row| row["count"].as_u64().unwrap()).sum()
    };
    assert!(count("rows_lost") > 0);
    assert_eq!(count("no_token") + count("rows_lost"), asked);
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_decided_unseen() {
    let (mut serve, small) = full("refuse").await;
    let stranger = serve.stranger();
    let mut refused = 3;
    while stranger.get(NO_KEY).await.status == 401 {
        assert!(refused < PATIENCE, "the disk is never full");
        refused += 1;
    }
    stranger.get(NO_KEY).await.expect(503);
    serve.ops().get("/healthz").await.expect(200);
    small.empty();
    until("there is room again", seconds(30), async || {
        (stranger.get(NO_KEY).await.status == 401).then_some(())
    })
    .await;
    recovered(&mut serve).await;
    assert_eq!(whole(&serve)["rows"], refused + 1, "each refusal has a row");
}
