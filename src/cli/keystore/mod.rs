//! `hlskey keystore init`: the secrets that a server cannot start without.
//!
//! Must not know: what they seal or sign.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;

use super::{ConfigArg, private_file};
use crate::config::Config;
use crate::crypto::MasterKey;
use crate::domain::SystemEntropy;

/// `hlskey keystore …`.
#[derive(Debug, Subcommand)]
pub(super) enum KeystoreCommand {
    /// Make the master keys and grant keys that the configuration names and that are not there.
    Init(ConfigArg),
}

pub(super) fn run(command: &KeystoreCommand) -> anyhow::Result<()> {
    let KeystoreCommand::Init(at) = command;
    let config = Config::load(&at.config)?;
    for path in secret_files(&config) {
        let made = ensure_secret(&path)?;
        println!("{} {}", if made { "made" } else { "kept" }, path.display());
    }
    Ok(())
}

fn secret_files(config: &Config) -> Vec<PathBuf> {
    config
        .keys
        .master_keys
        .iter()
        .chain(&config.access.grants.key_files)
        .cloned()
        .collect()
}

/// Makes a file of 64 random hex digits unless it is there; whether it was made.
pub(super) fn ensure_secret(path: &Path) -> anyhow::Result<bool> {
    if path.exists() {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        private_file::create_dir(folder).with_context(|| folder.display().to_string())?;
    }
    let secret = MasterKey::generate(&SystemEntropy);
    private_file::create(path, secret.as_bytes()).with_context(|| path.display().to_string())?;
    Ok(true)
}
