//! `hlskey entitlement add|ls|rm`: who may watch, where the source is `table`.
//!
//! Must not know: how a row is judged.

use std::num::NonZeroU32;

use anyhow::ensure;
use clap::{Args, Subcommand};
use serde_json::json;

use super::ConfigArg;
use super::recorded::Recorded;
use super::span::SignedSpan;
use crate::access::audit::Affected;
use crate::access::{EntitlementSource, entitlement_rows};
use crate::api::{EntitlementRequest, Text};
use crate::config::Config;
use crate::domain::{Clock as _, StreamPattern, SystemClock, Timestamp};
use crate::store::{EntitlementRow, Store};

/// `hlskey entitlement …`.
#[derive(Debug, Subcommand)]
pub(super) enum EntitlementCommand {
    /// Let a viewer watch streams, beside what it may watch already.
    Add(AddArgs),
    /// List who may watch what.
    Ls(LsArgs),
    /// Take back what a viewer may watch.
    Rm(RmArgs),
}

/// `hlskey entitlement add`.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The viewer, by the name that its tokens have.
    viewer: String,
    /// Which streams: a pattern, `*` is one part, `**` any number; may be given several times.
    #[arg(long = "streams", value_name = "PATTERN", required = true)]
    streams: Vec<StreamPattern>,
    /// From when on (RFC 3339); without it, at once.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Up to when (RFC 3339); without it or --ttl, until it is taken back.
    #[arg(long, value_name = "TIME", conflicts_with = "ttl")]
    until: Option<Timestamp>,
    /// How long from now.
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    ttl: Option<SignedSpan>,
    /// How many sessions the viewer may have at once; without it, as the stream's policy has it.
    #[arg(long, value_name = "N")]
    max_sessions: Option<NonZeroU32>,
    /// A word for whoever reads the list.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

/// `hlskey entitlement ls`.
#[derive(Debug, Args)]
pub(super) struct LsArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// This viewer alone.
    viewer: Option<String>,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// `hlskey entitlement rm`.
#[derive(Debug, Args)]
pub(super) struct RmArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The viewer.
    viewer: String,
    /// What is taken back: exactly these patterns, as they were added; without it, everything.
    #[arg(long = "streams", value_name = "PATTERN")]
    streams: Vec<StreamPattern>,
}

/// Viewers that are read at once.
const PAGE: u32 = 1000;

pub(super) async fn run(command: EntitlementCommand) -> anyhow::Result<()> {
    match command {
        EntitlementCommand::Add(args) => add(args).await,
        EntitlementCommand::Ls(args) => list(args).await,
        EntitlementCommand::Rm(args) => remove(args).await,
    }
}

async fn add(args: AddArgs) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let until = args.until.or(args.ttl.map(|ttl| ttl.from(now)));
    let asked = EntitlementRequest {
        streams: args.streams.into_iter().map(Text).collect(),
        from: args.from.map(Text),
        until: until.map(Text),
        max_sessions: args.max_sessions,
        note: args.note,
    };
    let rows = entitlement_rows(&args.viewer, &asked, now)?;
    let recorded = Recorded::open(&config_of(&args.config)?).await?;
    let store = &recorded.store;
    store.put_entitlements(&args.viewer, &rows).await?;
    let affected = Affected::default().with("viewer", &args.viewer);
    let affected = affected.with_streams(rows.iter().map(|row| &row.stream));
    recorded.tell("entitlement add", &affected).await
}

async fn list(args: LsArgs) -> anyhow::Result<()> {
    let store = Store::open(&config_of(&args.config)?.store).await?;
    let rows = match &args.viewer {
        Some(viewer) => store.entitlements_of(viewer).await?,
        None => all(&store).await?,
    };
    if args.json {
        let rows: Vec<_> = rows.iter().map(view).collect();
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    println!(
        "{:<28} {:<28} {:<24} {:<24} {:<8} NOTE",
        "VIEWER", "STREAMS", "FROM", "UNTIL", "SESSIONS"
    );
    for row in &rows {
        let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let sessions = row.max_sessions.map(|most| most.to_string());
        println!(
            "{:<28} {:<28} {:<24} {:<24} {:<8} {}",
            row.viewer,
            row.stream,
            time(row.from),
            time(row.until),
            sessions.as_deref().unwrap_or("-"),
            row.note.escape_debug()
        );
    }
    Ok(())
}

async fn all(store: &Store) -> anyhow::Result<Vec<EntitlementRow>> {
    let mut rows: Vec<EntitlementRow> = Vec::new();
    loop {
        let last = rows.last().map_or("", |row| row.viewer.as_str());
        let page = store.entitlements_after(last, PAGE).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}

fn view(row: &EntitlementRow) -> serde_json::Value {
    json!({
        "viewer": row.viewer,
        "streams": row.stream.as_str(),
        "from": row.from.map(|at| at.to_string()),
        "until": row.until.map(|at| at.to_string()),
        "max_sessions": row.max_sessions,
        "note": row.note,
        "changed": row.changed.to_string(),
    })
}

async fn remove(args: RmArgs) -> anyhow::Result<()> {
    let recorded = Recorded::open(&config_of(&args.config)?).await?;
    let is_meant = |pattern: &StreamPattern| match args.streams.as_slice() {
        [] => true,
        some => some.contains(pattern),
    };
    let store = &recorded.store;
    let removed = store.replace_entitlements(&args.viewer, is_meant, &[]);
    let removed = removed.await?;
    ensure!(removed > 0, "'{}' has no such entitlement", args.viewer);
    let affected = Affected::default().with("viewer", &args.viewer);
    let affected = affected.with_streams(args.streams.iter());
    recorded.tell("entitlement rm", &affected).await
}

fn config_of(config: &ConfigArg) -> anyhow::Result<Config> {
    let config = Config::load(&config.config)?;
    if config.access.entitlement.source != EntitlementSource::Table {
        eprintln!("hlskey: these count only where entitlement.source = \"table\"");
    }
    Ok(config)
}
