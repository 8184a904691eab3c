//! The audit trail from outside: what is refused leaves a row, and no row can be altered unseen.
//!
//! Must not know: what binds rows.

mod explained;
mod full_disk;
mod overflow;
mod policies;
mod reading;
mod tampering;
mod targets;
mod writing;

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::harness::actor::Actor;
use crate::harness::binary::run;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// A key that no server has.
const NO_KEY: &str = "/v1/keys/00000000-0000-4000-8000-000000000000";

/// `hlskey audit …` with the server's configuration, as JSON; and whether it ended with 0.
fn audit(config: &Path, args: &[&str]) -> (Value, bool) {
    let output = command(config, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {errors}"));
    (json, output.status.success())
}

fn command(config: &Path, args: &[&str]) -> Output {
    let mut all = vec![
        "audit",
        args[0],
        "--config",
        config.to_str().unwrap(),
        "--json",
    ];
    all.extend(&args[1..]);
    run(&all)
}

/// The verdict, which must be a good one.
fn whole(serve: &Serve) -> Value {
    let (verdict, is_good) = audit(&serve.config(), &["verify"]);
    assert!(is_good && verdict["ok"] == true, "{verdict}");
    verdict
}

/// A stranger, and so many of its requests, each refused.
async fn refuse(stranger: &Actor, count: usize) {
    for _ in 0..count {
        stranger.get(NO_KEY).await.expect(401);
    }
}

/// One number of the server's metrics.
async fn metric(serve: &Serve, name: &str) -> u64 {
    let text = serve.ops().get("/metrics").await.text();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    let line = line.unwrap_or_else(|| panic!("no {name}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Waits until so many rows are in the store.
async fn written(serve: &Serve, count: u64) {
    until("the rows are written", seconds(20), async || {
        let written = metric(serve, "hlskey_audit_rows_written_total").await;
        (written >= count).then_some(())
    })
    .await;
}
