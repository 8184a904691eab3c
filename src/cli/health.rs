//! `hlskey health`: asks the server that runs here whether it is ready.
//!
//! For containers and supervisors, in an image without other tools. Must not know: what being
//! ready takes.

use std::time::Duration;

use anyhow::{Context as _, bail};

use super::ConfigArg;
use crate::config::Config;

/// Shorter than the patience of those who ask regularly.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn run(at: ConfigArg) -> anyhow::Result<()> {
    let config = Config::load(&at.config)?;
    let url = format!("http://{}/readyz", config.server.ops.listen);
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()?;
    let answer = client.get(&url).send().await;
    let answer = answer.with_context(|| format!("nothing answers at {url}"))?;
    let status = answer.status();
    if !status.is_success() {
        bail!("not ready: {status} {}", answer.text().await?);
    }
    println!("ready");
    Ok(())
}
