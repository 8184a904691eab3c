//! Durable state; the only module with SQL. One file for each aggregate.
//!
//! Must not know: HTTP, who may ask, or a content key in the clear.

mod claims;
mod columns;
mod credentials;
mod error;
mod link;
mod periods;
mod progress;
mod sqlite;
mod stream_row;
mod streams;
#[cfg(test)]
pub(crate) mod testing;

use serde::Deserialize;

pub use credentials::CredentialRow;
pub use error::{Fault, StoreError};
pub use periods::{KeyRow, NewPeriod, PeriodRow};
pub use progress::{Heartbeat, Reach, Recorded, Usage};
pub use stream_row::StreamRow;
pub use streams::AddStream;

use link::{Lent, Tx};

/// The section `[store]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the database is: `sqlite:PATH`. A relative path is resolved against the
    /// configuration file. Default `sqlite:keystore/hlskey.db`.
    pub url: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: "sqlite:keystore/hlskey.db".to_owned(),
        }
    }
}

impl Config {
    /// Whether the URL names a database that this program knows. Opens nothing.
    pub fn check(&self) -> Result<(), StoreError> {
        sqlite::path_of(&self.url).map(drop).ok_or(StoreError::Url)
    }

    /// Makes a relative database path absolute, seen from `base`.
    pub fn resolve(&mut self, base: &std::path::Path) {
        if let Some(path) = sqlite::path_of(&self.url) {
            self.url = format!("{}{}", sqlite::SCHEME, base.join(path).display());
        }
    }
}

/// The database. Cheap to clone; all clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Backend,
}

/// Which database it is. Query texts are shared: the macros of `link` expand each for all.
#[derive(Debug, Clone)]
enum Backend {
    Sqlite(sqlite::Database),
}

impl Store {
    /// Opens the database, makes it if it is not there, and brings its schema up to date.
    pub async fn open(config: &Config) -> Result<Self, StoreError> {
        let path = sqlite::path_of(&config.url).ok_or(StoreError::Url)?;
        let database = sqlite::Database::open(path).await?;
        Ok(Self {
            backend: Backend::Sqlite(database),
        })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut on = self.read().await?;
        link::execute!(on, "SELECT 1").map(drop)
    }

    /// A connection for reading.
    async fn read(&self) -> Result<Lent, StoreError> {
        match &self.backend {
            Backend::Sqlite(database) => Ok(Lent::Sqlite(database.read().await?)),
        }
    }

    /// A transaction for writing; it is rolled back unless committed.
    async fn write(&self) -> Result<Tx, StoreError> {
        match &self.backend {
            Backend::Sqlite(database) => Ok(Tx::Sqlite(database.write().await?)),
        }
    }
}
