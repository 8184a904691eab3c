//! `hlskey serve`: the key server.
//!
//! Must not know: what the server answers.

use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::ConfigArg;
use crate::access::Gate;
use crate::config::Config;
use crate::crypto::KeyRing;
use crate::domain::{SystemClock, SystemEntropy};
use crate::keys::Keys;
use crate::server::{Deps, Page, Server};
use crate::store::Store;
use crate::telemetry::{init_logging, shutdown_signal};

/// `hlskey serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let path = &args.config.config;
    let config = Config::load(path)?;
    init_logging(&config.log)?;
    let stop = shutdown_signal()?;
    let store = Store::open(&config.store).await?;
    let server = assemble(&config, store, Vec::new())
        .await
        .with_context(|| path.display().to_string())?;
    tracing::info!(
        config = %path.display(),
        address = %server.address(),
        ops = %server.ops_address(),
        "serving keys"
    );
    server.run(stop).await?;
    tracing::info!("stopped");
    Ok(())
}

/// The server of `config` on `store`, bound and not yet serving.
pub(super) async fn assemble(
    config: &Config,
    store: Store,
    pages: Vec<Page>,
) -> anyhow::Result<Server> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let ring = KeyRing::load(&config.keys.master_keys)?;
    let gate = Gate::new(&config.access, store.clone(), clock.clone())?;
    let keys = Keys::new(&config.keys, store, ring, clock.clone(), entropy.clone());
    keys.ready().await?;
    let deps = Deps {
        gate: Arc::new(gate),
        keys: Arc::new(keys),
        clock,
        entropy,
        pages,
    };
    Ok(Server::bind(&config.server, deps)?)
}
