//! `hlskey encrypt`: the worker between a packager and an origin.
//!
//! Must not know: playlists or ciphers.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clap::Args;

use super::memory::keep_private;
use crate::crypto::{SecretText, sha256};
use crate::domain::{StreamId, SystemClock, SystemEntropy};
use crate::encryptor::{self, Event, OnLeaseEnd, Options, Severity, Sink, Source};
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
    /// The source is an encrypted recording of this stream: it is opened with the stream's keys, and
    /// encrypted anew.
    #[arg(long, value_name = "STREAM")]
    recorded: Option<StreamId>,
    /// Where the encrypted HLS goes: `dir:PATH`, a folder outside the source. May be repeated.
    #[arg(long = "sink", value_name = "KIND:PLACE", required = true)]
    sinks: Vec<Sink>,
    /// The key server, `https://…`.
    #[arg(long, value_name = "URL")]
    server: String,
    /// Trust this CA besides the public ones (PEM).
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The packager's credential: one line in a file.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "client_certificate"
    )]
    credential_file: Option<PathBuf>,
    /// A certificate and its private key (PEM), for a server's listener that asks for one.
    #[arg(long, value_name = "FILE")]
    client_certificate: Option<PathBuf>,
    /// Encrypt what is there, to the end of each playlist, and stop.
    #[arg(long)]
    once: bool,
    /// Print events as JSON lines on standard output.
    #[arg(long)]
    json: bool,
    /// Names this worker at the key server; by default made up once and kept in the state folder.
    #[arg(long, value_name = "NAME", value_parser = instance)]
    instance: Option<String>,
    /// Keeps the leased keys, sealed, so that a restart can do without the key server; each worker
    /// has a folder of its own, outside of source and sink and of all that a web server serves. By
    /// default one below ~/.local/state/hlskey.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// When the lease has ended and the key server is away: `stall`, or `hold` the last key.
    #[arg(long, value_name = "WHAT", default_value = "stall")]
    on_lease_end: OnLeaseEnd,
}

pub(super) async fn run(args: EncryptArgs) -> anyhow::Result<()> {
    keep_private()?;
    init_logging(&LogConfig::default())?;
    let stop = shutdown_signal()?;
    let print = if args.json { print_json } else { print_text };
    let options = options(args)?;
    service_ready(&format!("encrypting {}", options.stream));
    let stop = async {
        stop.await;
        service_stopping();
    };
    let events = move |event: Event| {
        log(&event);
        print(event);
    };
    let summary = encryptor::run(
        options,
        (Arc::new(SystemClock), Arc::new(SystemEntropy)),
        events,
        stop,
    )
    .await?;
    tracing::debug!(?summary, "done");
    Ok(())
}

fn options(args: EncryptArgs) -> anyhow::Result<Options> {
    let credential = args.credential_file.as_deref().map(read_credential);
    let state = match args.state {
        Some(state) => state,
        None => default_state(&args.stream, &args.sinks)?,
    };
    Ok(Options {
        stream: args.stream,
        source: args.source,
        recorded: args.recorded,
        sinks: args.sinks,
        server: args.server,
        ca: args.ca,
        credential: credential.transpose()?,
        client_certificate: args.client_certificate,
        once: args.once,
        instance: args.instance,
        state,
        on_lease_end: args.on_lease_end,
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

/// How much of a stream's name a state folder's has.
const MAX_NAME: usize = 200;

/// A folder of the user's own for each stream and its first sink: who restarts the same job finds
/// it again.
fn default_state(stream: &StreamId, sinks: &[Sink]) -> anyhow::Result<PathBuf> {
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let home =
        home.context("there is no home folder: say where to keep the ledger with --state")?;
    let sink = match sinks.first() {
        Some(Sink::Dir(path)) => {
            let path = encryptor::resolved(path).with_context(|| path.display().to_string())?;
            path.into_os_string()
        }
        Some(elsewhere) => elsewhere.to_string().into(),
        None => OsString::new(),
    };
    let folder = folder_of(stream, &sink);
    Ok(home.join(".local/state/hlskey/encrypt").join(folder))
}

/// The stream's name, as far as a file's name holds it, and what tells it and the sink from others.
fn folder_of(stream: &StreamId, sink: &OsStr) -> String {
    let plain = stream.as_str().replace('/', "+");
    let name: String = plain.chars().take(MAX_NAME).collect();
    let rest = &plain.as_bytes()[name.len()..];
    let [a, b, c, d, ..] = sha256(&[sink.as_bytes(), rest].concat());
    let digits = u32::from_be_bytes([a, b, c, d]);
    format!("{name}-{digits:08x}")
}

/// What matters to an operator stands in the log as well, where alerts are made of it.
pub(super) fn log(event: &Event) {
    match event.severity() {
        Severity::Alarm => tracing::error!("{event}"),
        Severity::Warning => tracing::warn!("{event}"),
        Severity::Normal => {}
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stream_and_sink_has_a_state_folder_of_its_own() {
        let state = |stream: &str, sink: &str| {
            let sink = Sink::Dir(sink.into());
            default_state(&stream.parse().unwrap(), &[sink]).unwrap()
        };
        let one = state("live/a", "/out/a");
        assert_eq!(state("live/a", "/out/a"), one, "found again");
        assert_ne!(state("live/a", "/out/b"), one, "a redundant worker");
        assert_ne!(state("live/b", "/out/a"), one);
        let name = one.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("live+a-") && name.len() == 15, "{name}");
        assert!(one.is_absolute());
        let long = [
            "a".repeat(64),
            "b".repeat(64),
            "c".repeat(64),
            "d".repeat(64),
        ]
        .join("/");
        let [one, two] = ["e", "f"].map(|last| state(&format!("{long}/{last}"), "/out/a"));
        assert!(
            one.file_name().unwrap().len() <= 255 && one != two,
            "{one:?}"
        );
    }

    #[test]
    fn a_sink_has_one_state_folder_however_it_is_spelt() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
        let state = |sink: &str| {
            let sink = Sink::Dir(dir.path().join(sink));
            default_state(&"live/a".parse().unwrap(), &[sink]).unwrap()
        };
        let before = state("real/out");
        std::fs::create_dir(dir.path().join("real/out")).unwrap();
        for spelt in ["real/out", "link/out", "real/../link/./out/"] {
            assert_eq!(state(spelt), before, "{spelt}");
        }
        assert_ne!(state("link"), before);
    }

    #[test]
    fn a_name_is_one_that_the_server_takes() {
        assert_eq!(instance("studio-1_a.b"), Ok("studio-1_a.b".to_owned()));
        for bad in ["", "a b", "a/b", "\u{e9}", &"a".repeat(65)] {
            assert!(instance(bad).is_err(), "{bad:?}");
        }
    }
}
