//! `hlskey token …`: viewers' tokens, made and judged.
//!
//! Must not know: token formats.

mod asked;
mod explain;
mod mint;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

/// `hlskey token …`.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Print a token that opens the given streams on the server of this configuration.
    Mint(mint::MintArgs),
    /// Say whether a URL would be let through by a scheme, and why not. Ends with 0 or 1.
    Verify(verify::VerifyArgs),
    /// Say the same, and what the signer of a URL that is not let through did otherwise.
    Explain(explain::ExplainArgs),
}

pub(super) async fn run(command: TokenCommand) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::Mint(args) => mint::run(&args).map(|()| ExitCode::SUCCESS),
        TokenCommand::Verify(args) => verify::run(&args).await,
        TokenCommand::Explain(args) => explain::run(&args).await,
    }
}
