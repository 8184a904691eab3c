//! `hlskey session ls`: who watches what now.
//!
//! Must not know: which sessions are live; the store says so.

use anyhow::Context as _;
use clap::Args;

use crate::api::{LiveSession, LiveSessions};
use crate::cli::ConfigArg;
use crate::config::Config;
use crate::domain::{Clock as _, StreamPattern, SystemClock};
use crate::store::{SessionFilter, SessionName, Store};

/// Rows that are read at once.
const PAGE: u32 = 1_000;

/// `hlskey session ls`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LsArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Of this viewer alone.
    #[arg(long, value_name = "SUBJECT")]
    viewer: Option<String>,
    /// On these streams alone: a pattern, `*` is one part, `**` any number.
    #[arg(long, value_name = "PATTERN")]
    stream: Option<StreamPattern>,
}

pub(super) async fn run(args: &LsArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config.config)?;
    let store = Store::look(&config.store).await?;
    let store = store.context("the store is not there: `hlskey serve` makes it")?;
    let sessions = listed(args, &config, &store).await?;
    if args.json {
        let next = None;
        let all = serde_json::to_string_pretty(&LiveSessions { sessions, next })?;
        println!("{all}");
        return Ok(());
    }
    println!(
        "{:<20} {:<28} {:<28} {:<16} {:<25} SESSION",
        "VIEWER", "STREAM", "SEEN", "ADDRESS", "ENDS"
    );
    for one in &sessions {
        println!(
            "{:<20} {:<28} {:<28} {:<16} {:<25} {}/{}",
            one.viewer,
            one.stream,
            one.seen,
            one.address.as_deref().unwrap_or("-"),
            one.displaced.as_deref().unwrap_or("-"),
            one.scheme,
            one.session
        );
    }
    Ok(())
}

async fn listed(args: &LsArgs, config: &Config, store: &Store) -> anyhow::Result<Vec<LiveSession>> {
    let now = SystemClock.now();
    let times = (now.minus(*config.access.sessions.lease.0), now);
    let (mut found, mut after): (Vec<LiveSession>, Option<SessionName>) = (Vec::new(), None);
    loop {
        let which = SessionFilter {
            viewer: args.viewer.as_deref(),
            after: after.as_ref(),
        };
        let page = store.live_sessions(which, times, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        after = page.last().map(|row| row.name.clone());
        let pattern = args.stream.as_ref();
        let rows = page.into_iter();
        let meant = rows.filter(|row| pattern.is_none_or(|pattern| pattern.matches(&row.stream)));
        found.extend(meant.map(LiveSession::from));
        if is_last {
            return Ok(found);
        }
    }
}
