//! The seam between the queries and the databases: one text, every backend.
//!
//! A query is written once, with numbered parameters and named columns; the macros expand it for
//! each backend and refuse to compile when a parameter has no value, which SQLite would read
//! as NULL. Must not know: any table.

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};

use super::StoreError;
use super::postgres::{self, bounded};

/// A connection, whatever it was lent for.
pub(super) enum Link<'c> {
    /// To SQLite.
    Sqlite(&'c mut SqliteConnection),
    /// To Postgres.
    Postgres(&'c mut PgConnection),
}

impl Link<'_> {
    /// Itself, lent on.
    pub(super) fn link(&mut self) -> Link<'_> {
        match self {
            Self::Sqlite(connection) => Link::Sqlite(connection),
            Self::Postgres(connection) => Link::Postgres(connection),
        }
    }
}

/// A connection for reading.
pub(super) enum Lent {
    /// To SQLite.
    Sqlite(PoolConnection<Sqlite>),
    /// To Postgres.
    Postgres(PoolConnection<Postgres>),
}

/// A transaction for writing.
pub(super) enum Tx {
    /// Of SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// Of Postgres.
    Postgres(Transaction<'static, Postgres>),
}

impl Lent {
    /// The connection.
    pub(super) fn link(&mut self) -> Link<'_> {
        match self {
            Self::Sqlite(connection) => Link::Sqlite(connection),
            Self::Postgres(connection) => Link::Postgres(connection),
        }
    }
}

impl Tx {
    /// The connection.
    pub(super) fn link(&mut self) -> Link<'_> {
        match self {
            Self::Sqlite(transaction) => Link::Sqlite(transaction),
            Self::Postgres(transaction) => Link::Postgres(transaction),
        }
    }

    /// Alone with the news from now on; the commit wakes who listens.
    pub(super) async fn announce(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()), // it has the whole file alone; readers ask by themselves
            Self::Postgres(transaction) => postgres::announce(transaction).await,
        }
    }

    /// Makes everything durable that was written.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        let done = match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => bounded(transaction.commit()).await,
        };
        done.map_err(StoreError::from)
    }
}

/// The highest `$n` of a query text.
pub(super) const fn parameters(sql: &str) -> usize {
    let (text, mut at, mut highest) = (sql.as_bytes(), 0, 0);
    while at < text.len() {
        if text[at] == b'$' {
            let mut number = 0;
            while at + 1 < text.len() && text[at + 1].is_ascii_digit() {
                number = number * 10 + (text[at + 1] - b'0') as usize;
                at += 1;
            }
            if number > highest {
                highest = number;
            }
        }
        at += 1;
    }
    highest
}

/// Builds a statement with its values, on the way checking that there is one for each parameter.
macro_rules! statement {
    ($make:expr, $sql:expr $(, $value:expr)*) => {{
        const _: () = assert!(
            $crate::store::link::parameters($sql) == <[&str]>::len(&[$(stringify!($value)),*]),
            "a parameter without a value, or a value without a parameter"
        );
        $make($sql)$(.bind($value))*
    }};
}

/// Runs a statement and gives the number of rows it touched.
macro_rules! execute {
    ($on:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::link::try_execute!($on, $sql $(, $value)*)
            .map_err($crate::store::StoreError::from)
    };
}

/// As `execute`, with the database's error as it is.
macro_rules! try_execute {
    ($on:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        match $on.link() {
            $crate::store::link::Link::Sqlite(connection) => {
                $crate::store::link::statement!(sqlx::query, $sql $(, $value)*)
                    .execute(connection)
                    .await
                    .map(|done| done.rows_affected())
            }
            $crate::store::link::Link::Postgres(connection) => {
                let statement = $crate::store::link::statement!(sqlx::query, $sql $(, $value)*);
                $crate::store::postgres::bounded(statement.execute(connection))
                    .await
                    .map(|done| done.rows_affected())
            }
        }
    };
}

/// The one row of a query as `$row`, if there is one.
macro_rules! fetch_optional {
    ($on:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::link::fetch!($on, fetch_optional, $row, $sql $(, $value)*)
    };
}

/// The rows of a query, each as `$row`.
macro_rules! fetch_all {
    ($on:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::link::fetch!($on, fetch_all, $row, $sql $(, $value)*)
    };
}

/// What `$how` fetches of a query.
macro_rules! fetch {
    ($on:expr, $how:ident, $row:ty, $sql:expr $(, $value:expr)*) => {
        match $on.link() {
            $crate::store::link::Link::Sqlite(connection) => {
                $crate::store::link::statement!(sqlx::query_as::<_, $row>, $sql $(, $value)*)
                    .$how(connection)
                    .await
            }
            $crate::store::link::Link::Postgres(connection) => {
                let query =
                    $crate::store::link::statement!(sqlx::query_as::<_, $row>, $sql $(, $value)*);
                $crate::store::postgres::bounded(query.$how(connection)).await
            }
        }
        .map_err($crate::store::StoreError::from)
    };
}

pub(super) use {execute, fetch, fetch_all, fetch_optional, statement, try_execute};

#[cfg(test)]
mod tests {
    use super::parameters;

    #[test]
    fn parameters_are_counted_by_the_highest() {
        for (sql, expected) in [
            ("SELECT 1", 0),
            ("SELECT $1, $2, $1", 2),
            ("SELECT $12", 12),
            ("SELECT $1$", 1),
        ] {
            assert_eq!(parameters(sql), expected, "{sql}");
        }
    }
}
