//! `hlskey demo`: the whole product on one machine with nothing set up before.
//!
//! Must not know: how any part works inside; it writes a configuration and runs the parts that
//! `serve` and `encrypt` run.

mod certificate;
mod clip;
mod listing;
mod page;
mod restamp;
mod setup;
mod show;
mod source;

#[cfg(test)]
mod playback_tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use tokio::sync::watch;

use super::encrypt::{log, read_credential};
use super::serve;
use crate::access::audit::Writer;
use crate::domain::{StreamId, SystemClock, SystemEntropy};
use crate::encryptor::{self, Containers, Crew, Event, OnLeaseEnd, Options, Sink, Source};
use crate::keys::Keys;
use crate::server::Server;
use crate::telemetry::{init_logging, shutdown_signal};
pub(super) use certificate::DevCertificates;
use setup::Setup;
use source::MASTER;

/// `hlskey demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Where everything is kept; may exist and hold other files.
    #[arg(long, value_name = "DIR", default_value = "hlskey-demo")]
    dir: PathBuf,
    /// Where players connect; port 0 takes the last run's, else any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// How often the key changes.
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = rotation_span)]
    rotate: Duration,
    /// Print one line of JSON when everything is ready, and nothing else.
    #[arg(long)]
    json: bool,
}

/// The stream that the demo publishes.
const STREAM: &str = "demo/clock";
/// How long the first encrypted segments may take on a slow machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

fn rotation_span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    crate::domain::Rotation::every(span)
        .map(|_| span)
        .map_err(|error| error.to_string())
}

pub(super) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let stop = shutdown_signal()?;
    let setup = Setup::prepare(&args.dir, args.listen, args.rotate)
        .await
        .with_context(|| args.dir.display().to_string())?;
    init_logging(&setup.config.log)?;
    let (ending, ended) = watch::channel(false);
    let (gate, keys) = serve::open(&setup.config, setup.store.clone()).await?;
    let registered = setup.register(&gate, &keys).await?;
    let pages = setup.pages(&registered)?;
    let (trail, writer) = serve::trail(&setup.config, setup.store.clone())?;
    let server = serve::bind(&setup.config, (gate, keys.clone()), trail, pages)?;
    let parts = Parts::start(&setup, (server, keys, writer), &ended)?;
    let shown = show::when_ready(&setup, args.json, READY_WITHIN);
    let finished = tokio::select! {
        () = stop => Ok(()),
        failed = parts.first_failure() => Err(failed),
        Err(error) = shown_then_pending(shown) => Err(error),
    };
    // Nobody is left to listen when every part has ended already.
    let _ = ending.send(true);
    parts.joined().await;
    finished
}

/// Showing the addresses ends nothing; failing to show them does.
async fn shown_then_pending(shown: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    shown.await?;
    std::future::pending().await
}

/// The three parts that run until the demo ends.
struct Parts(tokio::sync::Mutex<tokio::task::JoinSet<anyhow::Result<()>>>);

impl Parts {
    fn start(
        setup: &Setup,
        (server, keys, writer): (Server, Arc<Keys>, Writer),
        ended: &watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let mut tasks = tokio::task::JoinSet::new();
        let until = until_ended(ended.clone());
        tasks.spawn(async move {
            let serving = serve::run_with_sweeps(server, &keys, writer, until);
            serving.await.context("the key server")
        });
        let live = source::run(
            setup.source.clone(),
            setup.state.clone(),
            Arc::new(SystemClock),
            until_ended(ended.clone()),
        );
        tasks.spawn(async move { live.await.context("the live source") });
        let encryptor = encryptor::run(
            encryptor_options(setup)?,
            (
                Arc::new(SystemClock),
                Arc::new(SystemEntropy),
                Crew::default(),
            ),
            (log_event, drop),
            until_ended(ended.clone()),
        );
        tasks.spawn(async move { encryptor.await.map(drop).context("the encryptor") });
        Ok(Self(tokio::sync::Mutex::new(tasks)))
    }

    /// Why the demo cannot go on: none of its parts ends by itself.
    async fn first_failure(&self) -> anyhow::Error {
        match self.0.lock().await.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(panic)) => anyhow!(panic),
            Some(Ok(Ok(()))) | None => anyhow!("a part of the demo ended by itself"),
        }
    }

    async fn joined(self) {
        let mut tasks = self.0.into_inner();
        while tasks.join_next().await.is_some() {}
    }
}

async fn until_ended(mut ended: watch::Receiver<bool>) {
    // An error means that the sender is gone, and so is the demo.
    let _ = ended.wait_for(|ended| *ended).await;
}

fn encryptor_options(setup: &Setup) -> anyhow::Result<Options> {
    Ok(Options {
        sink_credentials: Vec::new(),
        stream: stream()?,
        source: Source::Dir(setup.source.clone()),
        recorded: None,
        sinks: vec![Sink::Dir(setup.origin.join(STREAM))],
        server: setup.public_url.clone(),
        ca: Some(setup.certificates.ca.clone()),
        credential: Some(read_credential(&setup.packager)?),
        client_certificate: None,
        once: false,
        instance: Some("demo".to_owned()),
        state: setup.source.with_file_name("encryptor"),
        on_lease_end: OnLeaseEnd::Stall,
        containers: Containers::default(),
        define: None,
        spool: None,
        pull_allow: Vec::new(),
    })
}

fn stream() -> anyhow::Result<StreamId> {
    let Ok(stream) = STREAM.parse() else {
        bail!("{STREAM} is no stream id")
    };
    Ok(stream)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the encryptor hands its events over"
)]
fn log_event(event: Event) {
    log(None, &event);
    tracing::debug!(%event, "encryptor");
}
