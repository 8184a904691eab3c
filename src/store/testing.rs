//! A store in a directory of its own, for tests.
//!
//! Must not know: what is tested.

use std::path::Path;
use std::sync::Arc;

use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use super::columns::state_column;
use super::link::{Tx, execute, fetch_all};
use super::{Config, Lock, Store};
use crate::crypto::SecretText;
use crate::domain::{Entropy as _, Kid, PeriodState, StreamId, SystemEntropy, Timestamp};

/// A new store; it is gone with the scratch.
pub(crate) async fn scratch() -> (Scratch, Store) {
    let scratch = Scratch::new().await;
    let store = Store::open(&scratch.config()).await.unwrap();
    (scratch, store)
}

/// The configuration of a SQLite store in `dir`.
pub(crate) fn config_in(dir: &Path) -> Config {
    of_url(format!("sqlite:{}/hlskey.db", dir.display()))
}

fn of_url(url: String) -> Config {
    Config {
        url: Some(SecretText::new(url)),
        ..Config::default()
    }
}

/// A folder, and the place of a store: in it, or on the run's Postgres.
pub(crate) struct Scratch {
    dir: TempDir,
    database: Option<Arc<Database>>,
}

/// A database of one test.
struct Database {
    cluster: String,
    name: String,
}

impl Scratch {
    /// A place for a new store.
    pub(crate) async fn new() -> Self {
        let database = match cluster() {
            Some(cluster) => Some(Arc::new(Database::create(cluster).await)),
            None => None,
        };
        Self {
            dir: tempfile::tempdir().unwrap(),
            database,
        }
    }

    /// The store's configuration.
    pub(crate) fn config(&self) -> Config {
        match self.database.as_deref() {
            Some(Database { cluster, name }) => of_url(format!("{cluster}/{name}")),
            None => config_in(self.path()),
        }
    }

    /// The database as it is on the disk at this moment, whatever its users still hold. Postgres
    /// holds nothing in them.
    pub(crate) fn copied(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        if self.database.is_none() {
            for file in ["hlskey.db", "hlskey.db-wal"] {
                std::fs::copy(self.path().join(file), dir.path().join(file)).unwrap();
            }
        }
        Self {
            dir,
            database: self.database.clone(),
        }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// The Postgres that nextest's profile `postgres` started; without it, tests run on SQLite.
#[expect(
    clippy::disallowed_methods,
    reason = "how a test run is told what to test"
)]
pub(crate) fn cluster() -> Option<String> {
    std::env::var("HLSKEY_TEST_POSTGRES").ok()
}

impl Database {
    async fn create(cluster: String) -> Self {
        let mut bytes = [0; 8];
        SystemEntropy.fill(&mut bytes);
        let name = format!("t{:016x}", u64::from_le_bytes(bytes));
        command(&cluster, format!("CREATE DATABASE {name}")).await;
        Self { cluster, name }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (cluster, name) = (self.cluster.clone(), &self.name);
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        let dropped = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.unwrap();
            runtime.block_on(async move { command(&cluster, drop).await });
        });
        let _ = dropped.join();
    }
}

async fn command(cluster: &str, sql: String) {
    let at = format!("{cluster}/postgres");
    let mut connection = PgConnection::connect(&at).await.unwrap();
    let query = sqlx::query(sqlx::AssertSqlSafe(sql));
    query.execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

impl Store {
    /// Closes the database under whoever uses it, as a fault would.
    pub(crate) async fn close(&self) {
        match &self.backend {
            super::Backend::Sqlite(database) => database.close().await,
            super::Backend::Postgres(database) => database.close().await,
        }
    }

    /// Every connection that reads and nothing else, so that reading waits until they are dropped.
    pub(crate) async fn readers(&self) -> Vec<impl Sized + use<>> {
        let mut all = Vec::new();
        if let super::Backend::Sqlite(_) = &self.backend {
            for _ in 0..super::sqlite::READERS {
                all.push(self.read().await.unwrap());
            }
        }
        all
    }

    /// Lets rows be written that the schema forbids.
    pub(crate) async fn forget_checks(&self) {
        match &self.backend {
            super::Backend::Sqlite(_) => {
                let mut on = self.write(Lock::All).await.unwrap();
                execute!(on, "PRAGMA ignore_check_constraints = ON").unwrap();
                on.commit().await.unwrap();
            }
            super::Backend::Postgres(_) => {
                let mut on = self.write(Lock::All).await.unwrap();
                execute!(
                    on,
                    "DO $do$ DECLARE c record; BEGIN
                        FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
                                 WHERE contype = 'c' AND connamespace = 'public'::regnamespace
                        LOOP
                            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname);
                        END LOOP;
                    END $do$"
                )
                .unwrap();
                on.commit().await.unwrap();
            }
        }
    }

    /// What a thief of the database has: the file, or the rows.
    pub(crate) async fn stolen(&self, scratch: &Scratch) -> Vec<u8> {
        if let super::Backend::Sqlite(_) = &self.backend {
            let files = std::fs::read_dir(scratch.path()).unwrap();
            return files
                .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
                .collect();
        }
        let mut on = self.read().await.unwrap();
        let rows = fetch_all!(
            on,
            (Vec<u8>, Vec<u8>),
            "SELECT kid, sealed_key FROM periods"
        );
        let rows = rows.unwrap().into_iter();
        rows.flat_map(|(kid, sealed)| [kid, sealed].concat())
            .collect()
    }

    /// Damages a sealed key.
    pub(crate) async fn spoil_key(&self, kid: Kid) {
        let mut on = self.write(Lock::All).await.unwrap();
        execute!(
            on,
            "UPDATE periods SET sealed_key = $2 WHERE kid = $1",
            kid.as_bytes().as_slice(),
            [0_u8; 49].as_slice()
        )
        .unwrap();
        on.commit().await.unwrap();
    }

    /// Changes a key's state as a hand does: nobody is told.
    pub(crate) async fn set_state(&self, kid: Kid, state: PeriodState) {
        let mut on = self.write(Lock::All).await.unwrap();
        execute!(
            on,
            "UPDATE periods SET state = $2 WHERE kid = $1",
            kid.as_bytes().as_slice(),
            state_column(state)
        )
        .unwrap();
        on.commit().await.unwrap();
    }

    /// Destroys a key, as retention does.
    pub(crate) async fn destroy_key(&self, kid: Kid) {
        let mut on = self.write(Lock::All).await.unwrap();
        execute!(
            on,
            "UPDATE periods SET sealed_key = NULL, state = 'destroyed' WHERE kid = $1",
            kid.as_bytes().as_slice()
        )
        .unwrap();
        on.commit().await.unwrap();
    }

    /// Puts one key's sealed bytes in the place of another's.
    pub(crate) async fn move_key(&self, from: Kid, to: Kid) {
        let mut on = self.write(Lock::All).await.unwrap();
        execute!(
            on,
            "UPDATE periods SET sealed_key = (
                SELECT p.sealed_key FROM periods p WHERE p.kid = $1
             ) WHERE kid = $2",
            from.as_bytes().as_slice(),
            to.as_bytes().as_slice()
        )
        .unwrap();
        on.commit().await.unwrap();
    }

    /// Runs statements of a test's own.
    pub(crate) async fn put(&self, sql: &'static str) {
        let mut on = self.write(Lock::All).await.unwrap();
        match &mut on {
            Tx::Sqlite(on) => drop(sqlx::raw_sql(sql).execute(&mut **on).await.unwrap()),
            Tx::Postgres(on) => drop(sqlx::raw_sql(sql).execute(&mut **on).await.unwrap()),
        }
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
