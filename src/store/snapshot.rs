//! Every row of every table, as of one moment, in a text that both databases write and read: a
//! JSON array for each row, bytes in hexadecimal digits.
//!
//! Must not know: what a row means, or where the text goes.

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Postgres, Sqlite, query_scalar};

use super::link::{Tx, fetch_all};
use super::postgres::bounded;
use super::{Backend, Store, StoreError};

/// The tables and what orders their rows; one that refers to another stands after it.
pub(super) const TABLES: [(&str, &str); 18] = [
    ("streams", "stream"),
    ("eras", "stream, seq"),
    ("periods", "kid"),
    ("usages", "kid, rendition"),
    ("brought", "kid"),
    ("encryptors", "stream, instance"),
    ("claims", "stream, numbering, segment"),
    ("claimants", "stream, rendition"),
    ("reaches", "stream, rendition"),
    ("announced", "stream"),
    ("credentials", "id"),
    ("entitlements", "viewer, stream"),
    ("runs", "stream, run"),
    ("marks", "stream, run, rendition, segment"),
    ("retired_masters", "header"),
    ("sweeps", "one"),
    ("revocations", "id"),
    ("token_uses", "scheme, token"),
];
/// Tables that are left out: the migrations' own, which a new store gets from its program, the news
/// and live sessions, which are a running store's, and the audit trail, which is evidence of this one.
#[cfg(test)]
const LEFT_OUT: [&str; 7] = [
    "_sqlx_migrations",
    "changes",
    "audit",
    "audit_chains",
    "audit_checkpoints",
    "audit_pruned",
    "live_sessions",
];

/// The store as it was when this was made, whatever its servers do meanwhile.
pub struct Snapshot {
    on: Tx,
}

/// A table of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// Its name.
    pub name: &'static str,
    order: &'static str,
    columns: Vec<Column>,
}

/// A column, and how its values stand in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) form: Form,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Integer,
    Text,
    Bytes,
}

impl Store {
    /// Begins to read the store as it is now.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let on = match &self.backend {
            Backend::Sqlite(database) => Tx::Sqlite(database.snapshot().await?),
            Backend::Postgres(database) => Tx::Postgres(database.snapshot().await?),
        };
        Ok(Snapshot { on })
    }
}

impl Snapshot {
    /// The transaction, for what else is read at the same moment.
    pub(super) fn tx(&mut self) -> &mut Tx {
        &mut self.on
    }

    /// The tables, in an order in which they can be filled.
    pub async fn tables(&mut self) -> Result<Vec<TableShape>, StoreError> {
        let mut tables = Vec::with_capacity(TABLES.len());
        for (name, order) in TABLES {
            let columns = columns(&mut self.on, name).await?;
            tables.push(TableShape {
                name,
                order,
                columns,
            });
        }
        Ok(tables)
    }

    /// Hands each row of a table to `each`, as a line of JSON without its end.
    pub async fn rows<E: From<StoreError>>(
        &mut self,
        table: &TableShape,
        mut each: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = AssertSqlSafe(table.selection(matches!(self.on, Tx::Postgres(_))));
        match &mut self.on {
            Tx::Sqlite(on) => {
                let mut rows = query_scalar::<Sqlite, String>(sql).fetch(&mut **on);
                while let Some(row) = rows.try_next().await.map_err(StoreError::from)? {
                    each(&row)?;
                }
            }
            Tx::Postgres(on) => {
                let mut rows = query_scalar::<Postgres, String>(sql).fetch(&mut **on);
                while let Some(row) = bounded(rows.try_next()).await.map_err(StoreError::from)? {
                    each(&row)?;
                }
            }
        }
        Ok(())
    }
}

impl TableShape {
    /// The columns' names, in the order of a row's values.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The statement that gives each row as JSON.
    fn selection(&self, is_postgres: bool) -> String {
        let value = |Column { name, form }: &Column| match (form, is_postgres) {
            (Form::Bytes, true) => format!("upper(encode(\"{name}\", 'hex'))"),
            (Form::Bytes, false) => {
                format!("CASE WHEN \"{name}\" IS NULL THEN NULL ELSE hex(\"{name}\") END")
            }
            _ => format!("\"{name}\""),
        };
        let values: Vec<String> = self.columns.iter().map(value).collect();
        let array = match is_postgres {
            true => format!("json_build_array({})::text", values.join(", ")),
            false => format!("json_array({})", values.join(", ")),
        };
        let Self { name, order, .. } = self;
        format!("SELECT {array} FROM {name} ORDER BY {order}")
    }
}

/// The columns of a table of this program's.
pub(super) async fn columns(on: &mut Tx, table: &'static str) -> Result<Vec<Column>, StoreError> {
    let rows = match on {
        Tx::Sqlite(_) => fetch_all!(
            on,
            (String, String),
            "SELECT name, type FROM pragma_table_info($1) ORDER BY cid",
            table
        ),
        Tx::Postgres(_) => fetch_all!(
            on,
            (String, String),
            "SELECT column_name::text, data_type::text FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = $1
             ORDER BY ordinal_position",
            table
        ),
    };
    let columns = rows?.into_iter().map(|(name, kind)| {
        let form = match kind.to_ascii_lowercase().as_str() {
            "integer" | "bigint" => Form::Integer,
            "text" => Form::Text,
            "blob" | "bytea" => Form::Bytes,
            _ => {
                return Err(StoreError::Inconsistent {
                    table,
                    row: name,
                    column: "type",
                });
            }
        };
        Ok(Column { name, form })
    });
    columns.collect()
}

#[cfg(test)]
mod tests;
