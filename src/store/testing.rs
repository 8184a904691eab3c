//! A store in a directory of its own, for tests.
//!
//! Must not know: what is tested.

use std::path::Path;

use tempfile::TempDir;

use super::link::{execute, fetch_all};
use super::{Config, Store};
use crate::domain::{Kid, StreamId, Timestamp};

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

impl Store {
    /// Closes the database under whoever uses it, as a fault would.
    pub(crate) async fn close(&self) {
        match &self.backend {
            super::Backend::Sqlite(database) => database.close().await,
        }
    }

    /// Damages a sealed key.
    pub(crate) async fn spoil_key(&self, kid: Kid) {
        let mut on = self.write().await.unwrap();
        execute!(
            on,
            "UPDATE periods SET sealed_key = zeroblob(49) WHERE kid = $1",
            kid.as_bytes().as_slice()
        )
        .unwrap();
        on.commit().await.unwrap();
    }

    /// The ledger's entries of a key: rendition, first and last segment, last listing.
    pub(crate) async fn usages(&self, kid: Kid) -> Vec<(String, i64, i64, Timestamp)> {
        let mut on = self.read().await.unwrap();
        let rows = fetch_all!(
            on,
            (String, i64, i64, i64),
            "SELECT rendition, first, last, last_listed FROM usages WHERE kid = $1
             ORDER BY rendition",
            kid.as_bytes().as_slice()
        );
        let rows = rows.unwrap().into_iter();
        rows.map(|(rendition, first, last, listed)| {
            (rendition, first, last, Timestamp::from_millis(listed))
        })
        .collect()
    }

    /// How many claims of a stream are kept.
    pub(crate) async fn count_claims(&self, stream: &StreamId) -> i64 {
        let mut on = self.read().await.unwrap();
        let rows = fetch_all!(
            on,
            (i64,),
            "SELECT count(*) FROM claims WHERE stream = $1",
            stream.as_str()
        );
        rows.unwrap()[0].0
    }
}
