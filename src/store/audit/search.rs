//! Finding rows, the newest first.
//!
//! Must not know: who may see which.

use std::fmt;
use std::str::FromStr;

use super::{AuditEntry, AuditRow};
use crate::store::link::fetch_all;
use crate::store::{Store, StoreError};

/// Which rows; an empty text means any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFilter {
    /// The stream.
    pub stream: String,
    /// The viewer.
    pub viewer: String,
    /// The session.
    pub session: String,
    /// `refused`, `delivered` or `changed`.
    pub kind: String,
    /// From this millisecond on.
    pub since: i64,
    /// Before this one.
    pub until: i64,
}

impl Default for AuditFilter {
    fn default() -> Self {
        Self {
            stream: String::new(),
            viewer: String::new(),
            session: String::new(),
            kind: String::new(),
            since: i64::MIN,
            until: i64::MAX,
        }
    }
}

/// Where a page ends: the next one begins before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCursor {
    /// The last row's time.
    pub time: i64,
    /// Its chain.
    pub chain: String,
    /// Its number there.
    pub seq: i64,
}

impl AuditCursor {
    /// Before every row.
    pub const NEWEST: Self = Self {
        time: i64::MAX,
        chain: String::new(),
        seq: i64::MAX,
    };
}

impl fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.time, self.chain, self.seq)
    }
}

/// The text is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("after is what an answer gave as next")]
pub struct CursorError;

impl FromStr for AuditCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let parts: Vec<&str> = text.split('.').collect();
        let [time, chain, seq] = parts[..] else {
            return Err(CursorError);
        };
        let is_name = chain.len() <= 32 && chain.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = |text: &str| text.parse::<i64>().map_err(|_| CursorError);
        is_name.then_some(()).ok_or(CursorError)?;
        Ok(Self {
            time: number(time)?,
            chain: chain.to_owned(),
            seq: number(seq)?,
        })
    }
}

impl From<&AuditRow> for AuditCursor {
    fn from(row: &AuditRow) -> Self {
        Self {
            time: row.entry.time,
            chain: row.chain.clone(),
            seq: row.seq,
        }
    }
}

/// A query whose first condition an index is for; the others only sort out.
macro_rules! page {
    ($on:expr, $first:literal, $filter:expr, $after:expr, $limit:expr) => {{
        const SQL: &str = concat!(
            "SELECT chain, seq, time, kind, request_id, action, reason, scheme, viewer, session,
                    token, stream, kid, ip, policy, count, detail, hash
             FROM audit WHERE ",
            $first,
            " AND ($1 = '' OR stream = $1) AND ($2 = '' OR viewer = $2)
             AND ($3 = '' OR session = $3) AND ($4 = '' OR kind = $4)
             AND time >= $5 AND time < $6 AND (time, chain, seq) < ($7, $8, $9)
             ORDER BY time DESC, chain DESC, seq DESC LIMIT $10"
        );
        fetch_all!(
            $on,
            AuditRow,
            SQL,
            $filter.stream.as_str(),
            $filter.viewer.as_str(),
            $filter.session.as_str(),
            $filter.kind.as_str(),
            $filter.since,
            $filter.until,
            $after.time,
            $after.chain.as_str(),
            $after.seq,
            $limit
        )
    }};
}

impl Store {
    /// Rows that the filter means, after the cursor, `limit` at most, the newest first.
    pub async fn search_audit(
        &self,
        filter: &AuditFilter,
        after: &AuditCursor,
        limit: i64,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let mut on = self.read().await?;
        if !filter.session.is_empty() {
            page!(on, "session = $3 AND session <> ''", filter, after, limit)
        } else if !filter.viewer.is_empty() {
            page!(on, "viewer = $2 AND viewer <> ''", filter, after, limit)
        } else if !filter.stream.is_empty() {
            page!(on, "stream = $1 AND stream <> ''", filter, after, limit)
        } else {
            page!(on, "time >= $5", filter, after, limit)
        }
    }

    /// What the trail has of one request.
    pub async fn audit_of_request(&self, id: &str) -> Result<Vec<AuditEntry>, StoreError> {
        let mut on = self.read().await?;
        fetch_all!(
            on,
            AuditEntry,
            "SELECT time, kind, request_id, action, reason, scheme, viewer, session, token, stream,
                    kid, ip, policy, count, detail
             FROM audit WHERE request_id = $1 AND request_id <> '' ORDER BY time LIMIT 10",
            id
        )
    }
}
