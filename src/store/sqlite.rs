//! SQLite: the file, its connections, its schema.
//!
//! One connection writes, so writers of this process queue here and not on the file's lock; a few
//! read beside it (WAL). Must not know: any table.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, SqliteConnection, Transaction};

use super::StoreError;
use super::refusal::{barred, explained, unmigrated};
use super::schema::last;

/// What a SQLite URL begins with.
pub(super) const SCHEME: &str = "sqlite:";
/// Connections that read.
pub(super) const READERS: u32 = 4;
/// How long a statement waits for another process's lock, and a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("keystore/migrations/sqlite");

/// An open database file.
#[derive(Debug, Clone)]
pub(super) struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
}

/// The path in `sqlite:PATH`; `None` for another URL or no path.
pub(super) fn path_of(url: &str) -> Option<&Path> {
    let path = url.strip_prefix(SCHEME)?;
    (!path.is_empty() && !path.starts_with(':')).then(|| Path::new(path))
}

impl Database {
    /// Opens the file, readable by its owner alone, and migrates it.
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        let folder = make_folder(path).map_err(|error| barred(path, error))?;
        // SQLite answers "locked" at once to the second of two that make a file a WAL database,
        // whatever their patience.
        let _alone = lock(folder).await.map_err(|error| barred(path, error))?;
        make_private(path).map_err(|error| barred(path, error))?;
        let place = place(path);
        let failed = |error| explained(&place, error);
        let writer = pool(1).connect_with(options(path)).await.map_err(failed)?;
        migrate(&writer)
            .await
            .map_err(|error| unmigrated(&place, error, last(&MIGRATIONS)))?;
        let readers = readers(path).await.map_err(failed)?;
        Ok(Self { writer, readers })
    }

    /// Opens the file as it is.
    pub(super) async fn look(path: &Path) -> Result<Self, StoreError> {
        File::open(path).map_err(|error| barred(path, error))?;
        let place = place(path);
        let failed = |error| explained(&place, error);
        let as_it_is = bare_options(path).pragma("query_only", "ON");
        let readers = pool(READERS).connect_with(as_it_is).await;
        let readers = readers.map_err(failed)?;
        // Nothing of the file is read before somebody asks for something.
        let asked = sqlx::query("SELECT count(*) FROM sqlite_master");
        asked.execute(&readers).await.map_err(failed)?;
        let writer = pool(1).connect_lazy_with(options(path));
        Ok(Self { writer, readers })
    }

    /// A connection that reads.
    pub(super) async fn read(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.readers.acquire().await?)
    }

    /// A transaction that holds the write lock from its start, so that what it reads stays true.
    pub(super) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A transaction that reads, and sees the file as it is at its first statement.
    pub(super) async fn snapshot(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.readers.begin().await?)
    }

    #[cfg(test)]
    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// What may be told of the file.
pub(super) fn place(path: &Path) -> String {
    format!("{SCHEME}{}", path.display())
}

async fn readers(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let read_only = options(path).pragma("query_only", "ON");
    pool(READERS).connect_with(read_only).await
}

/// Local connections neither age nor need a test before use.
fn pool(connections: u32) -> PoolOptions<Sqlite> {
    PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_at_rest(connection)))
}

/// Whether a connection may be used again. When the disk is full SQLite rolls a transaction back by
/// itself; the driver's own rollback then finds none, and it would count one as open for ever and
/// begin no other.
async fn is_at_rest(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        connection.ping().await?; // a rollback may be on its way before it
    }
    Ok(!connection.is_in_transaction())
}

/// `FULL`: a key is on the disk before anybody hears of it. `secure_delete`: one that is destroyed
/// does not live on in a free page.
fn options(path: &Path) -> SqliteConnectOptions {
    bare_options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("secure_delete", "ON")
}

/// What changes nothing about the file.
fn bare_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .disable_statement_logging()
}

/// The file's folder, made for its owner alone if it is not there.
fn make_folder(path: &Path) -> io::Result<PathBuf> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    Ok(folder.to_owned())
}

/// Holds the folder against others that open a database in it, until the file is dropped.
async fn lock(folder: PathBuf) -> io::Result<File> {
    let locked = tokio::task::spawn_blocking(move || {
        let folder = File::open(folder)?;
        folder.lock().map(|()| folder)
    });
    locked.await.map_err(io::Error::other)?
}

/// Makes the file for its owner alone. SQLite gives its side files the same mode as the file. One
/// that is there is not opened: closing it would drop this process's SQLite locks on it.
fn make_private(path: &Path) -> io::Result<()> {
    if !path.exists() {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
}

/// Two processes may open a new file at once; SQLite lets one migrate and fails the other, which
/// then finds the work done.
async fn migrate(writer: &SqlitePool) -> Result<(), MigrateError> {
    const ATTEMPTS: u32 = 3;
    for _ in 1..ATTEMPTS {
        if run_migrations(writer).await.is_ok() {
            return Ok(());
        }
    }
    run_migrations(writer).await
}

async fn run_migrations(writer: &SqlitePool) -> Result<(), MigrateError> {
    MIGRATIONS.run(writer).await
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::store::Store;
    use crate::store::testing::config_in;

    #[test]
    fn only_sqlite_paths_are_urls() {
        assert_eq!(path_of("sqlite:a/b.db"), Some(Path::new("a/b.db")));
        for bad in [
            "",
            "sqlite:",
            "sqlite::memory:",
            "postgres://host/db",
            "a.db",
        ] {
            assert_eq!(path_of(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn the_files_are_their_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let config = config_in(&dir.path().join("new/deep"));
        let store = Store::open(&config).await.unwrap();
        store.ping().await.unwrap();
        let mode = |name: &str| {
            let path = dir.path().join("new").join(name);
            std::fs::metadata(path).unwrap().mode() & 0o777
        };
        assert_eq!((mode(""), mode("deep")), (0o700, 0o700));
        for file in ["hlskey.db", "hlskey.db-wal", "hlskey.db-shm"] {
            assert_eq!(mode(&format!("deep/{file}")), 0o600, "{file}");
        }
    }

    #[tokio::test]
    async fn a_full_database_fails_what_does_not_fit_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("hlskey.db")).await.unwrap();
        let insert = async |bytes: i64| -> Result<(), sqlx::Error> {
            let mut tx = database.writer.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query("CREATE TABLE IF NOT EXISTS filler (bytes BLOB)")
                .execute(&mut *tx)
                .await?;
            sqlx::query("INSERT INTO filler VALUES (randomblob($1))")
                .bind(bytes)
                .execute(&mut *tx)
                .await?;
            tx.commit().await
        };
        insert(10).await.unwrap();
        for _ in 0..3 {
            let bound = "PRAGMA max_page_count = 40"; // of the connection
            sqlx::query(bound).execute(&database.writer).await.unwrap();
            let refused = insert(1 << 20).await.unwrap_err();
            assert!(refused.to_string().contains("full"), "{refused}");
            insert(10).await.unwrap();
        }
    }

    #[tokio::test]
    async fn migrations_run_twice_and_side_by_side() {
        let dir = tempfile::tempdir().unwrap();
        let config = config_in(dir.path());
        let opened = futures_util::future::join_all((0..4).map(|_| Store::open(&config))).await;
        for store in opened {
            store.unwrap().ping().await.unwrap();
        }
        Store::open(&config).await.unwrap().ping().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let config = config_in(dir.path());
        std::fs::write(
            dir.path().join("hlskey.db"),
            "no database, only text".repeat(99),
        )
        .unwrap();
        let error = Store::open(&config).await.unwrap_err().to_string();
        assert!(error.contains("hlskey.db is no SQLite database"), "{error}");
    }
}
