//! Durable state; the only module with SQL. One file for each aggregate.
//!
//! Must not know: HTTP, who may ask, or a content key in the clear.

mod airings;
mod announced;
mod audit;
mod brought;
mod changes;
mod claims;
mod columns;
mod config;
mod credentials;
mod entitlements;
mod error;
mod foreign;
mod freshness;
mod heed;
mod inspect;
mod leases;
mod link;
mod live;
mod masters;
mod periods;
mod postgres;
mod progress;
mod reaches;
mod refusal;
mod reseal;
mod restore;
mod revocations;
mod runs;
mod schema;
mod snapshot;
mod sqlite;
mod stream_row;
mod streams;
mod sweeps;
#[cfg(test)]
pub(crate) mod testing;
mod uses;

pub use airings::Airing;
pub use announced::{Looked, Patience, Settled};
pub use audit::{
    AuditCheckpoint, AuditCursor, AuditEntry, AuditFilter, AuditHead, AuditMark, AuditRow,
};
pub use brought::{BroughtLife, BroughtRow, NewBrought};
pub use changes::{Change, Follower, News};
pub use claims::Undated;
pub use config::{Config, StoreConfigError};
pub use credentials::{CredentialRow, PasswordRow};
pub use entitlements::EntitlementRow;
pub use error::{Fault, StoreError};
pub use foreign::{Cell, ForeignConfig, ForeignFault, ForeignQuery, ForeignRow};
pub use freshness::Freshness;
pub use heed::Heed;
pub use inspect::Inspected;
pub use leases::{Held, Hold};
pub use live::{
    Claim, Claimed, Holding, Renewed, SessionFilter, SessionName, SessionRow, Sighting, Slots,
    Watching,
};
pub use masters::SealedUnder;
pub use periods::{KeyRow, NewPeriod, PeriodRow};
pub use progress::{Heartbeat, Reach, Recorded, Report, Usage};
pub use reaches::{Progressed, RenditionReach};
pub use refusal::Refusal;
pub use reseal::{Resealed, SealedKey};
pub use restore::Restoring;
pub use revocations::{Maker, NewRevocation, RevocationRow, Revoking};
pub use runs::{NewMark, NewRun, RunRow};
pub use schema::Schema;
pub use snapshot::{Snapshot, TableShape};
pub use stream_row::StreamRow;
pub use streams::{AddStream, Appended, Terms};
pub use sweeps::{KeyLife, LeaseEnds, Step};
pub use uses::CountedToken;

use std::sync::Arc;

use config::Target;
use link::{Lent, Tx};

use crate::domain::StreamId;
use crate::telemetry::StoreMeasures;

/// The database. Cheap to clone; all clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Backend,
    freshness: Arc<Freshness>,
    measures: StoreMeasures,
}

/// Which database it is. Query texts are shared: the macros of `link` expand each for all.
#[derive(Debug, Clone)]
enum Backend {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

/// What a writer needs to have alone, so that what it reads stays true until it commits. SQLite
/// gives it the whole file.
#[derive(Debug, Clone, Copy)]
enum Lock<'s> {
    /// One stream: its row, eras, periods, ledger, encryptors, claims and runs.
    Stream(&'s StreamId),
    /// A viewer's sessions.
    Viewer(&'s SessionName),
    /// Everything: what looks at several streams, or at none.
    All,
    /// The rows that it writes, each only if it is still as it was read.
    Rows,
}

impl Store {
    /// Opens the database, makes it if it is not there, and brings its schema up to date.
    pub async fn open(config: &Config) -> Result<Self, StoreError> {
        let backend = match config.target()? {
            Target::Sqlite(path) => Backend::Sqlite(sqlite::Database::open(&path).await?),
            Target::Postgres(at) => Backend::Postgres(postgres::Database::open(&at).await?),
        };
        Ok(Self::new(backend, config))
    }

    /// How old the news are that this server's memory goes by.
    pub fn freshness(&self) -> &Arc<Freshness> {
        &self.freshness
    }

    /// How often it was turned to.
    pub fn measures(&self) -> &StoreMeasures {
        &self.measures
    }

    /// Opens the database as it is: makes nothing, migrates nothing. `None` if there is no such
    /// file.
    pub async fn look(config: &Config) -> Result<Option<Self>, StoreError> {
        let backend = match config.target()? {
            Target::Sqlite(path) if !path.exists() => return Ok(None),
            Target::Sqlite(path) => Backend::Sqlite(sqlite::Database::look(&path).await?),
            Target::Postgres(at) => Backend::Postgres(postgres::Database::look(&at).await?),
        };
        Ok(Some(Self::new(backend, config)))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut on = self.read().await?;
        link::execute!(on, "SELECT 1").map(drop)
    }

    fn new(backend: Backend, config: &Config) -> Self {
        let freshness = Arc::new(Freshness::new(config.stale_after.0.into()));
        Self {
            backend,
            freshness,
            measures: StoreMeasures::default(),
        }
    }

    /// A connection for reading.
    async fn read(&self) -> Result<Lent, StoreError> {
        self.measures.reads.inc();
        match &self.backend {
            Backend::Sqlite(database) => Ok(Lent::Sqlite(database.read().await?)),
            Backend::Postgres(database) => Ok(Lent::Postgres(database.read().await?)),
        }
    }

    /// A transaction for writing, alone with what `lock` names; it is rolled back unless
    /// committed.
    async fn write(&self, lock: Lock<'_>) -> Result<Tx, StoreError> {
        self.measures.writes.inc();
        match &self.backend {
            Backend::Sqlite(database) => Ok(Tx::Sqlite(database.write().await?)),
            Backend::Postgres(database) => Ok(Tx::Postgres(database.write(lock).await?)),
        }
    }
}
