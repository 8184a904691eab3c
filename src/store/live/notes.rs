//! What servers write down of sessions from time to time, many at once: when they were seen last,
//! and which have gone.
//!
//! On Postgres none of these statements waits for a row that somebody else has locked, so that they
//! block no claim; what they leave out is written the next time. Must not know: when that is.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::Timestamp;

use super::{SKEW, SessionName, Watching, text};
use crate::store::link::{Tx, execute, fetch_all};
use crate::store::{Lock, Store, StoreError};

/// The most rows that one statement forgets.
const SWEPT_AT_ONCE: i64 = 5_000;
/// The most displaced sessions that one statement reads.
const READ_AT_ONCE: i64 = 10_000;

/// A session as a server saw it.
#[derive(Debug, Clone)]
pub struct Sighting<'a> {
    /// Which one.
    pub name: &'a SessionName,
    /// Where it watches.
    pub at: Arc<Watching>,
    /// The first address that it came from.
    pub home: Option<IpAddr>,
    /// Since when it is live.
    pub started: Timestamp,
    /// When it was seen last.
    pub seen: Timestamp,
}

/// What came of renewals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Renewed {
    /// They stand, or will the next time: where in the list they were.
    pub written: Vec<usize>,
    /// There is no such session any more.
    pub gone: Vec<usize>,
}

impl Store {
    /// Writes down sessions that the store does not know, and leaves those as they are that it does.
    pub async fn note_sessions(&self, all: &[Sighting<'_>]) -> Result<(), StoreError> {
        let mut sorted: Vec<_> = all.iter().collect();
        // Of two servers that write the same sessions none waits for the other in a circle.
        sorted.sort_by(|one, other| one.name.cmp(other.name));
        let told = told(sorted.into_iter());
        let mut on = self.write(Lock::Rows).await?;
        match &on {
            Tx::Sqlite(_) => execute!(
                on,
                "INSERT INTO live_sessions (scheme, session, subject, stream, device, address, home,
                                            started, seen)
                 SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
                        value ->> 5, value ->> 6, value ->> 7, value ->> 8
                 FROM json_each($1) WHERE true
                 ON CONFLICT (scheme, session, subject) DO NOTHING",
                told.as_str()
            ),
            Tx::Postgres(_) => execute!(
                on,
                "INSERT INTO live_sessions (scheme, session, subject, stream, device, address, home,
                                            started, seen)
                 SELECT r ->> 0, r ->> 1, r ->> 2, r ->> 3, (r ->> 4)::bigint,
                        r ->> 5, r ->> 6, (r ->> 7)::bigint, (r ->> 8)::bigint
                 FROM json_array_elements($1::json) AS rows (r)
                 ON CONFLICT (scheme, session, subject) DO NOTHING",
                told.as_str()
            ),
        }?;
        on.commit().await
    }

    /// Writes down when sessions were seen last, and where. One that has ended is left as it is.
    pub async fn renew_sessions(&self, all: &[Sighting<'_>]) -> Result<Renewed, StoreError> {
        let told = told(all.iter());
        let mut on = self.write(Lock::Rows).await?;
        let renewed = renew(&mut on, &told).await?;
        let known = match renewed.len() == all.len() {
            true => HashSet::new(),
            false => known(&mut on, &told).await?,
        };
        on.commit().await?;
        let key = |at: usize| {
            let name = all[at].name;
            let [scheme, session, subject] = [&*name.scheme, &name.session, &name.subject];
            [scheme.to_owned(), session.to_owned(), subject.to_owned()]
        };
        let mut outcome = Renewed::default();
        for at in 0..all.len() {
            if renewed.len() == all.len() || renewed.contains(&key(at)) {
                outcome.written.push(at);
            } else if !known.contains(&key(at)) {
                outcome.gone.push(at);
            }
        }
        Ok(outcome)
    }

    /// Sessions that lost their slots since then, and when they must be over.
    pub async fn displaced_since(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(SessionName, Timestamp)>, StoreError> {
        let mut found = Vec::new();
        let mut from = since.millis();
        loop {
            let mut on = self.read().await?;
            let rows = fetch_all!(
                on,
                (String, String, String, i64, i64),
                "SELECT scheme, session, subject, ends, displaced FROM live_sessions
                 WHERE displaced >= $1 ORDER BY displaced LIMIT $2",
                from,
                READ_AT_ONCE
            )?;
            let last = rows.last().map_or(from, |row| row.4);
            let is_full = i64::try_from(rows.len()).is_ok_and(|count| count == READ_AT_ONCE);
            found.extend(rows.into_iter().map(|(scheme, session, subject, ends, _)| {
                let scheme = scheme.into();
                let name = SessionName {
                    scheme,
                    subject,
                    session,
                };
                (name, Timestamp::from_millis(ends))
            }));
            if !is_full || last == from {
                return Ok(found);
            }
            from = last;
        }
    }

    /// Forgets some sessions that were not seen after `alive`; `true` if there may be more. Who was
    /// seen in what is now the future, since the clock went back, was seen at `now`.
    pub async fn sweep_sessions(
        &self,
        alive: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        let gone = match &on {
            Tx::Sqlite(_) => execute!(
                on,
                "DELETE FROM live_sessions WHERE (scheme, session, subject) IN (
                    SELECT scheme, session, subject FROM live_sessions
                    WHERE seen <= $1 ORDER BY seen LIMIT $2)",
                alive.millis(),
                SWEPT_AT_ONCE
            ),
            Tx::Postgres(_) => execute!(
                on,
                "DELETE FROM live_sessions WHERE (scheme, session, subject) IN (
                    SELECT scheme, session, subject FROM live_sessions
                    WHERE seen <= $1 ORDER BY seen LIMIT $2 FOR UPDATE SKIP LOCKED)",
                alive.millis(),
                SWEPT_AT_ONCE
            ),
        }?;
        let healed = heal(&mut on, now).await?;
        on.commit().await?;
        let most = u64::try_from(SWEPT_AT_ONCE).unwrap_or(u64::MAX);
        Ok(gone >= most || healed >= most)
    }
}

/// Of sessions that nobody renews any more.
async fn heal(on: &mut Tx, now: Timestamp) -> Result<u64, StoreError> {
    let (now, future) = (now.millis(), now.millis().saturating_add(SKEW));
    match &on {
        Tx::Sqlite(_) => execute!(
            on,
            "UPDATE live_sessions SET
                started = started - (seen - $1), ends = ends - (seen - $1),
                displaced = displaced - (seen - $1), seen = $1
             WHERE (scheme, session, subject) IN (
                SELECT scheme, session, subject FROM live_sessions WHERE seen > $2 LIMIT $3)",
            now,
            future,
            SWEPT_AT_ONCE
        ),
        Tx::Postgres(_) => execute!(
            on,
            "UPDATE live_sessions SET
                started = started - (seen - $1), ends = ends - (seen - $1),
                displaced = displaced - (seen - $1), seen = $1
             WHERE (scheme, session, subject) IN (
                SELECT scheme, session, subject FROM live_sessions WHERE seen > $2 LIMIT $3
                FOR UPDATE SKIP LOCKED)",
            now,
            future,
            SWEPT_AT_ONCE
        ),
    }
}

/// A session's key, as the columns have it.
type Key = [String; 3];

/// The rows that could be renewed. One that was seen in what is now the future moves back with the
/// clock.
async fn renew(on: &mut Tx, told: &str) -> Result<HashSet<Key>, StoreError> {
    let rows = match &on {
        Tx::Sqlite(_) => fetch_all!(
            on,
            (String, String, String),
            "UPDATE live_sessions AS s SET
                stream = t.stream, device = t.device, address = t.address,
                started = CASE WHEN s.seen > t.seen + $2 THEN t.started ELSE s.started END,
                ends = CASE WHEN s.seen > t.seen + $2 THEN s.ends - s.seen + t.seen ELSE s.ends END,
                seen = CASE WHEN s.seen > t.seen + $2 OR s.seen < t.seen THEN t.seen ELSE s.seen END
             FROM (SELECT value ->> 0 AS scheme, value ->> 1 AS session, value ->> 2 AS subject,
                          value ->> 3 AS stream, value ->> 4 AS device, value ->> 5 AS address,
                          value ->> 7 AS started, value ->> 8 AS seen FROM json_each($1)) AS t
             WHERE s.scheme = t.scheme AND s.session = t.session AND s.subject = t.subject
               AND (s.ends IS NULL OR s.ends > t.seen)
             RETURNING scheme, session, subject",
            told,
            SKEW
        ),
        Tx::Postgres(_) => fetch_all!(
            on,
            (String, String, String),
            "UPDATE live_sessions AS s SET
                stream = t.stream, device = t.device, address = t.address,
                started = CASE WHEN s.seen > t.seen + $2 THEN t.started ELSE s.started END,
                ends = CASE WHEN s.seen > t.seen + $2 THEN s.ends - s.seen + t.seen ELSE s.ends END,
                seen = CASE WHEN s.seen > t.seen + $2 OR s.seen < t.seen THEN t.seen ELSE s.seen END
             FROM (
                SELECT r ->> 0 AS scheme, r ->> 1 AS session, r ->> 2 AS subject,
                       r ->> 3 AS stream, (r ->> 4)::bigint AS device, r ->> 5 AS address,
                       (r ->> 7)::bigint AS started, (r ->> 8)::bigint AS seen
                FROM json_array_elements($1::json) AS rows (r)
                JOIN live_sessions l
                  ON l.scheme = r ->> 0 AND l.session = r ->> 1 AND l.subject = r ->> 2
                FOR UPDATE OF l SKIP LOCKED) AS t
             WHERE s.scheme = t.scheme AND s.session = t.session AND s.subject = t.subject
               AND (s.ends IS NULL OR s.ends > t.seen)
             RETURNING s.scheme, s.session, s.subject",
            told,
            SKEW
        ),
    }?;
    Ok(rows.into_iter().map(key).collect())
}

/// The rows that are there.
async fn known(on: &mut Tx, told: &str) -> Result<HashSet<Key>, StoreError> {
    let rows = match &on {
        Tx::Sqlite(_) => fetch_all!(
            on,
            (String, String, String),
            "SELECT s.scheme, s.session, s.subject FROM json_each($1) t
             JOIN live_sessions s ON s.scheme = t.value ->> 0 AND s.session = t.value ->> 1
              AND s.subject = t.value ->> 2",
            told
        ),
        Tx::Postgres(_) => fetch_all!(
            on,
            (String, String, String),
            "SELECT s.scheme, s.session, s.subject FROM json_array_elements($1::json) AS rows (r)
             JOIN live_sessions s ON s.scheme = r ->> 0 AND s.session = r ->> 1
              AND s.subject = r ->> 2",
            told
        ),
    }?;
    Ok(rows.into_iter().map(key).collect())
}

fn key((scheme, session, subject): (String, String, String)) -> Key {
    [scheme, session, subject]
}

/// A JSON array of each, in the order of the columns.
fn told<'a>(all: impl Iterator<Item = &'a Sighting<'a>>) -> String {
    let row = |one: &Sighting<'_>| {
        serde_json::json!([
            one.name.scheme,
            one.name.session,
            one.name.subject,
            one.at.stream.as_str(),
            one.at.device,
            text(one.at.address),
            text(one.home),
            one.started.millis(),
            one.seen.millis(),
        ])
    };
    serde_json::Value::from_iter(all.map(row)).to_string()
}
