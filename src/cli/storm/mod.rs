//! `hlskey storm`: many players around a key rotation, at a server that runs.
//!
//! Each player has a name, a token and a TLS connection of its own, and looks for new segments once
//! a target duration, as players reload a playlist; all of them therefore want a new key within
//! one. Must not know: how the server decides or where it keeps keys.

mod line;
mod player;
mod report;
mod schedule;
mod share;
mod stage;
mod target;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::{Args, value_parser};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::sleep;

use super::ConfigArg;
use crate::domain::{Entropy as _, Rendition, StreamId, SystemEntropy};
use crate::telemetry::shutdown_signal;
use share::Share;
use stage::Stage;
use target::Target;

/// `hlskey storm`.
#[derive(Debug, Args)]
pub(super) struct StormArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The stream whose players they are; it must be registered.
    #[arg(long, value_name = "STREAM")]
    stream: StreamId,
    /// Whose keys they want, where each rendition has its own.
    #[arg(long, value_name = "PATH")]
    rendition: Option<Rendition>,
    /// How many players. At a server on this machine each has an address of its own; elsewhere all
    /// have this machine's, of which a server takes `server.connections_per_address`.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = value_parser!(u32).range(1..=MOST_PLAYERS))]
    players: u32,
    /// How often a player looks for new segments. A new key is wanted by all within so long, and
    /// missed by a player that has waited for it so long.
    #[arg(long, value_name = "SPAN", default_value = "6s")]
    target_duration: humantime::Duration,
    /// How many keep no key, as VHS does, and ask for it again with each segment.
    #[arg(long, value_name = "PERCENT", default_value = "20%")]
    without_cache: Share,
    /// How many rotations to wait for.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=1000))]
    rotations: u32,
    /// Cut to a new key each time, as `hlskey stream rotate` does, instead of waiting for the
    /// stream's own rotation.
    #[arg(long)]
    rotate: bool,
    /// All players are this viewer, instead of one each.
    #[arg(long, value_name = "NAME", conflicts_with = "token_file")]
    subject: Option<String>,
    /// Another server than the configuration's, which is then not read.
    #[arg(long, value_name = "URL", requires_all = ["token_file", "credential_file"])]
    server: Option<String>,
    /// Trust this CA besides the public ones (PEM).
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Viewers' tokens, one a line, shared out among the players; without it, tokens are signed
    /// with the configuration's key.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A packager's credential, to read the schedule (`lease`, and `rotate` with --rotate);
    /// without it, one is added to the configuration's store and removed at the end.
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
    /// The server's metrics, to count its questions to the entitlement source; with a
    /// configuration, its ops listener's.
    #[arg(long, value_name = "URL")]
    metrics: Option<String>,
    /// Repeats a run's arrivals; each run prints its own.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Give up if it is not over by then; tokens and credential live little longer.
    #[arg(long, value_name = "SPAN", default_value = "1h")]
    at_most: humantime::Duration,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

/// A worker of the server takes no more connections.
const MOST_PLAYERS: i64 = 20_000;
/// Files besides the players' connections.
const SPARE_FILES: u64 = 100;
/// A shorter target duration would measure the machine's timers.
const SHORTEST: Duration = Duration::from_millis(100);

pub(super) async fn run(args: StormArgs) -> anyhow::Result<()> {
    ensure!(
        *args.target_duration >= SHORTEST,
        "the target duration is at least 100ms"
    );
    let stop = shutdown_signal()?;
    raise_file_limit(u64::from(args.players) + SPARE_FILES)?;
    let mut target = Target::find(&args).await?;
    let report = tokio::select! {
        report = storm(&args, &target) => report,
        () = stop => Err(anyhow::anyhow!("interrupted")),
        () = sleep(args.at_most.into()) => Err(anyhow::anyhow!("not over within {}", args.at_most)),
    };
    target.leave().await?;
    let report = report?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    match report.missed {
        0 => Ok(()),
        missed => bail!("{missed} keys were missed"),
    }
}

async fn storm(args: &StormArgs, target: &Target) -> anyhow::Result<report::Report> {
    let seed = args.seed.unwrap_or_else(new_seed);
    eprintln!(
        "{} players of {}, arrivals spread over {}, seed {seed}",
        args.players, args.stream, args.target_duration
    );
    let before = target.lookups().await?;
    let tally = Stage::set(args, target, seed).await?.play().await?;
    // What was measured is told even if the server is gone by now.
    let after = target.lookups().await.unwrap_or_default();
    // A server that was started again meanwhile counts from zero.
    let lookups = after
        .zip(before)
        .and_then(|(after, before)| after.checked_sub(before));
    Ok(report::Report::new(args, seed, &tally, lookups))
}

fn new_seed() -> u64 {
    let mut bytes = [0; 4];
    SystemEntropy.fill(&mut bytes);
    u32::from_le_bytes(bytes).into()
}

/// Each player's connection is a file.
fn raise_file_limit(needed: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let suffices = |limit: Option<u64>| limit.is_none_or(|files| files >= needed);
    if suffices(limit.current) {
        return Ok(());
    }
    ensure!(
        suffices(limit.maximum),
        "{needed} open files are needed and {} allowed: raise `ulimit -Hn`, or have fewer players",
        limit.maximum.unwrap_or_default()
    );
    let current = Some(needed);
    setrlimit(Resource::Nofile, Rlimit { current, ..limit })?;
    Ok(())
}
