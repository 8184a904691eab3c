//! A query on somebody else's database: read, never written, its parameters bound by name.
//!
//! The database need not be there when the query is opened. Must not know: what is asked, or what an
//! answer means.

mod config;
mod parameters;
mod row;

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, Postgres, Sqlite};

pub use config::{ForeignConfig, ForeignFault};
pub use row::{Cell, ForeignRow};

use super::config::Target;
use super::{StoreError, postgres};
use parameters::Parameters;

/// What a database says of a value that is none of its kind: that a text is no number, say.
const NO_SUCH_VALUE: [&str; 5] = ["22P02", "22003", "22007", "22008", "22021"];

/// The query and connections for it.
pub struct ForeignQuery {
    pool: Pool,
    sql: Arc<str>,
    /// Which value each parameter has.
    values: Vec<usize>,
}

enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl ForeignQuery {
    /// Whether [`Self::open`] would open something.
    pub fn check(config: &ForeignConfig, names: &[&str]) -> Result<(), ForeignFault> {
        Parameters::read(&config.query, names)?;
        config.target().map(drop)
    }

    /// `names` are the parameters that the query may use, as `:name`. A statement may take
    /// `patience`, and so may the wait for a connection.
    pub fn open(
        config: &ForeignConfig,
        names: &[&str],
        patience: Duration,
    ) -> Result<Self, ForeignFault> {
        let Parameters { sql, values } = Parameters::read(&config.query, names)?;
        let connections = config.connections;
        let pool = match config.target()? {
            Target::Sqlite(path) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .read_only(true)
                    .busy_timeout(patience)
                    .pragma("query_only", "ON")
                    .disable_statement_logging();
                let pool = bounded::<Sqlite>(connections, patience);
                Pool::Sqlite(pool.connect_lazy_with(options))
            }
            Target::Postgres(address) => {
                let pool = bounded::<Postgres>(connections, patience);
                let pool = pool.after_connect(move |connection: &mut PgConnection, _| {
                    let begin = format!(
                        "SET default_transaction_read_only = on; SET statement_timeout = {}",
                        patience.as_millis()
                    );
                    Box::pin(
                        async move { connection.execute(AssertSqlSafe(begin)).await.map(drop) },
                    )
                });
                Pool::Postgres(pool.connect_lazy_with(address.options()))
            }
        };
        Ok(Self {
            pool,
            sql: sql.into(),
            values,
        })
    }

    /// The first row, with these values for the names, `None` as NULL. A value that the database
    /// cannot take, such as a text where the query makes it a number, finds none.
    pub async fn first(&self, values: &[Option<&str>]) -> Result<Option<ForeignRow>, StoreError> {
        let bound = self
            .values
            .iter()
            .map(|at| values.get(*at).copied().flatten());
        let sql = AssertSqlSafe(self.sql.to_string());
        let found = match &self.pool {
            Pool::Sqlite(pool) => {
                let query = bound.fold(sqlx::query::<Sqlite>(sql), sqlx::query::Query::bind);
                let row = query.fetch_optional(pool).await;
                row.map(|row| row.map(|row| ForeignRow::of_sqlite(&row)))
            }
            Pool::Postgres(pool) => {
                let query = bound.fold(sqlx::query::<Postgres>(sql), sqlx::query::Query::bind);
                let row = postgres::bounded(query.fetch_optional(pool)).await;
                row.map(|row| row.map(|row| ForeignRow::of_postgres(&row)))
            }
        };
        match found {
            Err(error) if is_no_such_value(&error) => Ok(None),
            found => Ok(found?),
        }
    }
}

fn is_no_such_value(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| NO_SUCH_VALUE.contains(&code.as_ref()))
}

fn bounded<D: sqlx::Database>(connections: u32, patience: Duration) -> PoolOptions<D> {
    PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(patience)
        .max_lifetime(Duration::from_secs(1800))
}

#[cfg(test)]
mod tests;
