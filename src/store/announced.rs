//! Changes of a schedule that encryptors have yet to acknowledge.
//!
//! An announced era is in the schedule at once; a row says that it may still be taken back, and
//! until when. Whoever looks next settles it, in one transaction with what it came to do, so that
//! a server that is killed meanwhile leaves nothing half done. Must not know: how a boundary is
//! chosen, or how encryptors are told.

use crate::crash;
use crate::domain::{Announced, Boundary, Holder, StreamId, Timestamp, Verdict};

use super::changes::{Change, tell};
use super::columns::{boundary, loaded, stored};
use super::leases::{heal, holders};
use super::link::{Tx, execute, fetch_optional};
use super::{Lock, Store, StoreError};

/// How long an announced change is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As long as the clock says.
    ByClock,
    /// Whoever waited has done so long enough, whatever the clock says.
    RanOut,
    /// It is to stand, whoever has not acknowledged it.
    Waived,
}

/// What became of an announced change, and who has not acknowledged it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is still waited for these.
    Waiting(Vec<Holder>),
    /// It takes effect.
    Stands(Vec<Holder>),
    /// It is gone from the schedule, whose version counted up.
    TakenBack(Vec<Holder>),
}

/// An announced change, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The schedule's version with the change in it.
    pub version: u64,
    /// Where its era begins.
    pub start: Boundary,
    /// What became of it.
    pub settled: Settled,
}

impl Store {
    /// Settles the stream's announced change, if there is one and it is time. `None` if there is
    /// none. The patience is with the change of version `of`, if one is
    /// said; another is waited for by the clock.
    pub async fn settle(
        &self,
        stream: &StreamId,
        now: Timestamp,
        (patience, of): (Patience, Option<u64>),
    ) -> Result<Option<Looked>, StoreError> {
        let mut on = self.write(Lock::Stream(stream)).await?;
        heal(&mut on, stream, now).await?;
        let version = open(&mut on, stream).await?.map(|change| change.version);
        let start = last_start(&mut on, stream).await?;
        let patience = match of.is_none() || of == version {
            true => patience,
            false => Patience::ByClock,
        };
        let settled = settle(&mut on, stream, now, patience).await?;
        on.commit().await?;
        match settled {
            Some(Settled::Stands(_)) => crash::point("cut.confirmed"),
            Some(Settled::TakenBack(_)) => crash::point("cut.withdrawn"),
            _ => {}
        }
        let looked = version.zip(start).zip(settled);
        Ok(looked.map(|((version, start), settled)| Looked {
            version,
            start,
            settled,
        }))
    }
}

/// Notes that the stream's last era, which made it `version`, is not acknowledged yet.
pub(super) async fn announce(
    on: &mut Tx,
    stream: &StreamId,
    change: Announced,
) -> Result<(), StoreError> {
    execute!(
        on,
        "INSERT INTO announced (stream, version, made, settle_by) VALUES ($1, $2, $3, $4)",
        stream.as_str(),
        stored(change.version, "a version")?,
        change.at.millis(),
        change.settle_by.millis()
    )
    .map(drop)
}

/// The stream's announced change.
pub(super) async fn open(on: &mut Tx, stream: &StreamId) -> Result<Option<Announced>, StoreError> {
    let row = fetch_optional!(
        on,
        (i64, i64, i64),
        "SELECT version, made, settle_by FROM announced WHERE stream = $1",
        stream.as_str()
    )?;
    Ok(row.map(|(version, at, settle_by)| Announced {
        version: loaded(version),
        at: Timestamp::from_millis(at),
        settle_by: Timestamp::from_millis(settle_by),
    }))
}

/// As [`Store::settle`], within what is already being done.
pub(super) async fn settle(
    on: &mut Tx,
    stream: &StreamId,
    now: Timestamp,
    patience: Patience,
) -> Result<Option<Settled>, StoreError> {
    let Some(change) = open(on, stream).await? else {
        return Ok(None);
    };
    let mut missed = holders(on, stream, now).await?;
    missed.retain(|holder| holder.acknowledged < change.version);
    let at = match patience {
        Patience::RanOut => now.max(change.settle_by),
        Patience::ByClock | Patience::Waived => now,
    };
    let is_missed = !missed.is_empty() && patience != Patience::Waived;
    let is_reached = is_reached(on, stream, change.at).await?;
    Ok(Some(match change.verdict(at, is_missed, is_reached) {
        Verdict::Wait => Settled::Waiting(missed),
        Verdict::Stand => {
            forget(on, stream).await?;
            crash::point("cut.confirming");
            Settled::Stands(missed)
        }
        Verdict::TakeBack => {
            forget(on, stream).await?;
            take_back(on, stream).await?;
            crash::point("cut.withdrawing");
            Settled::TakenBack(missed)
        }
    }))
}

/// Whether an encryptor that was heard of since `announced` has come as far as the last era.
async fn is_reached(
    on: &mut Tx,
    stream: &StreamId,
    announced: Timestamp,
) -> Result<bool, StoreError> {
    let start = last_start(on, stream).await?;
    let reached = fetch_optional!(
        on,
        (Option<i64>, Option<i64>),
        "SELECT max(segment), max(time) FROM encryptors WHERE stream = $1 AND seen >= $2",
        stream.as_str(),
        announced.millis()
    )?;
    let (segment, time) = reached.unwrap_or_default();
    Ok(match start {
        Some(Boundary::Segment(start)) => segment.is_some_and(|at| loaded(at) >= start),
        Some(Boundary::Time(start)) => time.is_some_and(|at| at >= start.millis()),
        None => false,
    })
}

/// Where the stream's last era begins, which is the announced one if any is.
async fn last_start(on: &mut Tx, stream: &StreamId) -> Result<Option<Boundary>, StoreError> {
    let era = fetch_optional!(
        on,
        (String, i64),
        "SELECT start_kind, start_at FROM eras WHERE stream = $1 ORDER BY seq DESC LIMIT 1",
        stream.as_str()
    )?;
    Ok(era.and_then(|(kind, at)| boundary(&kind, at)))
}

async fn forget(on: &mut Tx, stream: &StreamId) -> Result<(), StoreError> {
    execute!(
        on,
        "DELETE FROM announced WHERE stream = $1",
        stream.as_str()
    )
    .map(drop)
}

/// The version counts up, so that whoever took the era hears that it is gone.
async fn take_back(on: &mut Tx, stream: &StreamId) -> Result<(), StoreError> {
    execute!(
        on,
        "DELETE FROM eras WHERE stream = $1
         AND seq = (SELECT max(e.seq) FROM eras e WHERE e.stream = $1)",
        stream.as_str()
    )?;
    execute!(
        on,
        "UPDATE streams SET version = version + 1 WHERE stream = $1",
        stream.as_str()
    )?;
    tell(on, &Change::Stream(stream.clone())).await
}
