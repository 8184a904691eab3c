//! `hlskey completions SHELL`.
//!
//! Must not know: what the subcommands do.

use clap::Args;
use clap_complete::Shell;

/// `hlskey completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell to complete in.
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) {
    let mut command = super::command();
    clap_complete::generate(args.shell, &mut command, "hlskey", &mut std::io::stdout());
}
