//! Why the store could not do what was asked.
//!
//! Must not know: what the caller makes of it. The database's own text stays in the source of
//! [`StoreError::Unavailable`], for the log alone.

use std::sync::Arc;

use super::{Refusal, StoreConfigError};
use crate::crypto::KeyTag;

/// A store error. No variant prints a value from a row other than its key.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The configuration names no database.
    #[error(transparent)]
    Config(#[from] StoreConfigError),
    /// The database cannot be opened as it is.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database cannot be reached, read or written now.
    #[error("the store is unavailable")]
    Unavailable(#[source] Fault),
    /// A row holds what it never should: damage, or another program's hand.
    #[error("inconsistent store: table {table}, row {row}, column {column}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The row's key, as text.
        row: String,
        /// The column.
        column: &'static str,
    },
    /// Something of that name exists already.
    #[error("{0} exists already")]
    Conflict(&'static str),
    /// A key was sealed under a master key that may seal no more; nothing was done.
    #[error("master key {0} is retired: nothing may be sealed under it")]
    RetiredMaster(KeyTag),
    /// A number is larger than a column holds (2^63 - 1).
    #[error("{0} is larger than the store can hold")]
    TooLarge(&'static str),
}

/// What the database or the file system said. For the log, never for a client.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Fault(Arc<dyn std::error::Error + Send + Sync>);

impl Fault {
    /// Wraps an error.
    pub(super) fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::Unavailable(fault)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Fault::new(error).into()
    }
}

impl StoreError {
    /// The error of a statement that inserts a new `thing`.
    pub(super) fn on_insert(error: sqlx::Error, thing: &'static str) -> Self {
        let taken = error
            .as_database_error()
            .is_some_and(sqlx::error::DatabaseError::is_unique_violation);
        if taken {
            Self::Conflict(thing)
        } else {
            error.into()
        }
    }
}
