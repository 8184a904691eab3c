//! `hlskey session revoke`: `hlskey revoke --session`, where one looks for it.
//!
//! Must not know: what a revocation does.

use clap::Args;

use crate::api::RevocationRequest;
use crate::cli::ConfigArg;
use crate::cli::revoke::{Terms, revoke};

/// `hlskey session revoke`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RevokeArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Its name, as the list of live sessions has it.
    session: String,
    #[command(flatten)]
    terms: Terms,
}

pub(super) async fn run(args: RevokeArgs) -> anyhow::Result<()> {
    let request = RevocationRequest {
        session: Some(args.session),
        ..RevocationRequest::default()
    };
    revoke(&args.config, request, args.terms).await
}
