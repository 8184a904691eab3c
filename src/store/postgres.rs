//! Postgres: its address, its connections, its schema, the locks of its writers.
//!
//! Writers of SQLite have the whole file alone from the start of their transaction. Here a
//! transaction first takes the advisory lock of what it named ([`Lock`]), so that what it reads
//! stays true too. Must not know: any table.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::str::FromStr as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgSslMode};
use sqlx::{
    Acquire as _, ConnectOptions as _, Connection as _, Executor as _, PgConnection, Postgres,
    SqlSafeStr, Transaction,
};
use tokio::time::Instant;

use super::config::StoreConfigError;
use super::refusal::{explained, unmigrated};
use super::schema::last;
use super::{Lock, StoreError};

/// What a Postgres URL begins with.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// What a URL may say after its `?`. What the driver does not know it would ignore and log.
pub(super) const PARAMETERS: [&str; 11] = [
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "options",
];
/// Connections of one server, besides the one that listens.
const CONNECTIONS: u32 = 10;
/// How long a caller waits for a connection, a database that is away included.
const ACQUIRE: Duration = Duration::from_secs(3);
/// How long a connection that was given back takes to be there for the next.
const GIVEN_BACK: Duration = Duration::from_millis(10);
/// How often one that waits for a connection looks for it, at least.
const LOOK: Duration = Duration::from_millis(50);
/// How long a statement may take, by this clock; by the database's it is a second less.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long a connection lasts: a failover or another address is found at the latest then.
const LIFE: Duration = Duration::from_secs(1800);
/// What every connection begins with, whatever the database's defaults are. A standby may not know
/// the newest keys and revocations; a key must be on the disk before anybody hears of it; who
/// waited for a lock must see what it waited for.
const BEGIN: &str = "DO $do$ BEGIN
         IF pg_is_in_recovery() THEN RAISE 'this is a standby: the primary is needed'; END IF;
     END $do$;
     SET default_transaction_isolation = 'read committed';
     SET statement_timeout = '5s';
     SET lock_timeout = '5s';
     SET idle_in_transaction_session_timeout = '15s';
     SELECT set_config('synchronous_commit', 'on', false)
     WHERE current_setting('synchronous_commit') = 'off'";
/// How long after a silence of the database its connections are asked before they are kept.
const SUSPICION: Duration = Duration::from_secs(60);
/// The advisory lock that [`Lock::All`] takes alone and [`Lock::Stream`] shares: "hlskey", 1.
const ALL: i64 = 0x686c_736b_6579_0001;
/// The advisory lock of those that write news: "hlskey", 2.
const NEWS: i64 = 0x686c_736b_6579_0002;
/// Where a commit with news is announced. There is nothing to read in it: the rows are the news.
const CHANNEL: &str = "hlskey";

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("keystore/migrations/postgres");

/// Where the database is and who asks: a secret, since it may hold a password.
#[derive(Clone)]
pub(super) struct Address(PgConnectOptions);

impl Address {
    /// Of a URL. A host that is not this machine must prove who it is, unless the URL says
    /// otherwise (`sslmode`).
    pub(super) fn parse(url: &str) -> Result<Self, StoreConfigError> {
        let rest = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.ok_or(StoreConfigError::Form)?;
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let names = query
            .split('&')
            .map(|pair| pair.split('=').next().unwrap_or(pair));
        let mut names = names.filter(|name| !name.is_empty());
        if !names.clone().all(is_parameter) {
            return Err(StoreConfigError::Parameter);
        }
        let options = PgConnectOptions::from_str(url).map_err(|_| StoreConfigError::Form)?;
        let mut options = options
            .application_name("hlskey")
            .disable_statement_logging();
        if !names.any(|name| name == "sslmode") && !is_local(&options) {
            options = options.ssl_mode(PgSslMode::VerifyFull);
        }
        Ok(Self(options))
    }

    /// For a pool of others' making.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.0.clone()
    }

    /// What may be told of it: the host, or the folder of the socket.
    pub(super) fn place(&self) -> String {
        match self.0.get_socket() {
            Some(socket) => format!("postgres on {}", socket.display()),
            None => format!("postgres on {}", self.0.get_host()),
        }
    }
}

fn is_parameter(name: &str) -> bool {
    let plain = name.split('[').next().unwrap_or(name);
    PARAMETERS.contains(&plain)
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    options.get_socket().is_some() || host.starts_with('/') || host == "localhost" || loopback
}

/// A database, and the connections to it.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pool: PgPool,
}

impl Database {
    /// Connects, and brings the schema up to date.
    pub(super) async fn open(address: &Address) -> Result<Self, StoreError> {
        migrate(address).await?;
        Self::look(address).await
    }

    /// Connects to the database as it is.
    pub(super) async fn look(address: &Address) -> Result<Self, StoreError> {
        let pool = pool().connect_with(address.0.clone()).await;
        let pool = pool.map_err(|error| explained(&address.place(), error))?;
        Ok(Self { pool })
    }

    /// A connection that reads.
    pub(super) async fn read(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        Ok(self.connection().await?)
    }

    /// A connection. The driver takes one from the pool or makes one, and while it makes one it sees
    /// none that others give back; a database that has no room refuses it for as long as it tries.
    /// So where it may make one, somebody looks beside it, and a moment before it: what was given
    /// back is not there at once.
    async fn connection(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        if !(1..CONNECTIONS).contains(&self.pool.size()) {
            return self.pool.acquire().await;
        }
        let pool = self.pool.clone();
        let made = async {
            tokio::time::sleep(GIVEN_BACK).await;
            // It goes on when nobody waits any more: the next find what was begun.
            let made = tokio::spawn(async move { pool.acquire().await });
            made.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
        };
        tokio::select! {
            biased;
            idle = self.idle() => Ok(idle),
            made = made => made,
        }
    }

    /// The first connection that is not in use and answers.
    async fn idle(&self) -> PoolConnection<Postgres> {
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(idle) = self.pool.try_acquire()
                && let Some(idle) = answering(idle).await
            {
                return idle;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK);
        }
    }

    async fn begin(
        &self,
        how: Option<&'static str>,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let connection = self.connection().await?;
        Transaction::begin(connection, how.map(SqlSafeStr::into_sql_str)).await
    }

    /// A transaction that has what it names alone from its start.
    pub(super) async fn write(
        &self,
        lock: Lock<'_>,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        let mut tx = bounded(self.begin(None)).await?;
        let query = match lock {
            Lock::Rows => return Ok(tx),
            Lock::All => sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(ALL),
            Lock::Viewer(name) => {
                let viewer = format!("viewer {} {}", name.scheme, name.subject);
                sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(hash(&viewer))
            }
            Lock::Stream(stream) => {
                let both = "SELECT pg_advisory_xact_lock_shared($1), pg_advisory_xact_lock($2)";
                sqlx::query(both).bind(ALL).bind(hash(stream.as_str()))
            }
        };
        bounded(query.execute(&mut *tx)).await?;
        Ok(tx)
    }

    /// A connection of its own that hears of news.
    pub(super) async fn listen(&self) -> Result<Listener, StoreError> {
        let alone = pool().max_connections(1).max_lifetime(None);
        let options = self.pool.connect_options().as_ref().clone();
        let alone = alone.idle_timeout(None).connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&alone).await?;
        listener.eager_reconnect(false);
        if let Err(error) = listener.listen(CHANNEL).await {
            tracing::warn!(%error, "the database announces no news: they are asked for");
        }
        Ok(Listener(listener))
    }

    /// A transaction that reads, and sees the database as it is at its first statement. It may
    /// take long over each.
    pub(super) async fn snapshot(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut tx = bounded(self.begin(Some(begin))).await?;
        bounded(at_leisure(&mut tx)).await?;
        Ok(tx)
    }

    #[cfg(test)]
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Takes the lock of those that write news, until the transaction ends, and announces them with
/// its commit. Postgres lets one commit announce at a time, so only rare changes are news.
pub(super) async fn announce(on: &mut PgConnection) -> Result<(), StoreError> {
    let query = sqlx::query("SELECT pg_advisory_xact_lock($1), pg_notify($2, '')");
    let query = query.bind(NEWS).bind(CHANNEL);
    bounded(query.execute(on)).await?;
    Ok(())
}

/// A connection that hears of news.
pub(super) struct Listener(PgListener);

impl Listener {
    /// To ask for them on.
    pub(super) async fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        Ok(self.0.acquire().await?)
    }

    /// Resolves when news were announced, all at once that were by now. An error says that the
    /// connection is lost, and with it what is announced meanwhile.
    pub(super) async fn heard(&mut self) -> Result<(), ()> {
        match self.0.try_recv().await {
            Ok(Some(_)) => {
                while self.0.next_buffered().is_some() {}
                Ok(())
            }
            Ok(None) | Err(_) => Err(()),
        }
    }
}

/// Lifts the bounds of a statement for this transaction: it may read or write every row.
pub(super) async fn at_leisure(on: &mut PgConnection) -> Result<(), sqlx::Error> {
    let unbounded = "SET LOCAL statement_timeout = 0;
         SET LOCAL idle_in_transaction_session_timeout = '10min'";
    on.execute(unbounded).await.map(drop)
}

/// Ends what the database neither does nor refuses: its own timeouts do not help when it hangs.
pub(super) async fn bounded<T>(
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let late = |_| {
        *hung() = Some(Instant::now());
        Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into()))
    };
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(late)
}

/// When the database last did not answer at all, for every pool of this process.
fn hung() -> MutexGuard<'static, Option<Instant>> {
    static HUNG: Mutex<Option<Instant>> = Mutex::new(None);
    HUNG.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pool() -> PoolOptions<Postgres> {
    PoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE)
        .max_lifetime(LIFE)
        .after_connect(|connection: &mut PgConnection, _| {
            Box::pin(async move { connection.execute(BEGIN).await.map(drop) })
        })
        .after_release(|connection: &mut PgConnection, _| Box::pin(is_answering(connection)))
}

/// Whether a connection that comes back is still one. The driver asks too, and for as long as the
/// network believes in a host that has vanished; meanwhile the connection's place is taken. Asked
/// only after such a silence: who comes back late is not there for the next, and another
/// connection is made, which the database may not allow.
async fn is_answering(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let last = *hung();
    if last.is_none_or(|at| at.elapsed() > SUSPICION) {
        return Ok(true);
    }
    let answer = tokio::time::timeout(ACQUIRE, connection.ping()).await;
    answer.unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())))?;
    Ok(true)
}

/// The connection, if it is one still; else its place is free again. Asked in a task of its own: if
/// who waits went away, the driver would ask again, for as long as the network believes in the host.
async fn answering(mut idle: PoolConnection<Postgres>) -> Option<PoolConnection<Postgres>> {
    let asked = tokio::spawn(async move {
        match tokio::time::timeout(ACQUIRE, idle.ping()).await {
            Ok(Ok(())) => return Some(idle),
            Ok(Err(_)) => {}
            Err(_) => *hung() = Some(Instant::now()),
        }
        idle.close_on_drop();
        None
    });
    asked.await.ok().flatten()
}

/// On a connection of its own, since a migration may take longer than a statement may. Of several
/// servers that start at once one migrates; the driver holds the others with a lock.
async fn migrate(address: &Address) -> Result<(), StoreError> {
    let place = address.place();
    let failed = |error| explained(&place, error);
    let mut connection = bounded(address.0.connect()).await.map_err(failed)?;
    let migrated = MIGRATIONS.run(&mut connection).await;
    migrated.map_err(|error| unmigrated(&place, error, last(&MIGRATIONS)))?;
    bounded(connection.close()).await.map_err(failed)
}

/// FNV-1a: the same for every server and version. Two streams with one hash only wait for each
/// other.
fn hash(text: &str) -> i64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    i64::from_ne_bytes(hash.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_must_prove_who_it_is() {
        let mode = |url: &str| Address::parse(url).unwrap().0.get_ssl_mode();
        for url in [
            "postgres://u@db.example/keys",
            "postgresql://10.0.0.1:5433/keys?user=u",
            "postgres://u@localhost/keys?host=db.example",
        ] {
            assert!(matches!(mode(url), PgSslMode::VerifyFull), "{url}");
        }
        for url in [
            "postgres://u@db.example/keys?sslmode=prefer",
            "postgres://u@localhost/keys",
            "postgres://u@%2Frun%2Fpostgresql/keys",
            "postgres:///keys?host=/run/postgresql",
            "postgres://u@127.0.0.1/keys",
        ] {
            assert!(matches!(mode(url), PgSslMode::Prefer), "{url}");
        }
    }

    #[test]
    fn hashes_are_the_published_ones() {
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325_u64.cast_signed());
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8_u64.cast_signed());
    }
}
