//! The master keys' files by their tags, and what the store needs of them.
//!
//! Must not know: a key's bytes.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use crate::config::Config;
use crate::crypto::{KeyRing, KeyTag};
use crate::store::{SealedUnder, Store};

/// The ring of a configuration, and where each of its keys lies.
pub(super) struct Masters {
    pub(super) ring: KeyRing,
    files: Vec<(KeyTag, PathBuf)>,
}

impl Masters {
    /// Loads every file.
    pub(super) fn load(config: &Config) -> anyhow::Result<Self> {
        let paths = &config.keys.master_keys;
        let ring = KeyRing::load(paths).with_context(|| config_path(config))?;
        let files = ring.tags().zip(paths.iter().cloned()).collect();
        Ok(Self { ring, files })
    }

    /// The tags in the ring's order, with their files.
    pub(super) fn files(&self) -> impl Iterator<Item = (KeyTag, &Path)> {
        self.files.iter().map(|(tag, path)| (*tag, path.as_path()))
    }

    /// The file of a key.
    pub(super) fn file(&self, tag: KeyTag) -> Option<&Path> {
        let mut files = self.files();
        files.find(|(own, _)| *own == tag).map(|(_, path)| path)
    }

    /// A key as people may be told of it.
    pub(super) fn name(&self, tag: KeyTag) -> String {
        match self.file(tag) {
            Some(path) => format!("{tag} ({})", path.display()),
            None => format!("{tag} (no file of keys.master_keys)"),
        }
    }
}

fn config_path(config: &Config) -> String {
    config.path().display().to_string()
}

/// `error`, and which master keys the store needs, if it needs any.
pub(in crate::cli) async fn explained(
    error: impl Into<anyhow::Error>,
    store: &Store,
) -> anyhow::Error {
    let error = error.into();
    let used = store.sealed_under().await.unwrap_or_default();
    let named = |under: &SealedUnder| {
        let tag = under.tag?;
        Some(format!("{} under master key {tag}", keys(under.keys)))
    };
    let needs: Vec<String> = used.iter().filter_map(named).collect();
    match needs.is_empty() {
        true => error,
        false => anyhow!(
            "{error:#}\n  the store has {}: it needs those master keys and no new one",
            needs.join(", ")
        ),
    }
}

/// "1 key", "2 keys".
pub(super) fn keys(count: u64) -> String {
    match count {
        1 => "1 key".to_owned(),
        _ => format!("{count} keys"),
    }
}
