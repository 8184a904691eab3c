//! `hlskey token mint`: viewers' tokens for testing and for small sites without an issuer.
//!
//! Must not know: token formats; `access` signs.

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::ConfigArg;
use super::span::SignedSpan;
use crate::access::mint;
use crate::config::Config;
use crate::domain::{Clock as _, StreamPattern, SystemClock};

/// `hlskey token …`.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Print a token that opens the given streams on the server of this configuration.
    Mint(MintArgs),
}

/// `hlskey token mint`.
#[derive(Debug, Args)]
pub(super) struct MintArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The stream, or a pattern; may be given several times.
    #[arg(long = "stream", value_name = "STREAM", required = true)]
    streams: Vec<StreamPattern>,
    /// The viewer.
    #[arg(long, value_name = "NAME", default_value = "viewer")]
    subject: String,
    /// How long it lasts; a negative span makes an expired one.
    #[arg(
        long,
        value_name = "SPAN",
        default_value = "1h",
        allow_hyphen_values = true
    )]
    ttl: SignedSpan,
}

pub(super) fn run(command: &TokenCommand) -> anyhow::Result<()> {
    let TokenCommand::Mint(args) = command;
    let config = Config::load(&args.config.config)?;
    let now = SystemClock.now();
    let expires = args.ttl.from(now);
    let issued = now.min(expires);
    let token = mint::viewer_token(
        &config.access,
        &args.streams,
        &args.subject,
        issued,
        expires,
    )
    .with_context(|| args.config.config.display().to_string())?;
    println!("{}", token.expose());
    Ok(())
}
