//! `hlskey audit ls`: rows of the trail, the newest last.
//!
//! Must not know: what binds rows.

use anyhow::bail;
use clap::Args;

use crate::access::audit::{AuditCursor, AuditFilter};
use crate::api::AuditView;
use crate::cli::ConfigArg;
use crate::config::Config;
use crate::domain::Timestamp;
use crate::store::Store;

/// `hlskey audit ls`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LsArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Of this stream alone.
    #[arg(long, default_value = "")]
    stream: String,
    /// Of this viewer, or of the credential with this name.
    #[arg(long, default_value = "")]
    viewer: String,
    /// Of this session.
    #[arg(long, default_value = "")]
    session: String,
    /// refused, delivered or changed.
    #[arg(long, default_value = "", value_parser = ["", "refused", "delivered", "changed"])]
    kind: String,
    /// From this time on (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// How many rows, the newest ones.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &LsArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config.config)?;
    let Some(store) = Store::look(&config.store).await? else {
        bail!("{} does not exist", config.store.place()?);
    };
    let any = AuditFilter::default();
    let filter = AuditFilter {
        stream: args.stream.clone(),
        viewer: args.viewer.clone(),
        session: args.session.clone(),
        kind: args.kind.clone(),
        since: args.since.map_or(any.since, Timestamp::millis),
        until: args.until.map_or(any.until, Timestamp::millis),
    };
    let newest = AuditCursor::NEWEST;
    let rows = store.search_audit(&filter, &newest, args.limit.into());
    let rows = rows.await?.into_iter().rev().map(AuditView::from);
    let rows: Vec<_> = rows.collect();
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&rows)?),
        false => show(&rows),
    }
    Ok(())
}

fn show(rows: &[AuditView]) {
    println!(
        "{:<24}  {:<9}  {:<8}  {:<16}  {:>6}  {:<20}  {:<24}  FROM",
        "TIME", "KIND", "ACTION", "REASON", "COUNT", "VIEWER", "STREAM"
    );
    for row in rows {
        println!(
            "{:<24}  {:<9}  {:<8}  {:<16}  {:>6}  {:<20}  {:<24}  {}",
            row.time, row.kind, row.action, row.reason, row.count, row.viewer, row.stream, row.ip
        );
    }
}
