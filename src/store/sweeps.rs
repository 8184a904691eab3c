//! What the sweep of old keys reads and writes: retention's time, keys that are due, their next
//! states.
//!
//! Must not know: when a key is due, or what a state is for.

use std::time::Duration;

use crate::crash;
use crate::domain::{Kid, PeriodState, Rendition, Scope, Slot, StreamId, Timestamp};

use super::brought::{self, BroughtLife};
use super::changes::{Change, tell};
use super::columns::{self, BROUGHT, loaded};
use super::link::{Tx, execute, fetch_all, fetch_optional};
use super::{Lock, Store, StoreError};

/// What decides how long a key is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLife {
    /// The key.
    pub kid: Kid,
    /// Whose it is.
    pub stream: StreamId,
    /// Whether the stream is registered, and the key is of that registration.
    pub is_registered: bool,
    /// What its packager said of it, if that brought the kid; `slot` says nothing then.
    pub brought: Option<BroughtLife>,
    /// The rendition that alone uses it, if it is one's.
    pub rendition: Option<Rendition>,
    /// Where its period lies.
    pub slot: Slot,
    /// How far its life has come.
    pub state: PeriodState,
    /// When it was issued.
    pub issued: Timestamp,
    /// Since when it is in its present condition, if a sweep has noted that.
    pub since: Option<Timestamp>,
    /// When a published playlist listed it last, as far as reported.
    pub listed: Option<Timestamp>,
    /// The longest such playlist.
    pub duration: Duration,
    /// Whether a playlist keeps it for good.
    pub is_kept: bool,
    look: i64,
}

/// What the sweep does with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is in this state from now on, or still. A destroyed key is wiped.
    Note {
        /// The state.
        state: PeriodState,
        /// Since when it is in its condition.
        since: Option<Timestamp>,
        /// Until when it need not be looked at again.
        look: Timestamp,
    },
    /// The row of a destroyed key goes.
    Forget,
}

/// Until when encryptors may go on with what they were leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeaseEnds {
    /// The end of the last lease.
    pub last: Option<Timestamp>,
    /// The end of the last lease, ended or not, of an encryptor that has been silent.
    pub silent: Option<Timestamp>,
}

impl Step {
    /// Whether others, who know the key in `state`, must hear of it.
    fn changes(&self, state: PeriodState) -> bool {
        !matches!(self, Self::Note { state: next, .. } if *next == state)
    }
}

impl Store {
    /// Takes retention's time on to `now`, and gives it: never later than the clock, and never
    /// faster than it by more than `step` between two sweeps.
    pub async fn reckon(&self, now: Timestamp, step: Duration) -> Result<Timestamp, StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        let before = fetch_optional!(on, (i64, i64), "SELECT reckoned, clock FROM sweeps")?;
        let reckoned = before.map_or(now, |(reckoned, clock)| {
            let passed = now.since(Timestamp::from_millis(clock)).min(step);
            Timestamp::from_millis(reckoned).plus(2 * passed).min(now)
        });
        let (was, clock) = before.unwrap_or((i64::MIN, i64::MIN));
        let noted = execute!(
            on,
            "INSERT INTO sweeps (one, reckoned, clock) VALUES (1, $1, $2)
             ON CONFLICT (one) DO UPDATE SET reckoned = excluded.reckoned, clock = excluded.clock
             WHERE sweeps.reckoned = $3 AND sweeps.clock = $4",
            reckoned.millis(),
            now.millis(),
            was,
            clock
        )?;
        crash::point("sweep.reckoned");
        on.commit().await?;
        // Another server that swept meanwhile has taken it on already.
        Ok(match noted {
            0 => Timestamp::from_millis(was).min(now),
            _ => reckoned,
        })
    }

    /// How far retention's time has come, if anything was ever swept.
    pub async fn reckoned(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut on = self.read().await?;
        let row = fetch_optional!(on, (i64,), "SELECT reckoned FROM sweeps")?;
        Ok(row.map(|(reckoned,)| Timestamp::from_millis(reckoned)))
    }

    /// Keys that are to be looked at, `limit` at most, those first that have waited longest.
    pub async fn due(&self, at: Timestamp, limit: u32) -> Result<Vec<KeyLife>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            Row,
            "SELECT p.kid, p.stream, p.rendition, p.boundary_kind, p.boundary, p.slot, p.state, p.issued,
                    p.since, p.look,
                    (SELECT count(*) FROM streams s
                     WHERE s.stream = p.stream AND s.incarnation = p.incarnation
                       AND s.removed IS NULL) AS registered,
                    (SELECT max(u.last_listed) FROM usages u WHERE u.kid = p.kid) AS listed,
                    (SELECT max(u.duration) FROM usages u WHERE u.kid = p.kid) AS duration,
                    (SELECT max(u.kept) FROM usages u WHERE u.kid = p.kid) AS kept
             FROM periods p WHERE p.look <= $1 ORDER BY p.look, p.kid LIMIT $2",
            at.millis(),
            i64::from(limit)
        )?;
        let mut keys: Vec<KeyLife> = Vec::with_capacity(rows.len());
        for row in rows {
            let is_brought = row.rendition.starts_with(BROUGHT);
            let mut key = KeyLife::try_from(row)?;
            if is_brought {
                key.brought = Some(brought::life(&mut on, key.kid).await?);
            }
            keys.push(key);
        }
        Ok(keys)
    }

    /// Until when the stream's encryptors may go on, if they were not heard of since `silent`.
    pub async fn lease_ends(
        &self,
        stream: &StreamId,
        silent: Timestamp,
    ) -> Result<LeaseEnds, StoreError> {
        let mut on = self.read().await?;
        let ends = fetch_optional!(
            on,
            (Option<i64>, Option<i64>),
            "SELECT max(lease_end), max(CASE WHEN seen <= $2 THEN lease_end END)
             FROM encryptors WHERE stream = $1",
            stream.as_str(),
            silent.millis()
        )?;
        let (last, silent) = ends.unwrap_or_default();
        Ok(LeaseEnds {
            last: last.map(Timestamp::from_millis),
            silent: silent.map(Timestamp::from_millis),
        })
    }

    /// Does what was decided with the stream's keys; one that was changed or listed since it was
    /// read is left as it is. Gives the keys that were changed.
    pub async fn apply(
        &self,
        stream: &StreamId,
        steps: &[(KeyLife, Step)],
    ) -> Result<Vec<Kid>, StoreError> {
        let mut on = self.write(Lock::Stream(stream)).await?;
        let (mut changed, mut is_news) = (Vec::new(), false);
        for (key, step) in steps {
            let done = match step {
                Step::Note { state, since, look } => {
                    note(&mut on, key, (*state, *since, *look)).await?
                }
                Step::Forget => forget(&mut on, key).await?,
            };
            changed.extend(done.then_some(key.kid));
            is_news |= done && step.changes(key.state);
        }
        if is_news {
            tell(&mut on, &Change::Keys(stream.clone())).await?;
        }
        crash::point("sweep.changed");
        on.commit().await?;
        crash::point("sweep.committed");
        Ok(changed)
    }
}

async fn note(
    on: &mut Tx,
    key: &KeyLife,
    (state, since, look): (PeriodState, Option<Timestamp>, Timestamp),
) -> Result<bool, StoreError> {
    let kid = key.kid.as_bytes().as_slice();
    let noted = execute!(
        on,
        "UPDATE periods SET
            state = $2, since = $3, look = $4,
            sealed_key = CASE WHEN $5 = 1 THEN NULL ELSE sealed_key END
         WHERE kid = $1 AND state = $6 AND look = $7 AND NOT EXISTS (
            SELECT 1 FROM usages u
            WHERE u.kid = $1 AND (u.last_listed > $8 OR u.kept > $9)
         )",
        kid,
        columns::state_column(state),
        since.map(Timestamp::millis),
        look.millis(),
        i64::from(state == PeriodState::Destroyed),
        columns::state_column(key.state),
        key.look,
        key.listed.map_or(i64::MIN, Timestamp::millis),
        i64::from(key.is_kept)
    )?;
    if noted > 0 && state == PeriodState::Destroyed {
        execute!(on, "DELETE FROM usages WHERE kid = $1", kid)?;
    }
    Ok(noted > 0)
}

async fn forget(on: &mut Tx, key: &KeyLife) -> Result<bool, StoreError> {
    let kid = key.kid.as_bytes().as_slice();
    execute!(on, "DELETE FROM usages WHERE kid = $1", kid)?;
    execute!(on, "DELETE FROM brought WHERE kid = $1", kid)?;
    let gone = execute!(
        on,
        "DELETE FROM periods WHERE kid = $1 AND state = 'destroyed'",
        kid
    )?;
    Ok(gone > 0)
}

#[derive(sqlx::FromRow)]
struct Row {
    kid: Vec<u8>,
    stream: String,
    rendition: String,
    boundary_kind: String,
    boundary: i64,
    slot: i64,
    state: String,
    issued: i64,
    since: Option<i64>,
    look: i64,
    registered: i64,
    listed: Option<i64>,
    duration: Option<i64>,
    kept: Option<i64>,
}

impl TryFrom<Row> for KeyLife {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let kid = super::periods::kid(&row.kid)?;
        let bad = |column| super::periods::inconsistent(kid, column);
        let boundary = columns::boundary(&row.boundary_kind, row.boundary);
        Ok(Self {
            kid,
            stream: row.stream.parse().map_err(|_| bad("stream"))?,
            is_registered: row.registered > 0,
            brought: None,
            rendition: match columns::scope(&row.rendition) {
                Some(Scope::Rendition(rendition)) => Some(rendition),
                _ => None,
            },
            slot: Slot {
                index: row.slot,
                boundary: boundary.ok_or_else(|| bad("boundary"))?,
            },
            state: columns::state(&row.state).ok_or_else(|| bad("state"))?,
            issued: Timestamp::from_millis(row.issued),
            since: row.since.map(Timestamp::from_millis),
            listed: row.listed.map(Timestamp::from_millis),
            duration: Duration::from_millis(loaded(row.duration.unwrap_or(0))),
            is_kept: row.kept.unwrap_or(0) > 0,
            look: row.look,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{cluster, scratch};

    #[tokio::test]
    async fn what_concerns_every_stream_waits_for_none() {
        if cluster().is_none() {
            return; // SQLite has one writer
        }
        let (_scratch, store) = scratch().await;
        let (stream, now) = ("live/a".parse().unwrap(), Timestamp::from_millis(5000));
        let slow = store.write(Lock::Stream(&stream)).await.unwrap();
        let step = Duration::from_secs(1);
        assert_eq!(store.reckon(now, step).await.unwrap(), now);
        assert!(!store.revoke(Kid::from_bytes([7; 16])).await.unwrap());
        assert!(!store.remove_credential("nobody").await.unwrap());
        drop(slow);
    }

    #[tokio::test]
    async fn servers_that_sweep_at_once_take_the_time_on_once() {
        let (_scratch, store) = scratch().await;
        let (at, step) = (Timestamp::from_millis, Duration::from_secs(10));
        assert_eq!(store.reckon(at(0), step).await.unwrap(), at(0));
        let later = at(100_000);
        let all = (0..8).map(|_| store.reckon(later, step));
        for reckoned in futures_util::future::join_all(all).await {
            let reckoned = reckoned.unwrap();
            assert!([at(0), at(20_000)].contains(&reckoned), "{reckoned}");
        }
    }
}
