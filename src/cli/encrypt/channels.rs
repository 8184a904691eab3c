//! Runs channels side by side: none of them ends another, and what they measure is shown.
//!
//! Must not know: what a channel does.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::bar::Bar;
use super::print::{log, print};
use crate::domain::{StreamId, SystemClock, SystemEntropy, Timestamp};
use crate::encryptor::{self, Board, Crew, EncryptorError, Event, Options, Source, Status};
use crate::server::{self, Ingest};
use crate::telemetry::{ChannelSample, render_channels, service_ready, service_stopping};

/// How channels are run.
pub(super) struct Channels {
    /// They come from a file: each is told apart, and begun again when it ends with an error.
    pub(super) many: bool,
    pub(super) json: bool,
    pub(super) metrics: Option<SocketAddr>,
    /// Where packagers send to.
    pub(super) listeners: Vec<Ingest>,
}

/// What the channels that run say of themselves.
type Boards = Arc<Mutex<Vec<Board>>>;

/// A channel that ended with an error is begun again after this.
const AGAIN: Duration = Duration::from_secs(10);

impl Channels {
    /// Runs them until `stop`, or until all have ended.
    pub(super) async fn run(
        mut self,
        jobs: Vec<Options>,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let boards = Boards::default();
        let server = self.expose(&boards)?;
        let listeners = std::mem::take(&mut self.listeners).into_iter();
        let taken = try_join_all(listeners.map(Ingest::run));
        let stopping = watch::Sender::new(false);
        let mut running = self.start(jobs, &boards, &stopping);
        let ended = async {
            let mut failed = None;
            while let Some(ended) = running.join_next().await {
                failed = failed.or(ended.map_err(anyhow::Error::from).and_then(|e| e).err());
            }
            failed.map_or(Ok(()), Err)
        };
        let stop = async {
            stop.await;
            service_stopping();
            stopping.send_replace(true);
            pending::<Infallible>().await
        };
        let shown = async {
            match server {
                Some(server) => server.await.context("the metrics listener"),
                None => pending().await,
            }
        };
        tokio::select! {
            ended = ended => ended,
            never = stop => match never {},
            shown = shown => shown,
            Err(error) = taken => Err(error).context("packagers' listener"),
        }
    }

    fn start(
        &self,
        jobs: Vec<Options>,
        boards: &Boards,
        stopping: &watch::Sender<bool>,
    ) -> JoinSet<anyhow::Result<()>> {
        let names: Vec<&str> = jobs.iter().map(|job| job.stream.as_str()).collect();
        service_ready(&format!("encrypting {}", names.join(", ")));
        let (many, json, crew) = (self.many, self.json, Crew::default());
        let mut running = JoinSet::new();
        for options in jobs {
            let channel = One {
                name: many.then(|| options.stream.clone()),
                json,
                crew: crew.clone(),
                boards: boards.clone(),
                stopping: stopping.subscribe(),
            };
            running.spawn(channel.run(options));
        }
        running
    }

    fn expose(
        &self,
        boards: &Boards,
    ) -> anyhow::Result<Option<impl Future<Output = io::Result<()>> + use<>>> {
        let Some(at) = self.metrics else {
            return Ok(None);
        };
        let boards = boards.clone();
        let text = move || {
            let boards = boards.lock().unwrap_or_else(PoisonError::into_inner);
            let all: Vec<Status> = boards.iter().map(Board::status).collect();
            render_channels(all.iter().map(|one| sample(one, &all)).collect())
        };
        let server = server::expose(at, Arc::new(text));
        server.map(Some).with_context(|| format!("metrics at {at}"))
    }
}

/// One channel.
struct One {
    /// `None` if it is the only one.
    name: Option<StreamId>,
    json: bool,
    crew: Crew,
    boards: Boards,
    stopping: watch::Receiver<bool>,
}

impl One {
    async fn run(self, options: Options) -> anyhow::Result<()> {
        loop {
            let ended = self.run_once(options.clone()).await;
            match (ended, &self.name) {
                (Ok(()), _) => return Ok(()),
                (Err(error), Some(name)) if !options.once => {
                    let reason = format!("{:#}", anyhow::Error::from(error));
                    tracing::error!(channel = %name, reason, "the channel ended, and is begun again");
                }
                (Err(error), Some(name)) => {
                    return Err(anyhow::Error::from(error).context(name.to_string()));
                }
                (Err(error), None) => return Err(error.into()),
            }
            tokio::select! {
                () = sleep(AGAIN) => {}
                () = stopped(self.stopping.clone()) => return Ok(()),
            }
        }
    }

    async fn run_once(&self, options: Options) -> Result<(), EncryptorError> {
        let (name, json) = (self.name.clone(), self.json);
        // One bar for one finished asset; its events tell programs the same.
        let is_asset = matches!(options.source, Source::Vod(_));
        let bar = match name.is_none() && !json && is_asset {
            true => Bar::new(),
            false => Bar::default(),
        };
        let events = move |event: Event| {
            log(name.as_ref(), &event);
            if !bar.shows(&event) {
                bar.suspend(|| print(name.as_ref(), &event, json));
            }
        };
        let boards = self.boards.clone();
        let hang = move |board: Board| {
            let mut boards = boards.lock().unwrap_or_else(PoisonError::into_inner);
            boards.retain(|other| !other.is_of(&board));
            boards.push(board);
        };
        let summary = encryptor::run(
            options,
            (
                Arc::new(SystemClock),
                Arc::new(SystemEntropy),
                self.crew.clone(),
            ),
            (events, hang),
            stopped(self.stopping.clone()),
        )
        .await?;
        tracing::debug!(?summary, "done");
        Ok(())
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// What is measured of one of `all` channels.
fn sample(status: &Status, all: &[Status]) -> ChannelSample {
    let same = all.iter().filter(|other| other.stream == status.stream);
    let last_error = status.last_error.as_ref();
    let left = status.lease_left_ms.map(Duration::from_millis);
    ChannelSample {
        stream: status.stream.0.to_string(),
        encryptor: (same.count() > 1).then(|| status.instance.clone()),
        lag: status.lag().as_secs_f64(),
        lease_left: left.map(|left| left.as_secs_f64()),
        period: status.renditions.iter().filter_map(|one| one.period).max(),
        stalled: status.stalled() as u64,
        last_error: last_error.map(|last| (last.kind.clone(), seconds(last.at.0))),
        segments: status.segments,
        bytes: status.bytes,
    }
}

/// Since the Unix epoch.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of this age have 41 bits"
)]
fn seconds(time: Timestamp) -> f64 {
    time.millis() as f64 / 1000.0
}
