//! `hlskey import …`: takes over what another server has.
//!
//! Must not know: how any of them writes it down.

mod wowza;

use clap::Subcommand;

/// `hlskey import …`.
#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Take over a Wowza installation's keys, `SecureToken` settings and publishers.
    Wowza(wowza::WowzaArgs),
}

pub(super) async fn run(command: ImportCommand) -> anyhow::Result<()> {
    match command {
        ImportCommand::Wowza(args) => wowza::run(&args).await,
    }
}
