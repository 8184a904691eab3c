//! Looking at every row, for whoever wants to know whether the store is sound.
//!
//! What is wrong is given as it is found, one fault for each row, and the look goes on. Must not
//! know: a master key.

use crate::domain::Kid;

use super::link::{Lent, Link, fetch_all};
use super::periods::{PeriodRow, Row};
use super::{Backend, Store, StoreError};

/// A key with where it lies, as far as it can be read.
pub struct Inspected {
    /// Its kid; `None` if that is none.
    pub kid: Option<Kid>,
    /// Whose it is.
    pub stream: String,
    /// The period with its sealed key, or why it cannot be read.
    pub period: Result<PeriodRow, StoreError>,
}

/// Rows that refer to what is not there.
const STRAY: [(&str, &str); 4] = [
    (
        "a key of a stream that is not there",
        "SELECT p.stream FROM periods p LEFT JOIN streams s ON s.stream = p.stream
         WHERE s.stream IS NULL ORDER BY p.stream LIMIT 100",
    ),
    (
        "an era of a stream that is not there",
        "SELECT e.stream FROM eras e LEFT JOIN streams s ON s.stream = e.stream
         WHERE s.stream IS NULL ORDER BY e.stream LIMIT 100",
    ),
    (
        "a registered stream without a schedule",
        "SELECT s.stream FROM streams s LEFT JOIN eras e ON e.stream = s.stream
         WHERE s.removed IS NULL AND e.stream IS NULL ORDER BY s.stream LIMIT 100",
    ),
    (
        "use of a key that is not there, of the rendition",
        "SELECT u.rendition FROM usages u LEFT JOIN periods p ON p.kid = u.kid
         WHERE p.kid IS NULL ORDER BY u.rendition LIMIT 100",
    ),
];

impl Store {
    /// Keys whose kids come after `last`, by kid, at most `count`; with the last kid's bytes.
    pub async fn inspect_keys(
        &self,
        last: &[u8],
        count: u16,
    ) -> Result<(Vec<Inspected>, Vec<u8>), StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            Columns,
            "SELECT kid, stream, rendition, boundary_kind, boundary, slot, state, sealed_key
             FROM periods WHERE kid > $1 ORDER BY kid LIMIT $2",
            last,
            i64::from(count)
        )?;
        let end = rows.last().map(|row| row.row.kid.clone());
        let inspected = rows.into_iter().map(Inspected::from).collect();
        Ok((inspected, end.unwrap_or_default()))
    }

    /// The registered streams' ids, as they are stored.
    pub async fn stream_names(&self) -> Result<Vec<String>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            (String,),
            "SELECT stream FROM streams WHERE removed IS NULL ORDER BY stream"
        )?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// What the database itself finds wrong: its pages, and rows that refer to nothing.
    pub async fn inspect_database(&self) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        let mut on = self.read().await?;
        if let Backend::Sqlite(_) = &self.backend {
            let pages = fetch_all!(on, (String,), "PRAGMA integrity_check(100)")?;
            let faults = pages.into_iter().filter(|(text,)| text != "ok");
            found.extend(faults.map(|(text,)| format!("integrity_check: {text}")));
        }
        for (what, sql) in STRAY {
            let names = names(&mut on, sql).await?;
            found.extend(names.into_iter().map(|name| format!("{what}: {name}")));
        }
        Ok(found)
    }
}

async fn names(on: &mut Lent, sql: &'static str) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String,)> = match on.link() {
        Link::Sqlite(on) => sqlx::query_as(sql).fetch_all(on).await?,
        Link::Postgres(on) => sqlx::query_as(sql).fetch_all(on).await?,
    };
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

#[derive(sqlx::FromRow)]
struct Columns {
    #[sqlx(flatten)]
    row: Row,
    stream: String,
}

impl From<Columns> for Inspected {
    fn from(columns: Columns) -> Self {
        let kid = columns.row.kid.as_slice().try_into().ok();
        Self {
            kid: kid.map(Kid::from_bytes),
            stream: columns.stream,
            period: columns.row.try_into(),
        }
    }
}
