//! Claims: the programme times that the server gives to segments which carry none.
//!
//! The first writer wins, and times follow segment numbers. Renditions share them, but for one whose
//! numbers are far behind the others': they run at a speed of their own, and its times are its own from
//! then on. Must not know: periods.

use std::collections::{BTreeMap, BTreeSet};

use crate::crash;
use crate::domain::{Rendition, StreamId, Timestamp};

use super::StoreError;
use super::columns::stored;
use super::link::{Tx, execute, fetch_optional};

/// Claims of a stream that are kept however old they are.
const KEPT_ALWAYS: i64 = 1_000;
/// Claims of a stream that are kept at most.
const KEPT_AT_MOST: i64 = 50_000;
/// How far an encryptor's clock may be ahead of the server's, in milliseconds.
const SKEW: i64 = 5_000;
/// How old the others' time for a number may be, in milliseconds, for whoever comes to it now: packagers
/// write one rendition after another, and some are late.
const TOGETHER: i64 = 60_000;
/// A time that another was given so shortly ago is taken by one with times of its own, too.
const AGAIN: u64 = 10_000;
/// How long a claim is kept, in milliseconds.
const KEPT_FOR: i64 = 86_400_000;

/// A segment that wants a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undated<'a> {
    /// Whose it is; `None` of an encryptor that does not say: the shared numbers hold.
    pub rendition: Option<&'a Rendition>,
    /// Its number.
    pub segment: u64,
}

/// The times of `wanted`, then of those in `taken`, in the order asked. A segment without a time
/// is given the one that was taken for it, or else `now`, as far as its neighbours allow.
pub(super) async fn assign(
    on: &mut Tx,
    stream: &StreamId,
    wanted: &[Undated<'_>],
    taken: &[(Undated<'_>, Timestamp)],
    now: Timestamp,
) -> Result<Vec<Timestamp>, StoreError> {
    // What was taken first: it is published under these times already.
    let taken = taken
        .iter()
        .map(|(undated, time)| (*undated, believed(*time, now)));
    let first = taken.len();
    let wanted = wanted.iter().map(|undated| (*undated, now));
    let all: Vec<_> = taken.chain(wanted).collect();
    let mut desk = Desk {
        on,
        stream,
        now,
        furthest: furthest(&all),
        made: BTreeSet::new(),
    };
    let mut assigned = Vec::new();
    for (undated, wanted) in all {
        let time = desk.time(undated, wanted).await?;
        assigned.push(Timestamp::from_millis(time));
    }
    let Desk { on, made, .. } = desk;
    for numbering in &made {
        prune(on, stream, numbering, now).await?;
    }
    assigned.rotate_left(first);
    Ok(assigned)
}

/// The numbers that renditions share.
const SHARED: &str = "";

fn furthest<'a>(all: &[(Undated<'a>, Timestamp)]) -> BTreeMap<&'a str, u64> {
    let mut furthest: BTreeMap<&str, u64> = BTreeMap::new();
    for (undated, _) in all {
        if let Some(rendition) = undated.rendition {
            let last = furthest.entry(rendition.as_str()).or_default();
            *last = undated.segment.max(*last);
        }
    }
    furthest
}

/// Gives times.
struct Desk<'a> {
    on: &'a mut Tx,
    stream: &'a StreamId,
    now: Timestamp,
    /// How far each rendition is that asks: one that is late and catches up lists the newest, too.
    furthest: BTreeMap<&'a str, u64>,
    /// Numberings in which times were given.
    made: BTreeSet<String>,
}

impl Desk<'_> {
    async fn time(&mut self, of: Undated<'_>, wanted: Timestamp) -> Result<i64, StoreError> {
        let segment = stored(of.segment, "a segment number")?;
        let Some(rendition) = of.rendition else {
            return self.in_numbering(SHARED, segment, wanted).await;
        };
        let own = rendition.as_str();
        if let Some(time) = claimed(self.on, self.stream, own, segment).await? {
            return Ok(time);
        }
        if has_own(self.on, self.stream, own).await? {
            let shared = self.just_shared(segment, wanted).await?;
            return self
                .in_numbering(own, segment, shared.unwrap_or(wanted))
                .await;
        }
        let told = told(self.on, self.stream, own).await?;
        let is_new = told.is_none_or(|told| segment > told);
        let furthest = self.furthest.get(own).copied().unwrap_or(of.segment);
        let furthest = stored(furthest, "a segment number")?;
        if is_new && self.is_long_past(furthest, wanted).await? {
            return self.in_numbering(own, segment, wanted).await;
        }
        if is_new {
            tell(self.on, self.stream, own, segment).await?;
        }
        self.in_numbering(SHARED, segment, wanted).await
    }

    /// The time of a segment in these numbers, given now if there is none.
    async fn in_numbering(
        &mut self,
        numbering: &str,
        segment: i64,
        wanted: Timestamp,
    ) -> Result<i64, StoreError> {
        if let Some(time) = claimed(self.on, self.stream, numbering, segment).await? {
            return Ok(time);
        }
        self.made.insert(numbering.to_owned());
        claim(self.on, self.stream, numbering, (segment, wanted), self.now).await
    }

    /// Whether the others came to the number, or past it, long before `wanted`.
    async fn is_long_past(&mut self, segment: i64, wanted: Timestamp) -> Result<bool, StoreError> {
        let row = fetch_optional!(
            self.on,
            (i64,),
            "SELECT time FROM claims WHERE stream = $1 AND numbering = '' AND segment >= $2
             ORDER BY segment LIMIT 1",
            self.stream.as_str(),
            segment
        )?;
        Ok(row.is_some_and(|(time,)| wanted.millis().saturating_sub(time) > TOGETHER))
    }

    /// The shared time of the number, if that is about the time that is wanted.
    async fn just_shared(
        &mut self,
        segment: i64,
        wanted: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let shared = claimed(self.on, self.stream, SHARED, segment).await?;
        let is_near = |time: &i64| wanted.millis().abs_diff(*time) <= AGAIN;
        Ok(shared.filter(is_near).map(Timestamp::from_millis))
    }
}

/// Whether a rendition has times of its own.
async fn has_own(on: &mut Tx, stream: &StreamId, own: &str) -> Result<bool, StoreError> {
    let row = fetch_optional!(
        on,
        (i64,),
        "SELECT segment FROM claims WHERE stream = $1 AND numbering = $2 LIMIT 1",
        stream.as_str(),
        own
    )?;
    Ok(row.is_some())
}

/// The furthest segment whose time was told to a rendition by the shared numbers.
async fn told(on: &mut Tx, stream: &StreamId, own: &str) -> Result<Option<i64>, StoreError> {
    let row = fetch_optional!(
        on,
        (i64,),
        "SELECT segment FROM claimants WHERE stream = $1 AND rendition = $2",
        stream.as_str(),
        own
    )?;
    Ok(row.map(|(segment,)| segment))
}

async fn tell(on: &mut Tx, stream: &StreamId, own: &str, segment: i64) -> Result<(), StoreError> {
    execute!(
        on,
        "INSERT INTO claimants (stream, rendition, segment) VALUES ($1, $2, $3)
         ON CONFLICT (stream, rendition) DO UPDATE SET segment = excluded.segment",
        stream.as_str(),
        own,
        segment
    )?;
    Ok(())
}

/// A time that an encryptor took from its clock, as far as this server's clock allows: the server
/// was away for a while, and clocks differ a little.
fn believed(taken: Timestamp, now: Timestamp) -> Timestamp {
    let earliest = now.millis().saturating_sub(KEPT_FOR);
    let latest = now.millis().saturating_add(SKEW);
    Timestamp::from_millis(taken.millis().clamp(earliest, latest))
}

async fn claimed(
    on: &mut Tx,
    stream: &StreamId,
    numbering: &str,
    segment: i64,
) -> Result<Option<i64>, StoreError> {
    let row = fetch_optional!(
        on,
        (i64,),
        "SELECT time FROM claims WHERE stream = $1 AND numbering = $2 AND segment = $3",
        stream.as_str(),
        numbering,
        segment
    )?;
    Ok(row.map(|(time,)| time))
}

/// Never earlier than the next lower claimed segment, nor later than the next higher one.
async fn claim(
    on: &mut Tx,
    stream: &StreamId,
    numbering: &str,
    (segment, wanted): (i64, Timestamp),
    now: Timestamp,
) -> Result<i64, StoreError> {
    let now = now.millis();
    let below = fetch_optional!(
        on,
        (i64, i64),
        "SELECT time, made FROM claims WHERE stream = $1 AND numbering = $2 AND segment < $3
         ORDER BY segment DESC LIMIT 1",
        stream.as_str(),
        numbering,
        segment
    )?;
    let above = fetch_optional!(
        on,
        (i64,),
        "SELECT time FROM claims WHERE stream = $1 AND numbering = $2 AND segment > $3
         ORDER BY segment LIMIT 1",
        stream.as_str(),
        numbering,
        segment
    )?;
    let time = wanted
        .millis()
        .max(below.map_or(i64::MIN, |(time, made)| time_after(time, made, now)))
        .min(above.map_or(i64::MAX, |(time,)| time));
    crash::point("claim.placed");
    execute!(
        on,
        "INSERT INTO claims (stream, numbering, segment, time, made) VALUES ($1, $2, $3, $4, $5)",
        stream.as_str(),
        numbering,
        segment,
        time,
        now
    )?;
    crash::point("claim.inserted");
    Ok(time)
}

/// The earliest time after the claim of `time`, made at `made`. Where that one was ahead of the clock,
/// which was set back before, times go on from it at half the clock's pace until the two meet:
/// periods last longer meanwhile, but none lasts as long as the clock was wrong.
fn time_after(time: i64, made: i64, now: i64) -> i64 {
    match time > made {
        true => time.saturating_add(now.saturating_sub(made).max(0) / 2),
        false => time,
    }
}

/// Old claims go, but never the newest; a segment whose claim went is out of every playlist.
async fn prune(
    on: &mut Tx,
    stream: &StreamId,
    numbering: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    for (kept, made_before) in [
        (KEPT_ALWAYS, now.millis().saturating_sub(KEPT_FOR)),
        (KEPT_AT_MOST, i64::MAX),
    ] {
        execute!(
            on,
            "DELETE FROM claims WHERE stream = $1 AND numbering = $4 AND made < $2 AND segment <= (
                SELECT c.segment FROM claims c WHERE c.stream = $1 AND c.numbering = $4
                ORDER BY c.segment DESC LIMIT 1 OFFSET $3
             )",
            stream.as_str(),
            made_before,
            kept,
            numbering
        )?;
    }
    Ok(())
}
