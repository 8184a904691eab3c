//! `hlskey serve`: the key server.
//!
//! Must not know: what the server answers.

mod reload;

use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio::sync::oneshot;

use super::ConfigArg;
use super::keystore::explained;
use super::memory::keep_private;
use crate::access::Gate;
use crate::access::audit::{Trail, Writer};
use crate::config::Config;
use crate::crypto::KeyRing;
use crate::domain::{SystemClock, SystemEntropy};
use crate::keys::{Keys, KeysError};
use crate::server::{Deps, Page, Server};
use crate::store::Store;
use crate::telemetry::{init_logging, service_ready, service_stopping, shutdown_signal};
use reload::Reloads;

/// `hlskey serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    keep_private()?;
    let path = &args.config.config;
    let config = Config::load(path)?;
    init_logging(&config.log)?;
    let (stop, reloads) = (shutdown_signal()?, Reloads::of(&config)?);
    let store = Store::open(&config.store).await?;
    let (server, gate, keys, writer) = open(&config, store.clone())
        .await
        .and_then(|parts| {
            let (gate, keys) = parts.clone();
            let (trail, writer) = trail(&config, store)?;
            let server = bind(&config, parts, trail, Vec::new())?;
            Ok((server, gate, keys, writer))
        })
        .with_context(|| path.display().to_string())?;
    tracing::info!(
        config = %path.display(),
        address = %server.address(),
        packagers = server.packagers_address().map(tracing::field::display),
        ops = %server.ops_address(),
        "serving keys"
    );
    service_ready("serving keys");
    let stop = async {
        stop.await;
        service_stopping();
        tracing::info!("stopping");
    };
    tokio::select! {
        served = run_with_sweeps(server, &keys, writer, stop) => served?,
        never = gate.keep_keys() => match never {},
        never = reloads.run(Arc::clone(&gate)) => match never {},
    }
    if let Err(error) = gate.live().write().await {
        tracing::warn!(%error, "the last seconds of live sessions are not written down");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Serves, sweeps old keys and writes the audit trail meanwhile, and ends it.
pub(super) async fn run_with_sweeps(
    server: Server,
    keys: &Keys,
    writer: Writer,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let (over, is_over) = oneshot::channel::<()>();
    let served = async {
        let ended = server.run(stop).await;
        drop(over);
        ended
    };
    let last = async { drop(is_over.await) };
    // Nobody's transaction is dropped in the middle while the trail's last rows are written.
    let both = async { tokio::join!(served, writer.run(last)).0 };
    tokio::select! {
        ended = both => Ok(ended?),
        never = keys.sweep_on() => match never {},
    }
}

/// The audit trail in `store`, and who writes it.
pub(super) fn trail(config: &Config, store: Store) -> anyhow::Result<(Arc<Trail>, Writer)> {
    let ring = KeyRing::load(&config.keys.master_keys)?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    Ok(Trail::open(&config.audit, store, ring, clock, entropy))
}

/// The gate and the keys of `config`, on `store`. Refuses to start without a master key that
/// something in the store is sealed under.
pub(super) async fn open(config: &Config, store: Store) -> anyhow::Result<(Arc<Gate>, Arc<Keys>)> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let ring = match KeyRing::load(&config.keys.master_keys) {
        Ok(ring) => ring,
        Err(error) => return Err(explained(error, &store).await),
    };
    let gate = Gate::new(
        &config.access,
        store.clone(),
        clock.clone(),
        entropy.clone(),
    )?;
    let gate = Arc::new(gate.with_masters(KeyRing::load(&config.keys.master_keys)?));
    let keys = Arc::new(Keys::new(&config.keys, store.clone(), ring, clock, entropy));
    gate.live().follow();
    keys.follow(vec![gate.clone()]).await?;
    gate.keep_entitled();
    match keys.ready().await {
        Err(error @ KeysError::Ring(_)) => return Err(explained(error, &store).await),
        ready => ready?,
    }
    Ok((gate, keys))
}

/// The server of `config`, bound and not yet serving.
pub(super) fn bind(
    config: &Config,
    (gate, keys): (Arc<Gate>, Arc<Keys>),
    trail: Arc<Trail>,
    pages: Vec<Page>,
) -> anyhow::Result<Server> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let deps = Deps {
        gate,
        keys,
        clock,
        entropy,
        trail,
        pages,
    };
    Ok(Server::bind(&config.server, deps)?)
}
