//! A store in a directory of its own, for tests.
//!
//! Must not know: what is tested.

use std::path::Path;

use tempfile::TempDir;

use super::{Config, Store};

/// A new store; it is gone with the directory.
pub(crate) async fn scratch() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&config_in(dir.path())).await.unwrap();
    (dir, store)
}

/// The configuration of a store in `dir`.
pub(crate) fn config_in(dir: &Path) -> Config {
    Config {
        url: format!("sqlite:{}/hlskey.db", dir.display()),
    }
}
