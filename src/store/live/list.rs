//! Live sessions as an operator sees them: listed, and counted by stream.
//!
//! Must not know: who asks.

use std::net::IpAddr;

use crate::domain::{StreamId, Timestamp};

use super::SessionName;
use crate::store::columns::loaded;
use crate::store::link::fetch_all;
use crate::store::{Store, StoreError};

/// A live session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Which one.
    pub name: SessionName,
    /// What it watched last.
    pub stream: StreamId,
    /// Where it came from last, if that is known.
    pub address: Option<IpAddr>,
    /// Since when it is live.
    pub started: Timestamp,
    /// When it was seen last.
    pub seen: Timestamp,
    /// When it must be over, if it lost its slot.
    pub ends: Option<Timestamp>,
}

/// Which sessions are meant.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionFilter<'a> {
    /// Of this viewer alone, whatever scheme vouches for it.
    pub viewer: Option<&'a str>,
    /// Those that come after this one, by scheme, session and viewer.
    pub after: Option<&'a SessionName>,
}

impl Store {
    /// How many sessions are live on each stream at `now`, if those are that were seen after `alive`;
    /// in the order of the streams.
    pub async fn viewers(
        &self,
        alive: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<(StreamId, u64)>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            (String, i64),
            "SELECT stream, count(*) FROM live_sessions
             WHERE seen > $1 AND (ends IS NULL OR ends > $2) GROUP BY stream ORDER BY stream",
            alive.millis(),
            now.millis()
        )?;
        let counted = rows.into_iter().map(|(stream, count)| {
            let id = stream.parse().map_err(|_| StoreError::Inconsistent {
                table: "live_sessions",
                row: stream,
                column: "stream",
            })?;
            Ok((id, loaded(count)))
        });
        counted.collect()
    }

    /// Live sessions, by scheme, session and viewer, `limit` at most.
    pub async fn live_sessions(
        &self,
        which: SessionFilter<'_>,
        (alive, now): (Timestamp, Timestamp),
        limit: u32,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let after = which.after;
        let text = |part: fn(&SessionName) -> &str| after.map_or("", part);
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            Row,
            "SELECT scheme, session, subject, stream, address, started, seen, ends
             FROM live_sessions
             WHERE seen > $1 AND (ends IS NULL OR ends > $2)
               AND (scheme, session, subject) > ($3, $4, $5)
               AND ($6 = 0 OR subject = $7)
             ORDER BY scheme, session, subject LIMIT $8",
            alive.millis(),
            now.millis(),
            text(|name| &name.scheme),
            text(|name| &name.session),
            text(|name| &name.subject),
            i64::from(which.viewer.is_some()),
            which.viewer.unwrap_or_default(),
            i64::from(limit)
        )?;
        rows.into_iter().map(SessionRow::try_from).collect()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    scheme: String,
    session: String,
    subject: String,
    stream: String,
    address: Option<String>,
    started: i64,
    seen: i64,
    ends: Option<i64>,
}

impl TryFrom<Row> for SessionRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let stream = row.stream.parse().map_err(|_| StoreError::Inconsistent {
            table: "live_sessions",
            row: row.session.clone(),
            column: "stream",
        })?;
        Ok(Self {
            name: SessionName {
                scheme: row.scheme.into(),
                subject: row.subject,
                session: row.session,
            },
            stream,
            address: row.address.and_then(|address| address.parse().ok()),
            started: Timestamp::from_millis(row.started),
            seen: Timestamp::from_millis(row.seen),
            ends: row.ends.map(Timestamp::from_millis),
        })
    }
}
