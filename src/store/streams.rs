//! Streams and their eras. Every change counts the version up; a writer names the version that
//! it read, so of two that change one stream at once one is told to read again.
//!
//! Must not know: when a cut is due, or who may register.

use crate::domain::{Era, Schedule, Stream, StreamId, StreamPolicy, Timestamp};

use super::columns::{self, loaded, stored};
use super::link::{Tx, execute, fetch_all, fetch_optional};
use super::{Store, StoreError};

/// The eras that a stream keeps. Each cut adds one; the oldest go, and the first that remains
/// also covers what was before.
const ERAS_KEPT: i64 = 256;

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

/// What came of [`Store::add_stream`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddStream {
    /// It is registered now.
    Added,
    /// It was registered already and is as it was.
    Exists,
    /// A registered stream's id is a path prefix of it, or it of that stream's.
    Nested(StreamId),
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

    /// Registers a stream unless it is registered, or nests with one that is.
    pub async fn add_stream(
        &self,
        id: &StreamId,
        policy: StreamPolicy,
        now: Timestamp,
    ) -> Result<AddStream, StoreError> {
        let mut on = self.write().await?;
        if let Some(other) = nested(&mut on, id).await? {
            return Ok(AddStream::Nested(other));
        }
        let added = execute!(
            on,
            "INSERT INTO streams (stream, incarnation, version, key_scope, iv, created)
             VALUES ($1, 1, 1, $2, $3, $4)
             ON CONFLICT (stream) DO UPDATE SET
                incarnation = streams.incarnation + 1, version = streams.version + 1,
                key_scope = excluded.key_scope, iv = excluded.iv,
                created = excluded.created, removed = NULL
             WHERE streams.removed IS NOT NULL",
            id.as_str(),
            columns::key_scope_column(policy.key_scope),
            columns::iv_column(policy.iv),
            now.millis()
        )?;
        if added == 0 {
            return Ok(AddStream::Exists);
        }
        add_era(&mut on, id, Schedule::new(policy.rotation, now).last()).await?;
        on.commit().await?;
        Ok(AddStream::Added)
    }

    /// Adds an era to the stream of that version; `false` if it has changed since, and then
    /// nothing is done.
    pub async fn append_era(
        &self,
        id: &StreamId,
        version: u64,
        era: &Era,
    ) -> Result<bool, StoreError> {
        let mut on = self.write().await?;
        if !advance(&mut on, id, version).await? {
            return Ok(false);
        }
        add_era(&mut on, id, era).await?;
        execute!(
            on,
            "DELETE FROM eras WHERE stream = $1
             AND seq <= (SELECT max(e.seq) FROM eras e WHERE e.stream = $1) - $2",
            id.as_str(),
            ERAS_KEPT
        )?;
        on.commit().await?;
        Ok(true)
    }

    /// Gives the stream of that version another policy from its beginning on; `false` if it has
    /// changed or a period was issued since, and then nothing is done.
    pub async fn replace_policy(
        &self,
        id: &StreamId,
        version: u64,
        policy: StreamPolicy,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut on = self.write().await?;
        let unused = execute!(
            on,
            "UPDATE streams SET key_scope = $2, iv = $3
             WHERE stream = $1 AND removed IS NULL AND NOT EXISTS (
                SELECT 1 FROM periods p
                WHERE p.stream = streams.stream AND p.incarnation = streams.incarnation
             )",
            id.as_str(),
            columns::key_scope_column(policy.key_scope),
            columns::iv_column(policy.iv)
        )?;
        if unused == 0 || !advance(&mut on, id, version).await? {
            return Ok(false);
        }
        execute!(on, "DELETE FROM eras WHERE stream = $1", id.as_str())?;
        add_era(&mut on, id, Schedule::new(policy.rotation, now).last()).await?;
        on.commit().await?;
        Ok(true)
    }

    /// Takes a stream's registration back; its keys are retired. `false` if there is none.
    pub async fn remove_stream(&self, id: &StreamId, now: Timestamp) -> Result<bool, StoreError> {
        let (mut on, id) = (self.write().await?, id.as_str());
        let removed = execute!(
            on,
            "UPDATE streams SET removed = $2, version = version + 1
             WHERE stream = $1 AND removed IS NULL",
            id,
            now.millis()
        )?;
        execute!(
            on,
            "UPDATE periods SET state = 'retired'
             WHERE stream = $1 AND state IN ('pending', 'active')",
            id
        )?;
        execute!(on, "DELETE FROM eras WHERE stream = $1", id)?;
        execute!(on, "DELETE FROM encryptors WHERE stream = $1", id)?;
        execute!(on, "DELETE FROM claims WHERE stream = $1", id)?;
        on.commit().await?;
        Ok(removed > 0)
    }
}

/// A registered stream above or below `id`. The slash and the byte after it, `0`, enclose every
/// id below.
async fn nested(on: &mut Tx, id: &StreamId) -> Result<Option<StreamId>, StoreError> {
    for ancestor in id.ancestors() {
        let row = fetch_optional!(
            on,
            (String,),
            "SELECT stream FROM streams WHERE stream = $1 AND removed IS NULL",
            ancestor.as_str()
        )?;
        if row.is_some() {
            return Ok(Some(ancestor));
        }
    }
    let below = fetch_optional!(
        on,
        (String,),
        "SELECT stream FROM streams WHERE stream > $1 AND stream < $2 AND removed IS NULL
         ORDER BY stream LIMIT 1",
        format!("{id}/"),
        format!("{id}0")
    )?;
    below
        .map(|(text,)| text.parse().map_err(|_| inconsistent(&text, "stream")))
        .transpose()
}

/// Counts the version up, if it is still `version`.
async fn advance(on: &mut Tx, id: &StreamId, version: u64) -> Result<bool, StoreError> {
    let advanced = execute!(
        on,
        "UPDATE streams SET version = version + 1
         WHERE stream = $1 AND version = $2 AND removed IS NULL",
        id.as_str(),
        stored(version, "a version")?
    )?;
    Ok(advanced > 0)
}

async fn add_era(on: &mut Tx, id: &StreamId, era: &Era) -> Result<(), StoreError> {
    let (kind, at) = columns::boundary_columns(era.start)?;
    let (rule, span) = columns::rotation_columns(era.rule)?;
    execute!(
        on,
        "INSERT INTO eras (stream, seq, start_kind, start_at, base, rule, span)
         SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6 FROM eras WHERE stream = $1",
        id.as_str(),
        kind,
        at,
        era.base,
        rule,
        span
    )
    .map(drop)
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

fn inconsistent(row: &str, column: &'static str) -> StoreError {
    StoreError::Inconsistent {
        table: "streams",
        row: row.to_owned(),
        column,
    }
}
