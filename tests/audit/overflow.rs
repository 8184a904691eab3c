//! A store that takes nothing, and more decisions than there is room for.
//!
//! Must not know: what binds rows.

use sqlx::{Connection as _, SqliteConnection};

use super::{audit, metric, refuse, whole};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// Another program that holds the database's lock.
struct Holder(SqliteConnection);

impl Holder {
    async fn of(serve: &Serve) -> Self {
        let folder = serve.config().parent().unwrap().to_owned();
        let url = format!("sqlite:{}/keystore/hlskey.db", folder.display());
        let mut on = SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE")
            .execute(&mut on)
            .await
            .unwrap();
        Self(on)
    }

    async fn let_go(mut self) {
        sqlx::raw_sql("ROLLBACK")
            .execute(&mut self.0)
            .await
            .unwrap();
        self.0.close().await.unwrap();
    }
}

#[tokio::test]
async fn rows_that_are_lost_are_told_of() {
    let mut serve = Serve::start("\"never\"", "[audit]\nqueue = 5\n").await;
    let holder = Holder::of(&serve).await;
    refuse(&serve.stranger(), 12).await;
    assert_eq!(metric(&serve, "hlskey_audit_rows_dropped_total").await, 7);
    holder.let_go().await;
    until("what waited is written", seconds(30), async || {
        let written = metric(&serve, "hlskey_audit_rows_written_total").await;
        let waits = metric(&serve, "hlskey_audit_queue_rows").await;
        (written > 5 && waits == 0).then_some(())
    })
    .await;
    serve.pause().await;
    whole(&serve);
    // How many rows say it depends on when there was room.
    let (listed, _) = audit(&serve.config(), &["ls"]);
    let rows = listed.as_array().unwrap();
    let of = |reason: &'static str| rows.iter().filter(move |row| row["reason"] == reason);
    assert_eq!(of("no_token").count(), 5, "{listed}");
    let lost = of("rows_lost").map(|row| row["count"].as_u64().unwrap());
    assert_eq!(lost.sum::<u64>(), 7, "{listed}");
}

#[tokio::test]
async fn nothing_is_decided_that_could_not_be_written_down() {
    let settings = "[audit]\nqueue = 5\non_overflow = \"refuse\"\n";
    let mut serve = Serve::start("\"never\"", settings).await;
    let stranger = serve.stranger();
    let holder = Holder::of(&serve).await;
    refuse(&stranger, 5).await;
    let full = stranger.get(super::NO_KEY).await.expect(503);
    assert!(!full.header("retry-after").is_empty());
    serve.ops().get("/healthz").await.expect(200);
    holder.let_go().await;
    until("there is room again", seconds(30), async || {
        (stranger.get(super::NO_KEY).await.status == 401).then_some(())
    })
    .await;
    assert_eq!(metric(&serve, "hlskey_audit_rows_dropped_total").await, 0);
    serve.pause().await;
    assert_eq!(whole(&serve)["rows"], 6);
}
