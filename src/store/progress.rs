//! What encryptors report: heartbeats, the ledger of key use, and how far a stream has come.
//!
//! Must not know: what retention or a cut makes of it.

use std::time::Duration;

use crate::crash;
use crate::domain::{Kid, Rendition, StreamId, Timestamp};

use super::announced::{self, Patience, Settled};
use super::columns::{loaded, stored};
use super::link::{Tx, execute, fetch_all, fetch_optional};
use super::{Lock, Progressed, Store, StoreError, Undated, claims, leases, reaches};

/// Renditions that the ledger notes for one key.
const RENDITIONS_NOTED: i64 = 256;
/// Bounds of the measured pace, in milliseconds a segment.
const PACES: std::ops::RangeInclusive<i64> = 50..=60_000;

/// An encryptor's sign of life.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeat<'a> {
    /// Its name.
    pub instance: &'a str,
    /// The schedule version that it follows.
    pub acknowledged: u64,
    /// The furthest segment that it lists.
    pub segment: Option<u64>,
    /// The programme time of the furthest segment, if it has one.
    pub time: Option<Timestamp>,
    /// It gives its lease up.
    pub is_leaving: bool,
}

impl Heartbeat<'_> {
    /// The sign of life alone. What was published under another stream's keys says nothing of how
    /// far this one has come.
    fn unmoved(self) -> Self {
        Self {
            segment: None,
            time: None,
            ..self
        }
    }
}

/// Segments of a rendition that a published playlist lists under one key.
#[derive(Debug, Clone, Copy)]
pub struct Usage<'a> {
    /// The key.
    pub kid: Kid,
    /// The rendition.
    pub rendition: &'a Rendition,
    /// The first such segment.
    pub first: u64,
    /// The last such segment.
    pub last: u64,
    /// How long the playlist is.
    pub duration: Duration,
    /// Whether nothing ever leaves the playlist.
    pub is_kept: bool,
}

/// What an encryptor reports, and asks to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Its sign of life.
    pub beat: Heartbeat<'a>,
    /// What its playlists list.
    pub usages: &'a [Usage<'a>],
    /// How far its renditions have come.
    pub renditions: &'a [Progressed<'a>],
    /// Segments that want a time.
    pub claims: &'a [Undated<'a>],
    /// Segments whose times it took from its clock.
    pub taken: &'a [(Undated<'a>, Timestamp)],
}

/// What [`Store::record`] answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The stream's version.
    pub version: u64,
    /// The times of the claimed segments, in the order asked, then of those that were taken.
    pub claims: Vec<Timestamp>,
    /// Reported keys that are not the stream's. Nothing was noted for them, and a report with one
    /// of them does not move the stream.
    pub foreign: usize,
    /// What became of an announced change, if there was one.
    pub settled: Option<Settled>,
}

/// How far a stream has come, by what its encryptors reported and claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// The furthest segment.
    pub segment: Option<u64>,
    /// The furthest programme time.
    pub time: Option<Timestamp>,
    /// Wall time from one segment to the next, of the fastest encryptor.
    pub pace: Option<Duration>,
}

impl Store {
    /// Notes a report and decides its claims, all or nothing. `None` if the stream is not
    /// registered.
    pub async fn record(
        &self,
        stream: &StreamId,
        report: Report<'_>,
        now: Timestamp,
    ) -> Result<Option<Recorded>, StoreError> {
        let mut on = self.write(Lock::Stream(stream)).await?;
        let Some(version) = leases::version(&mut on, stream).await? else {
            return Ok(None);
        };
        leases::heal(&mut on, stream, now).await?;
        let mut foreign = 0;
        for usage in report.usages {
            let known = note_usage(&mut on, stream, usage, now).await?;
            foreign += usize::from(!known);
        }
        let beat = match foreign {
            0 => report.beat,
            _ => report.beat.unmoved(),
        };
        note_beat(&mut on, stream, beat, version, now).await?;
        for progressed in report.renditions.iter().filter(|_| foreign == 0) {
            reaches::note(&mut on, stream, progressed, now).await?;
        }
        crash::point("report.noted");
        let claims = claims::assign(&mut on, stream, report.claims, report.taken, now).await?;
        let settled = announced::settle(&mut on, stream, now, Patience::ByClock).await?;
        let version = leases::version(&mut on, stream).await?.unwrap_or(version);
        on.commit().await?;
        crash::point("report.committed");
        Ok(Some(Recorded {
            version,
            claims,
            foreign,
            settled,
        }))
    }

    /// The renditions that were reported under the stream's keys or have keys of their own, a hundred
    /// at most, in order.
    pub async fn renditions(&self, stream: &StreamId) -> Result<Vec<Rendition>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            (String,),
            "SELECT u.rendition FROM usages u JOIN periods p ON p.kid = u.kid WHERE p.stream = $1
             UNION SELECT p.rendition FROM periods p WHERE p.stream = $1 AND p.rendition <> ''
             ORDER BY 1 LIMIT 100",
            stream.as_str()
        )?;
        Ok(rows
            .iter()
            .filter_map(|(name,)| name.parse().ok())
            .collect())
    }

    /// How far the stream has come. Encryptors that fell silent more than `window` before the
    /// last sign of life of any do not count.
    pub async fn reach(&self, stream: &StreamId, window: Duration) -> Result<Reach, StoreError> {
        let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        let mut on = self.read().await?;
        let reported = fetch_optional!(
            on,
            (Option<i64>, Option<i64>, Option<i64>),
            "SELECT max(segment), max(time), min(pace) FROM encryptors
             WHERE stream = $1
               AND seen >= (SELECT max(e.seen) FROM encryptors e WHERE e.stream = $1) - $2",
            stream.as_str(),
            window
        )?;
        let claimed = fetch_optional!(
            on,
            (i64, i64),
            "SELECT segment, time FROM claims WHERE stream = $1 AND numbering = ''
             ORDER BY segment DESC LIMIT 1",
            stream.as_str()
        )?;
        let (segment, time, pace) = reported.unwrap_or_default();
        Ok(Reach {
            segment: segment.max(claimed.map(|(segment, _)| segment)).map(loaded),
            time: time
                .max(claimed.map(|(_, time)| time))
                .map(Timestamp::from_millis),
            pace: pace.map(|millis| Duration::from_millis(loaded(millis))),
        })
    }
}

/// What is known of an encryptor's progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, sqlx::FromRow)]
struct Known {
    segment: Option<i64>,
    time: Option<i64>,
    advanced: Option<i64>,
    pace: Option<i64>,
}

async fn note_beat(
    on: &mut Tx,
    stream: &StreamId,
    beat: Heartbeat<'_>,
    version: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let before = fetch_optional!(
        on,
        Known,
        "SELECT segment, time, advanced, pace FROM encryptors WHERE stream = $1 AND instance = $2",
        stream.as_str(),
        beat.instance
    )?;
    let segment = beat
        .segment
        .map(|at| stored(at, "a segment number"))
        .transpose()?;
    let is_new = before.is_none();
    let time = beat.time.map(Timestamp::millis);
    let known = before
        .unwrap_or_default()
        .after(segment, time, now.millis());
    execute!(
        on,
        "INSERT INTO encryptors (stream, instance, acknowledged, seen, segment, time,
                                 advanced, pace)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (stream, instance) DO UPDATE SET
            acknowledged = CASE WHEN excluded.acknowledged > encryptors.acknowledged
                           THEN excluded.acknowledged ELSE encryptors.acknowledged END,
            seen = excluded.seen,
            segment = excluded.segment, time = excluded.time,
            advanced = excluded.advanced, pace = excluded.pace",
        stream.as_str(),
        beat.instance,
        // A version that is still to come is no acknowledgement of it.
        stored(
            if beat.acknowledged > version {
                0
            } else {
                beat.acknowledged
            },
            "a version"
        )?,
        now.millis(),
        known.segment,
        known.time,
        known.advanced,
        known.pace
    )?;
    if beat.is_leaving {
        execute!(
            on,
            "UPDATE encryptors SET lease_end = NULL WHERE stream = $1 AND instance = $2",
            stream.as_str(),
            beat.instance
        )?;
    }
    if is_new {
        leases::forget_some(on, stream, now).await?;
    }
    Ok(())
}

impl Known {
    /// After a report at `now`. One that lists nothing takes nothing back: the playlists that
    /// were listed before may still be out. The pace is a moving average, so that one late
    /// report does not decide it.
    fn after(self, segment: Option<i64>, time: Option<i64>, now: i64) -> Self {
        let Some(to) = segment else {
            return self;
        };
        let reported = Self {
            segment,
            time,
            ..self
        };
        let (Some(from), Some(at)) = (self.segment, self.advanced) else {
            return Self {
                advanced: Some(now),
                ..reported
            };
        };
        if to <= from {
            return reported;
        }
        let sample = (now.saturating_sub(at) / (to - from)).clamp(*PACES.start(), *PACES.end());
        Self {
            advanced: Some(now),
            pace: Some(self.pace.map_or(sample, |pace| (3 * pace + sample) / 4)),
            ..reported
        }
    }
}

/// Widens the key's entry in the ledger and makes a pending period active; `false` if the key is
/// not the stream's. More renditions than a stream has are left out.
async fn note_usage(
    on: &mut Tx,
    stream: &StreamId,
    usage: &Usage<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let kid = usage.kid.as_bytes().as_slice();
    let number = |at| stored(at, "a segment number");
    let (first, last) = (number(usage.first)?, number(usage.last)?);
    let known = fetch_optional!(
        on,
        (String,),
        "SELECT state FROM periods WHERE kid = $1 AND stream = $2",
        kid,
        stream.as_str()
    )?;
    match known.as_ref().map(|(state,)| state.as_str()) {
        None => return Ok(false),
        Some("destroyed") => return Ok(true), // the ledger is no longer wanted
        Some(_) => {}
    }
    execute!(
        on,
        "INSERT INTO usages (kid, rendition, first, last, last_listed, duration, kept)
         SELECT $1, $2, $3, $4, $5, $7, $8
         WHERE (SELECT count(*) FROM usages u WHERE u.kid = $1) < $6
            OR EXISTS (SELECT 1 FROM usages u WHERE u.kid = $1 AND u.rendition = $2)
         ON CONFLICT (kid, rendition) DO UPDATE SET
            first = CASE WHEN excluded.first < usages.first
                    THEN excluded.first ELSE usages.first END,
            last = CASE WHEN excluded.last > usages.last
                   THEN excluded.last ELSE usages.last END,
            last_listed = CASE WHEN excluded.last_listed > usages.last_listed
                          THEN excluded.last_listed ELSE usages.last_listed END,
            duration = CASE WHEN excluded.duration > usages.duration
                       THEN excluded.duration ELSE usages.duration END,
            kept = CASE WHEN excluded.kept > usages.kept
                   THEN excluded.kept ELSE usages.kept END",
        kid,
        usage.rendition.as_str(),
        first,
        last,
        now.millis(),
        RENDITIONS_NOTED,
        i64::try_from(usage.duration.as_millis()).unwrap_or(i64::MAX),
        i64::from(usage.is_kept)
    )?;
    execute!(
        on,
        "UPDATE periods SET state = 'active' WHERE kid = $1 AND state = 'pending'",
        kid
    )?;
    Ok(true)
}

#[cfg(test)]
mod tests;
