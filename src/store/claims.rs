//! Claims: the programme times that the server gives to segments which carry none.
//!
//! The first writer wins, and times follow segment numbers. Must not know: periods.

use crate::crash;
use crate::domain::{StreamId, Timestamp};

use super::StoreError;
use super::columns::stored;
use super::link::{Tx, execute, fetch_optional};

/// Claims of a stream that are kept however old they are.
const KEPT_ALWAYS: i64 = 1_000;
/// Claims of a stream that are kept at most.
const KEPT_AT_MOST: i64 = 50_000;
/// How far an encryptor's clock may be ahead of the server's, in milliseconds.
const SKEW: i64 = 5_000;
/// How long a claim is kept, in milliseconds.
const KEPT_FOR: i64 = 86_400_000;

/// The times of `segments`, then of those in `taken`, in the order asked. A segment without a time
/// is given the one that was taken for it, or else `now`, as far as its neighbours allow.
pub(super) async fn assign(
    on: &mut Tx,
    stream: &StreamId,
    segments: &[u64],
    taken: &[(u64, Timestamp)],
    now: Timestamp,
) -> Result<Vec<(u64, Timestamp)>, StoreError> {
    // What was taken first: it is published under these times already.
    let taken = taken
        .iter()
        .map(|(segment, time)| (*segment, believed(*time, now)));
    let wanted = segments.iter().map(|segment| (*segment, now));
    let (mut assigned, mut made) = (Vec::new(), false);
    for (segment, wanted) in taken.chain(wanted) {
        let column = stored(segment, "a segment number")?;
        let time = match claimed(on, stream, column).await? {
            Some(time) => time,
            None => {
                made = true;
                claim(on, stream, (column, wanted), now).await?
            }
        };
        assigned.push((segment, Timestamp::from_millis(time)));
    }
    if made {
        prune(on, stream, now).await?;
    }
    let first = assigned.len().saturating_sub(segments.len());
    assigned.rotate_left(first);
    Ok(assigned)
}

/// A time that an encryptor took from its clock, as far as this server's clock allows: the server
/// was away for a while, and clocks differ a little.
fn believed(taken: Timestamp, now: Timestamp) -> Timestamp {
    let earliest = now.millis().saturating_sub(KEPT_FOR);
    let latest = now.millis().saturating_add(SKEW);
    Timestamp::from_millis(taken.millis().clamp(earliest, latest))
}

async fn claimed(on: &mut Tx, stream: &StreamId, segment: i64) -> Result<Option<i64>, StoreError> {
    let row = fetch_optional!(
        on,
        (i64,),
        "SELECT time FROM claims WHERE stream = $1 AND segment = $2",
        stream.as_str(),
        segment
    )?;
    Ok(row.map(|(time,)| time))
}

/// Never earlier than the next lower claimed segment, nor later than the next higher one.
async fn claim(
    on: &mut Tx,
    stream: &StreamId,
    (segment, wanted): (i64, Timestamp),
    now: Timestamp,
) -> Result<i64, StoreError> {
    let now = now.millis();
    let below = fetch_optional!(
        on,
        (i64, i64),
        "SELECT time, made FROM claims WHERE stream = $1 AND segment < $2
         ORDER BY segment DESC LIMIT 1",
        stream.as_str(),
        segment
    )?;
    let above = fetch_optional!(
        on,
        (i64,),
        "SELECT time FROM claims WHERE stream = $1 AND segment > $2
         ORDER BY segment LIMIT 1",
        stream.as_str(),
        segment
    )?;
    let time = wanted
        .millis()
        .max(below.map_or(i64::MIN, |(time, made)| time_after(time, made, now)))
        .min(above.map_or(i64::MAX, |(time,)| time));
    crash::point("claim.placed");
    execute!(
        on,
        "INSERT INTO claims (stream, segment, time, made) VALUES ($1, $2, $3, $4)",
        stream.as_str(),
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
async fn prune(on: &mut Tx, stream: &StreamId, now: Timestamp) -> Result<(), StoreError> {
    for (kept, made_before) in [
        (KEPT_ALWAYS, now.millis().saturating_sub(KEPT_FOR)),
        (KEPT_AT_MOST, i64::MAX),
    ] {
        execute!(
            on,
            "DELETE FROM claims WHERE stream = $1 AND made < $2 AND segment <= (
                SELECT c.segment FROM claims c WHERE c.stream = $1
                ORDER BY c.segment DESC LIMIT 1 OFFSET $3
             )",
            stream.as_str(),
            made_before,
            kept
        )?;
    }
    Ok(())
}
