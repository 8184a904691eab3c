//! `hlskey config check|default`.
//!
//! Must not know: the settings; `config` and the modules' sections do.

use std::io::Write as _;

use clap::Subcommand;

use super::ConfigArg;
use crate::config::{Config, DEFAULT, Encrypt};
use crate::domain::{Clock as _, SystemClock};

/// `hlskey config …`.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Read the configuration and what it names; say the line and the fix of each fault.
    Check(ConfigArg),
    /// Print a commented configuration with every setting.
    Default,
}

pub(super) fn run(command: &ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check(at) => {
            let config = Config::load(&at.config)?;
            config.check(SystemClock.now())?;
            Encrypt::find(&at.config)?;
            println!("{}: no fault found", at.config.display());
        }
        ConfigCommand::Default => std::io::stdout().write_all(DEFAULT.as_bytes())?,
    }
    Ok(())
}
