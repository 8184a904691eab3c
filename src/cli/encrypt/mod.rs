//! `hlskey encrypt`: the worker between packagers and origins, of one channel or of many.
//!
//! Must not know: playlists or ciphers.

mod bar;
mod channels;
mod print;
mod push;
mod state;
mod status;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;

use super::memory::keep_private;
use crate::config::{Channel, Encrypt};
use crate::crypto::{SecretText, private_file};
use crate::encryptor::{Containers, Options, Spool, SpoolLimits, apart};
use crate::server::Ingest;
use crate::telemetry::{LogConfig, init_logging, shutdown_signal};

use self::channels::Channels;
pub(super) use self::print::log;

/// What one channel is told by flags, a file tells for each; together one would be ignored.
const CHANNELS_OWN: [&str; 24] = [
    "stream",
    "source",
    "recorded",
    "sinks",
    "sink_credential_files",
    "server",
    "ca",
    "credential_file",
    "client_certificate",
    "instance",
    "state",
    "on_lease_end",
    "map",
    "byteranges",
    "iframes",
    "session_key",
    "define",
    "low_latency",
    "spool_limit",
    "pull_allow",
    "listen",
    "certificate",
    "private_key",
    "push_credential_file",
];

/// `hlskey encrypt`.
#[derive(Debug, Args)]
pub(super) struct EncryptArgs {
    #[command(flatten)]
    channel: Channel,
    /// Take the channels from `[encrypt]` of this file instead of one from flags.
    #[arg(
        long,
        value_name = "FILE",
        env = "HLSKEY_ENCRYPT_CONFIG",
        conflicts_with_all = CHANNELS_OWN
    )]
    config: Option<PathBuf>,
    /// Encrypt what is there, to the end of each playlist, and stop.
    #[arg(long)]
    once: bool,
    /// Show how the channels of this machine are doing, and stop.
    #[arg(long, conflicts_with_all = ["once", "stream"])]
    status: bool,
    /// Show metrics at `http://ADDR/metrics`, for Prometheus, and `/healthz`; a loopback address.
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Print events as JSON lines on standard output; with --status, a list of objects.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: EncryptArgs) -> anyhow::Result<()> {
    if args.status {
        return status::print(&folders(&args)?, args.json);
    }
    keep_private()?;
    init_logging(&LogConfig::default())?;
    let stop = shutdown_signal()?;
    let (jobs, listeners, metrics) = jobs(&args)?;
    let channels = Channels {
        listeners,
        many: args.config.is_some(),
        json: args.json,
        metrics: args.metrics.or(metrics),
    };
    channels.run(jobs, stop).await
}

/// What each channel is told, where packagers send to, and where the file wants metrics.
type Jobs = (Vec<Options>, Vec<Ingest>, Option<SocketAddr>);

fn jobs(args: &EncryptArgs) -> anyhow::Result<Jobs> {
    let Some(path) = &args.config else {
        let own = options(&args.channel, &state::home, args.once)?;
        let jobs = vec![own];
        let listeners = push::listeners(&[&args.channel], &jobs)?;
        return Ok((jobs, listeners, None));
    };
    let Encrypt {
        metrics,
        state,
        channels,
    } = Encrypt::load(path)?;
    let parent = || state.clone().map_or_else(state::home, Ok);
    let jobs = channels.iter().map(|channel| {
        let name = channel
            .stream
            .as_ref()
            .map_or("a channel", |name| name.as_str());
        options(channel, &parent, args.once).with_context(|| name.to_owned())
    });
    let jobs: Vec<Options> = jobs.collect::<Result<_, _>>()?;
    apart(&jobs)?;
    let all: Vec<&Channel> = channels.iter().collect();
    let listeners = push::listeners(&all, &jobs)?;
    Ok((jobs, listeners, metrics))
}

/// Where the channels that are asked about say how they are doing.
fn folders(args: &EncryptArgs) -> anyhow::Result<Vec<PathBuf>> {
    if let Some(folder) = &args.channel.state {
        return Ok(vec![folder.clone()]);
    }
    match &args.config {
        None => Ok(vec![state::home()?]),
        Some(path) => {
            let Encrypt {
                state, channels, ..
            } = Encrypt::load(path)?;
            let parent = || state.clone().map_or_else(state::home, Ok);
            channels
                .iter()
                .map(|channel| folder(channel, &parent))
                .collect()
        }
    }
}

type Parent<'a> = &'a dyn Fn() -> anyhow::Result<PathBuf>;

fn folder(channel: &Channel, parent: Parent<'_>) -> anyhow::Result<PathBuf> {
    match (&channel.state, &channel.stream) {
        (Some(state), _) => Ok(state.clone()),
        (None, Some(stream)) => state::folder(&parent()?, stream, &channel.sinks),
        (None, None) => anyhow::bail!("stream is missing"),
    }
}

fn options(channel: &Channel, parent: Parent<'_>, once: bool) -> anyhow::Result<Options> {
    let credential = channel.credential_file.as_deref().map(read_credential);
    ensure!(
        credential.is_some() || channel.client_certificate.is_some(),
        "credential_file is missing"
    );
    ensure!(!channel.sinks.is_empty(), "sink is missing");
    let sink_credentials = channel.sink_credential_files.iter();
    let sink_credentials = sink_credentials.map(|path| read_credential(path));
    let options = Options {
        state: folder(channel, parent)?,
        stream: channel.stream.clone().context("stream is missing")?,
        source: channel.source.clone().context("source is missing")?,
        recorded: channel.recorded.clone(),
        sinks: channel.sinks.clone(),
        sink_credentials: sink_credentials.collect::<anyhow::Result<_>>()?,
        server: channel.server.clone().context("server is missing")?,
        ca: channel.ca.clone(),
        credential: credential.transpose()?,
        client_certificate: channel.client_certificate.clone(),
        once,
        instance: channel.instance.clone(),
        on_lease_end: channel.on_lease_end.unwrap_or_default(),
        containers: Containers {
            map: channel.map.unwrap_or_default(),
            byteranges: channel.byteranges.unwrap_or_default(),
            iframes: channel.iframes.unwrap_or_default(),
            session_key: channel.session_key,
            serving: channel.low_latency.unwrap_or_default().0,
        },
        define: channel.define.clone(),
        spool: None,
        pull_allow: channel.pull_allow.clone(),
    };
    let spooled = channel.spool_limit.unwrap_or(SPOOLED_MIB);
    ensure!(
        (1..=MOST_MIB).contains(&spooled),
        "spool_limit is 1 to {MOST_MIB} MiB"
    );
    let spool = options.source.is_spooled().then(|| {
        let limits = SpoolLimits {
            bytes: spooled << 20,
            files: SPOOLED_FILES,
        };
        Spool::open(&options, limits)
    });
    let spool = spool.transpose()?;
    Ok(Options { spool, ..options })
}

/// So much clear media may wait to be encrypted, in MiB.
const SPOOLED_MIB: u64 = 4096;
/// What can be counted in bytes, and no disk has.
const MOST_MIB: u64 = 1 << 30;
/// So many files.
const SPOOLED_FILES: u64 = 100_000;

/// One line, without its end. A file that is open to all is read with a warning: what mounts secrets into containers
/// makes them so.
pub(super) fn read_credential(path: &Path) -> anyhow::Result<SecretText> {
    if private_file::is_open_to_all(path) {
        let file = path.display();
        tracing::warn!(%file, "everybody on this machine can read the credential: chmod 600");
    }
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let line = text.trim();
    ensure!(
        !line.is_empty() && !line.contains('\n'),
        "{}: holds not one line",
        path.display()
    );
    Ok(SecretText::new(line.to_owned()))
}
