//! `hlskey encrypt`: the worker between a packager and an origin.
//!
//! Must not know: playlists or ciphers.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::crypto::SecretText;
use crate::domain::{StreamId, SystemClock};
use crate::encryptor::{self, Event, Options, Sink, Source};
use crate::telemetry::{LogConfig, init_logging, service_ready, service_stopping, shutdown_signal};

/// `hlskey encrypt`.
#[derive(Debug, Args)]
pub(super) struct EncryptArgs {
    /// The stream's name at the key server.
    #[arg(long, value_name = "STREAM")]
    stream: StreamId,
    /// Where the clear HLS is: `dir:PATH`, a folder that any packager writes to.
    #[arg(long, value_name = "KIND:PLACE")]
    source: Source,
    /// Where the encrypted HLS goes: `dir:PATH`, a folder outside the source.
    #[arg(long, value_name = "KIND:PLACE")]
    sink: Sink,
    /// The key server, `https://…`.
    #[arg(long, value_name = "URL")]
    server: String,
    /// Trust this CA besides the public ones (PEM).
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The packager's credential: one line in a file.
    #[arg(long, value_name = "FILE")]
    credential_file: PathBuf,
    /// Encrypt what is there, to the end of each playlist, and stop.
    #[arg(long)]
    once: bool,
    /// Print events as JSON lines on standard output.
    #[arg(long)]
    json: bool,
    /// Names this worker at the key server; by default drawn from host and process.
    #[arg(long, value_name = "NAME", value_parser = instance)]
    instance: Option<String>,
}

pub(super) async fn run(args: EncryptArgs) -> anyhow::Result<()> {
    init_logging(&LogConfig::default())?;
    let stop = shutdown_signal()?;
    let print = if args.json { print_json } else { print_text };
    let options = options(args)?;
    service_ready(&format!("encrypting {}", options.stream));
    let stop = async {
        stop.await;
        service_stopping();
    };
    let summary = encryptor::run(options, Arc::new(SystemClock), print, stop).await?;
    tracing::debug!(?summary, "done");
    Ok(())
}

fn options(args: EncryptArgs) -> anyhow::Result<Options> {
    let credential = read_credential(&args.credential_file)?;
    Ok(Options {
        stream: args.stream,
        source: args.source,
        sink: args.sink,
        server: args.server,
        ca: args.ca,
        credential,
        once: args.once,
        instance: args.instance.unwrap_or_else(default_instance),
    })
}

/// A name that the key server takes.
fn instance(text: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let is_name = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
    match is_name {
        true => Ok(text.to_owned()),
        false => Err("a name is 1 to 64 of A-Z a-z 0-9 . _ -".to_owned()),
    }
}

/// One line, without its end.
pub(super) fn read_credential(path: &Path) -> anyhow::Result<SecretText> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let line = text.trim();
    ensure!(
        !line.is_empty() && !line.contains('\n'),
        "{}: holds not one line",
        path.display()
    );
    Ok(SecretText::new(line.to_owned()))
}

/// The host's name and the process: two workers of one stream differ, a restarted one too.
fn default_instance() -> String {
    let host = fs::read_to_string("/etc/hostname").unwrap_or_default();
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let host: String = host.trim().chars().filter(allowed).take(48).collect();
    format!(
        "{}-{}",
        if host.is_empty() { "host" } else { &host },
        std::process::id()
    )
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the encryptor hands its events over"
)]
fn print_json(event: Event) {
    let line = serde_json::to_string(&event).unwrap_or_default();
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the encryptor hands its events over"
)]
fn print_text(event: Event) {
    let _ = writeln!(std::io::stdout(), "{event}");
}
