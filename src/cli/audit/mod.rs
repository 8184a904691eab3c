//! `hlskey audit …`: the audit trail, read and verified.
//!
//! Must not know: what binds rows.

mod verify;

use std::process::ExitCode;

use clap::Subcommand;

/// `hlskey audit …`.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Say whether every row of the trail is there as it was written. Ends with 0 or 1.
    Verify(verify::VerifyArgs),
}

pub(super) async fn run(command: AuditCommand) -> anyhow::Result<ExitCode> {
    match command {
        AuditCommand::Verify(args) => verify::run(&args).await,
    }
}
