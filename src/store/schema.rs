//! Which migrations the database has, and which this program has.
//!
//! Must not know: what they do.

use sqlx::migrate::Migrator;

use super::link::fetch_all;
use super::{Backend, Store, StoreError, postgres, sqlite};

/// The state of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Migrations that the database has, in order.
    pub applied: Vec<i64>,
    /// Migrations of this program, in order.
    pub known: Vec<i64>,
}

impl Schema {
    /// What the next start would do.
    pub fn pending(&self) -> Vec<i64> {
        let known = self.known.iter().copied();
        known.filter(|one| !self.applied.contains(one)).collect()
    }

    /// What another program did.
    pub fn foreign(&self) -> Vec<i64> {
        let applied = self.applied.iter().copied();
        applied.filter(|one| !self.known.contains(one)).collect()
    }
}

impl Store {
    /// The state of the schema; nothing is applied to a database that is empty.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        Ok(Schema {
            applied: self.applied().await?,
            known: versions(match self.backend {
                Backend::Sqlite(_) => &sqlite::MIGRATIONS,
                Backend::Postgres(_) => &postgres::MIGRATIONS,
            }),
        })
    }

    async fn applied(&self) -> Result<Vec<i64>, StoreError> {
        if !self.was_migrated().await? {
            return Ok(Vec::new());
        }
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            (i64,),
            "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version"
        )?;
        Ok(rows.into_iter().map(|(version,)| version).collect())
    }

    async fn was_migrated(&self) -> Result<bool, StoreError> {
        let mut on = self.read().await?;
        let found = match &self.backend {
            Backend::Sqlite(_) => fetch_all!(
                on,
                (i64,),
                "SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'"
            ),
            Backend::Postgres(_) => fetch_all!(
                on,
                (i64,),
                "SELECT 1::bigint FROM pg_tables
                 WHERE schemaname = current_schema() AND tablename = '_sqlx_migrations'"
            ),
        };
        Ok(!found?.is_empty())
    }
}

/// The version that a schema has when every migration is applied.
pub(super) fn last(migrations: &Migrator) -> i64 {
    versions(migrations).last().copied().unwrap_or_default()
}

fn versions(migrations: &Migrator) -> Vec<i64> {
    let up = migrations
        .iter()
        .filter(|one| !one.migration_type.is_down_migration());
    let mut versions: Vec<i64> = up.map(|one| one.version).collect();
    versions.sort_unstable();
    versions
}

#[cfg(test)]
mod tests;
