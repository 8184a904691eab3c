//! `hlskey keystore init`: the secrets that a server cannot start without.
//!
//! Must not know: what they seal or sign.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use super::print_json;
use crate::cli::{ConfigArg, private_file};
use crate::config::Config;
use crate::crypto::{KeyTag, MasterKey};
use crate::domain::SystemEntropy;
use crate::store::Store;

/// `hlskey keystore init`.
#[derive(Debug, Args)]
pub(in crate::cli) struct InitArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &InitArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config.config)?;
    if config.keys.master_keys.iter().any(|path| !path.exists()) {
        refuse_if_lost(&config).await?;
    }
    let mut files = Vec::new();
    for path in secret_files(&config) {
        let made = ensure_secret(&path)?;
        if !args.json {
            println!("{} {}", if made { "made" } else { "kept" }, path.display());
        }
        files.push(json!({ "file": path, "made": made }));
    }
    match args.json {
        true => print_json(&json!(files)),
        false => Ok(()),
    }
}

/// A new master key beside a store whose own is missing would hide what is wrong: it opens
/// nothing.
async fn refuse_if_lost(config: &Config) -> anyhow::Result<()> {
    let store = Store::look(&config.store)
        .await
        .context("a master key is missing, and whether the store needs it cannot be seen")?;
    let Some(store) = store else {
        return Ok(());
    };
    if store.schema().await?.applied.is_empty() {
        return Ok(());
    }
    let there = there(config)?;
    let used = store.masters_in_use().await?;
    if let Some(lost) = used.iter().find(|tag| !there.contains(tag)) {
        bail!(
            "the store has keys sealed under master key {lost}, which no file of keys.master_keys \
             holds: put that file back; a new key would open none of them, so none was made"
        );
    }
    Ok(())
}

fn there(config: &Config) -> anyhow::Result<Vec<KeyTag>> {
    let files = config.keys.master_keys.iter();
    let there = files.filter(|path| path.exists());
    let tags = there.map(|path| Ok(MasterKey::load(path)?.tag()));
    tags.collect()
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
pub(in crate::cli) fn ensure_secret(path: &Path) -> anyhow::Result<bool> {
    if path.exists() {
        return Ok(false);
    }
    make_secret(path)?;
    Ok(true)
}

/// Makes a file of 64 random hex digits; one that is there is an error.
pub(super) fn make_secret(path: &Path) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        private_file::create_dir(folder).with_context(|| folder.display().to_string())?;
    }
    let secret = MasterKey::generate(&SystemEntropy);
    private_file::create(path, secret.as_bytes()).with_context(|| path.display().to_string())
}
