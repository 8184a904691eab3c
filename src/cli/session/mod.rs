//! `hlskey session …`: viewers' sessions, as the store has them.
//!
//! Must not know: how a session is verified.

mod ls;
mod revoke;

use clap::Subcommand;

/// `hlskey session …`.
#[derive(Debug, Subcommand)]
pub(super) enum SessionCommand {
    /// List the live sessions; what servers saw in the last five seconds may be missing.
    Ls(ls::LsArgs),
    /// Refuse a session from now on, and say until when its picture may go on.
    Revoke(revoke::RevokeArgs),
}

pub(super) async fn run(command: SessionCommand) -> anyhow::Result<()> {
    match command {
        SessionCommand::Ls(args) => ls::run(&args).await,
        SessionCommand::Revoke(args) => revoke::run(args).await,
    }
}
