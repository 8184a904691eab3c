//! Filling a store with the rows of a snapshot, all of them or none.
//!
//! Must not know: where the rows come from, or what they mean.

use sqlx::AssertSqlSafe;

use super::changes::tell_all;
use super::link::{Link, Tx};
use super::postgres::at_leisure;
use super::snapshot::{Column, Form, TABLES, columns};
use super::{Lock, Store, StoreError};

/// A store that is being filled. Until it is committed, nobody else sees a row of it.
pub struct Restoring {
    on: Tx,
    target: Option<Target>,
}

/// What every other row belongs to, but for what a server notes of itself.
const CONTENT: [&str; 2] = ["streams", "credentials"];

/// The table that is being filled.
struct Target {
    insertion: String,
}

impl Store {
    /// Begins to fill the store. One that holds a stream or a credential is refused with
    /// [`StoreError::Conflict`], unless it is to be replaced.
    pub async fn restore(&self, replace: bool) -> Result<Restoring, StoreError> {
        let mut on = self.write(Lock::All).await?;
        if let Tx::Postgres(transaction) = &mut on {
            at_leisure(transaction).await?;
        }
        for table in CONTENT {
            if !replace && holds_rows(&mut on, table).await? {
                return Err(StoreError::Conflict("what the store holds"));
            }
        }
        for (table, _) in TABLES.iter().rev() {
            run(&mut on, format!("DELETE FROM {table}"), None).await?;
        }
        Ok(Restoring { on, target: None })
    }
}

impl Restoring {
    /// Goes on with this table, whose rows have values in the order of `names`. A column that
    /// they leave out gets its default. `false` if the store has no such table or column.
    pub async fn table(&mut self, name: &str, names: &[String]) -> Result<bool, StoreError> {
        let Some((table, _)) = TABLES.iter().find(|(table, _)| *table == name) else {
            return Ok(false);
        };
        let known = columns(&mut self.on, table).await?;
        let find = |name: &String| known.iter().find(|column| column.name == *name);
        let Some(columns) = names.iter().map(find).collect::<Option<Vec<_>>>() else {
            return Ok(false);
        };
        let insertion = insertion(table, &columns, matches!(self.on, Tx::Postgres(_)));
        self.target = Some(Target { insertion });
        Ok(true)
    }

    /// Adds rows to the table: a JSON array of what [`super::Snapshot::rows`] gave.
    pub async fn add(&mut self, rows: &str) -> Result<(), StoreError> {
        match &self.target {
            Some(target) => run(&mut self.on, target.insertion.clone(), Some(rows)).await,
            None => Ok(()),
        }
    }

    /// Makes all of it durable at once. Servers that run on the store forget what they remember.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        tell_all(&mut self.on).await?;
        self.on.commit().await
    }
}

/// The statement that adds the rows of a JSON array of arrays.
fn insertion(table: &str, columns: &[&Column], is_postgres: bool) -> String {
    let value = |(at, column): (usize, &&Column)| match (is_postgres, column.form) {
        (true, Form::Integer) => format!("(r ->> {at})::bigint"),
        (true, Form::Text) => format!("r ->> {at}"),
        (true, Form::Bytes) => format!("decode(r ->> {at}, 'hex')"),
        (false, Form::Bytes) => format!("unhex(json_extract(value, '$[{at}]'))"),
        (false, _) => format!("json_extract(value, '$[{at}]')"),
    };
    let names: Vec<String> = columns
        .iter()
        .map(|column| format!("\"{}\"", column.name))
        .collect();
    let values: Vec<String> = columns.iter().enumerate().map(value).collect();
    let rows = match is_postgres {
        true => "json_array_elements($1::json) AS rows (r)",
        false => "json_each($1)",
    };
    let (names, values) = (names.join(", "), values.join(", "));
    format!("INSERT INTO {table} ({names}) SELECT {values} FROM {rows}")
}

async fn holds_rows(on: &mut Tx, table: &str) -> Result<bool, StoreError> {
    let sql = AssertSqlSafe(format!("SELECT 1 FROM {table} LIMIT 1"));
    Ok(match on.link() {
        Link::Sqlite(on) => sqlx::query(sql).fetch_optional(on).await?.is_some(),
        Link::Postgres(on) => sqlx::query(sql).fetch_optional(on).await?.is_some(),
    })
}

/// Runs a statement that may touch every row.
async fn run(on: &mut Tx, sql: String, rows: Option<&str>) -> Result<(), StoreError> {
    let sql = AssertSqlSafe(sql);
    match on.link() {
        Link::Sqlite(on) => {
            let query = sqlx::query(sql);
            let query = match rows {
                Some(rows) => query.bind(rows),
                None => query,
            };
            query.execute(on).await?;
        }
        Link::Postgres(on) => {
            let query = sqlx::query(sql);
            let query = match rows {
                Some(rows) => query.bind(rows),
                None => query,
            };
            query.execute(on).await?;
        }
    }
    Ok(())
}
