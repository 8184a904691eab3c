//! SIGHUP: who gets in is decided by the configuration as the file says it then.
//!
//! Must not know: what the configuration says.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

use crate::access::Gate;
use crate::config::Config;

/// What is read anew; the rest of the file counts at the next start.
const RELOADED: [&str; 5] = [
    "schemes",
    "client_certificates",
    "users",
    "policies",
    "outbound",
];

/// Reads the configuration again at each SIGHUP. Before there is one, the signal ends the process.
pub(super) struct Reloads {
    hangups: Signal,
    path: PathBuf,
    started: Config,
}

impl Reloads {
    /// Of the configuration that the server starts with, from now on.
    pub(super) fn of(started: &Config) -> io::Result<Self> {
        Ok(Self {
            hangups: signal(SignalKind::hangup())?,
            path: started.path().to_owned(),
            started: started.clone(),
        })
    }

    /// Gives `gate` what the file says. What is wrong changes nothing, and is told. Never ends.
    pub(super) async fn run(mut self, gate: Arc<Gate>) -> Infallible {
        // The one that the server starts with is the first.
        let mut version = 1_u64;
        loop {
            if self.hangups.recv().await.is_none() {
                return std::future::pending().await;
            }
            match self.read(&gate).await {
                Ok(config) => {
                    version += 1;
                    tracing::info!(version, "the configuration is read anew");
                    self.tell_of_restart(&config);
                }
                Err(error) => {
                    let cause = format!("{error:#}");
                    tracing::error!(
                        version,
                        error = cause,
                        "the configuration is not taken; the one before stays in force"
                    );
                }
            }
        }
    }

    async fn read(&self, gate: &Arc<Gate>) -> anyhow::Result<Config> {
        let (path, gate) = (self.path.clone(), Arc::clone(gate));
        // Files may lie on a disk that is slow or away.
        spawn_blocking(move || {
            let config = Config::load(&path)?;
            gate.reload(&config.access)?;
            Ok(config)
        })
        .await?
    }

    fn tell_of_restart(&self, config: &Config) {
        let mut others = self.started.sections_unlike(config);
        others.retain(|section| !RELOADED.contains(&section.as_str()));
        if !others.is_empty() {
            let sections = others.join(", ");
            tracing::warn!(sections, "changes in these sections need a restart");
        }
    }
}
