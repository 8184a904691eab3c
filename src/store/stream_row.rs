//! Reading a stream with its eras.
//!
//! Must not know: how either changes.

use crate::domain::{Era, Schedule, Stream, StreamId, StreamPolicy, Timestamp};

use super::columns::{self, loaded};
use super::link::{fetch_all, fetch_optional};
use super::{Store, StoreError};

/// Registered streams, a row for each era, in one statement: what it reads is of one moment.
macro_rules! registered {
    ($rest:literal) => {
        concat!(
            "SELECT s.stream, s.incarnation, s.version, s.key_scope, s.iv, s.created,
                    e.start_kind, e.start_at, e.base, e.rule, e.span,
                    (SELECT count(*) FROM (
                        SELECT 1 FROM periods p
                        WHERE p.stream = s.stream AND p.incarnation = s.incarnation
                        LIMIT 1
                    ) AS any_period) AS issued
             FROM streams s JOIN eras e ON e.stream = s.stream
             WHERE s.removed IS NULL ",
            $rest
        )
    };
}

/// A registered stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRow {
    /// The stream.
    pub stream: Stream,
    /// Counts its registrations. Keys of an earlier one are retired and never used again.
    pub incarnation: u64,
    /// Whether any period was issued since it was registered.
    pub issued: bool,
}

impl Store {
    /// The registered stream with this id.
    pub async fn stream(&self, id: &StreamId) -> Result<Option<StreamRow>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            Joined,
            registered!("AND s.stream = $1 ORDER BY e.seq"),
            id.as_str()
        )?;
        rows.first().map(|_| stream_row(&rows)).transpose()
    }

    /// All registered streams, by id.
    pub async fn streams(&self) -> Result<Vec<StreamRow>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(on, Joined, registered!("ORDER BY s.stream, e.seq"))?;
        rows.chunk_by(|a, b| a.stream == b.stream)
            .map(stream_row)
            .collect()
    }

    /// A registered stream's version; `None` if there is no such stream.
    pub async fn version(&self, id: &StreamId) -> Result<Option<u64>, StoreError> {
        let mut on = self.read().await?;
        let row = fetch_optional!(
            on,
            (i64,),
            "SELECT version FROM streams WHERE stream = $1 AND removed IS NULL",
            id.as_str()
        )?;
        Ok(row.map(|(version,)| loaded(version)))
    }

    /// Whether a stream of this id was registered once, and is no more.
    pub async fn was_removed(&self, id: &StreamId) -> Result<bool, StoreError> {
        let mut on = self.read().await?;
        let row = fetch_optional!(
            on,
            (i64,),
            "SELECT version FROM streams WHERE stream = $1 AND removed IS NOT NULL",
            id.as_str()
        )?;
        Ok(row.is_some())
    }
}

/// A stream with one of its eras.
#[derive(sqlx::FromRow)]
struct Joined {
    stream: String,
    incarnation: i64,
    version: i64,
    key_scope: String,
    iv: String,
    created: i64,
    start_kind: String,
    start_at: i64,
    base: i64,
    rule: String,
    span: Option<i64>,
    issued: i64,
}

/// The stream whose eras, in order, are in `rows`.
fn stream_row(rows: &[Joined]) -> Result<StreamRow, StoreError> {
    let [row, ..] = rows else {
        return Err(inconsistent("", "stream"));
    };
    let bad = |column| inconsistent(&row.stream, column);
    let eras: Vec<Era> = rows.iter().map(Joined::era).collect::<Result<_, _>>()?;
    let schedule = Schedule::from_eras(&eras).ok_or_else(|| StoreError::Inconsistent {
        table: "eras",
        row: row.stream.clone(),
        column: "base",
    })?;
    let policy = StreamPolicy {
        rotation: schedule.rule(),
        key_scope: columns::key_scope(&row.key_scope).ok_or_else(|| bad("key_scope"))?,
        iv: columns::iv(&row.iv).ok_or_else(|| bad("iv"))?,
    };
    let stream = Stream {
        id: row.stream.parse().map_err(|_| bad("stream"))?,
        policy,
        schedule,
        version: loaded(row.version),
        created: Timestamp::from_millis(row.created),
    };
    Ok(StreamRow {
        stream,
        incarnation: loaded(row.incarnation),
        issued: row.issued > 0,
    })
}

impl Joined {
    fn era(&self) -> Result<Era, StoreError> {
        let bad = |column| StoreError::Inconsistent {
            table: "eras",
            row: self.stream.clone(),
            column,
        };
        Ok(Era {
            start: columns::boundary(&self.start_kind, self.start_at)
                .ok_or_else(|| bad("start_at"))?,
            base: self.base,
            rule: columns::rotation(&self.rule, self.span).ok_or_else(|| bad("rule"))?,
        })
    }
}

/// A row of `streams` that cannot be read.
pub(super) fn inconsistent(row: &str, column: &'static str) -> StoreError {
    StoreError::Inconsistent {
        table: "streams",
        row: row.to_owned(),
        column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Lock;
    use crate::store::link::execute;
    use crate::store::testing::scratch;

    #[tokio::test]
    async fn a_row_that_cannot_be_read_is_named() {
        let (_dir, store) = scratch().await;
        let (id, now) = ("live/a".parse().unwrap(), Timestamp::from_millis(0));
        let added = store.add_stream(&id, StreamPolicy::default(), now);
        added.await.unwrap();
        store.forget_checks().await;
        let mut on = store.write(Lock::All).await.unwrap();
        execute!(on, "UPDATE eras SET rule = 'sometimes'").unwrap();
        on.commit().await.unwrap();
        let error = store.stream(&id).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "inconsistent store: table eras, row live/a, column rule"
        );
        let mut on = store.write(Lock::All).await.unwrap();
        execute!(on, "UPDATE streams SET iv = 'none'").unwrap();
        execute!(on, "UPDATE eras SET rule = 'never'").unwrap();
        on.commit().await.unwrap();
        let error = store.streams().await.unwrap_err().to_string();
        assert_eq!(
            error,
            "inconsistent store: table streams, row live/a, column iv"
        );
    }
}
