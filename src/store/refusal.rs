//! Why a database cannot be opened, in words that say what to do.
//!
//! Must not know: what is in it. No text holds a password, or what a driver made of the URL.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use super::StoreError;
use super::error::Fault;

/// Why the store is refused. The first part of each names the database.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// A later version migrated it.
    #[error(
        "{place} has migration {found}, and this program knows up to {known}: a newer hlskey has \
         opened it; run that version, or restore a backup that this one made into another store"
    )]
    Newer {
        /// The database.
        place: String,
        /// A migration that this program has not.
        found: i64,
        /// The last one that it has.
        known: i64,
    },
    /// Its history is another one.
    #[error("{0} was migrated by a program that is no hlskey of ours: see store.url")]
    Foreign(String),
    /// The file holds something else.
    #[error("{0} is no SQLite database: correct store.url, or restore a backup into a new file")]
    NoDatabase(String),
    /// The file is torn.
    #[error("{0} is damaged: move it away and `hlskey keystore restore` the last backup")]
    Damaged(String),
    /// The file or its folder cannot be written.
    #[error("{0} lies on a file system that is read-only: the server needs to write there")]
    ReadOnly(String),
    /// The operating system says no.
    #[error(
        "{place} belongs to the user with id {owner} and is closed to this one: run hlskey as its \
         owner, or `chown` it"
    )]
    Closed {
        /// The database, or its folder.
        place: String,
        /// Whose it is.
        owner: u32,
    },
    /// There is no room for what has to be written.
    #[error("{0}: the disk is full")]
    Full(String),
    /// The user or the password is wrong.
    #[error("{0} refuses the user or the password that store.url names")]
    Password(String),
    /// The server has no such database.
    #[error("{0} has no database of the name in store.url: `createdb` makes one")]
    Absent(String),
    /// The user may not make or read tables.
    #[error("{0} does not let this user do that: it needs to own the database's schema")]
    Forbidden(String),
    /// It follows another database and cannot be written.
    #[error("{0} is a standby, or read-only: store.url has to name the primary")]
    Standby(String),
    /// A migration was begun and not finished by a database that cannot take it back.
    #[error(
        "{place} has migration {version} half done: restore the copy that was made before it into \
         a new database"
    )]
    HalfMigrated {
        /// The database.
        place: String,
        /// The migration.
        version: i64,
    },
    /// Nobody answers, or not in time.
    #[error("{place} does not answer: {cause}")]
    Away {
        /// The database.
        place: String,
        /// What the operating system says.
        cause: Fault,
    },
}

/// What an attempt to open the database at `place` came to.
pub(super) fn explained(place: &str, error: sqlx::Error) -> StoreError {
    let named = |make: fn(String) -> Refusal| make(place.to_owned()).into();
    let code = error.as_database_error().and_then(DatabaseError::code);
    let code = code.as_deref().unwrap_or_default();
    match (sqlite_code(code), code) {
        (Some(26), _) => named(Refusal::NoDatabase),
        (Some(11), _) => named(Refusal::Damaged),
        (Some(13), _) => named(Refusal::Full),
        (Some(8), _) => named(Refusal::ReadOnly),
        // Postgres' SQLSTATE, of five letters
        (_, "28P01" | "28000") => named(Refusal::Password),
        (_, "3D000") => named(Refusal::Absent),
        (_, "42501") => named(Refusal::Forbidden),
        (_, "25006") => named(Refusal::Standby),
        _ => match error {
            sqlx::Error::Io(cause) => away(place, cause),
            sqlx::Error::PoolTimedOut => away(place, io::ErrorKind::TimedOut.into()),
            error => error.into(),
        },
    }
}

/// The primary one of SQLite's result codes, <https://www.sqlite.org/rescode.html>: an extended one
/// has it in its low byte.
fn sqlite_code(code: &str) -> Option<u32> {
    let number: u32 = code.parse().ok()?;
    (code.len() < 5).then_some(number & 0xff)
}

fn away(place: &str, cause: io::Error) -> StoreError {
    let (place, cause) = (place.to_owned(), Fault::new(cause));
    Refusal::Away { place, cause }.into()
}

/// As [`explained`], of a migration.
pub(super) fn unmigrated(place: &str, error: MigrateError, known: i64) -> StoreError {
    let place = place.to_owned();
    match error {
        MigrateError::VersionMissing(found) if found > known => Refusal::Newer {
            place,
            found,
            known,
        }
        .into(),
        MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) => {
            Refusal::Foreign(place).into()
        }
        MigrateError::Dirty(version) => Refusal::HalfMigrated { place, version }.into(),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            explained(&place, error)
        }
        error => StoreError::Unavailable(Fault::new(error)),
    }
}

/// What the file system's error at `path` means.
pub(super) fn barred(path: &Path, error: io::Error) -> StoreError {
    let place = || path.display().to_string();
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => Refusal::ReadOnly(place()).into(),
        io::ErrorKind::StorageFull => Refusal::Full(place()).into(),
        io::ErrorKind::PermissionDenied => closed(path).into(),
        _ => away(&place(), error),
    }
}

/// Names the file, or the nearest folder above it that can be seen.
fn closed(path: &Path) -> Refusal {
    let seen = path
        .ancestors()
        .find_map(|at| std::fs::metadata(at).ok().map(|about| (at, about.uid())));
    let (place, owner) = seen.unwrap_or((path, 0));
    Refusal::Closed {
        place: place.display().to_string(),
        owner,
    }
}
