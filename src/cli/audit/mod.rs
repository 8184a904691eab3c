//! `hlskey audit …`: the audit trail, read and verified.
//!
//! Must not know: what binds rows.

mod ls;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

/// `hlskey audit …`.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Print rows of the trail.
    Ls(ls::LsArgs),
    /// Say whether every row of the trail is there as it was written. Ends with 0 or 1.
    Verify(verify::VerifyArgs),
}

pub(super) async fn run(command: AuditCommand) -> anyhow::Result<ExitCode> {
    match command {
        AuditCommand::Ls(args) => ls::run(&args).await.map(|()| ExitCode::SUCCESS),
        AuditCommand::Verify(args) => verify::run(&args).await,
    }
}
