//! Leases of named encryptors: who holds one until when, and which schedule it follows.
//!
//! Must not know: what is leased, or how long.

use crate::crash;
use crate::domain::{Holder, StreamId, Timestamp};

use super::announced::{self, Patience, Settled};
use super::columns::{loaded, stored};
use super::link::{Tx, execute, fetch_all, fetch_optional};
use super::{Lock, Store, StoreError};

/// Encryptors of one stream that are remembered, and so that hold leases.
const ENCRYPTORS_KEPT: i64 = 64;
/// Whoever was not heard of for this long, in milliseconds, may be forgotten for a newcomer; and a
/// clock that is further behind the last sign of life has gone back.
const SILENCE: i64 = 10_000;

/// An encryptor that asks for a lease.
#[derive(Debug, Clone, Copy)]
pub struct Hold<'a> {
    /// Its name.
    pub instance: &'a str,
    /// The schedule's version that it says it follows.
    pub follows: Option<u64>,
    /// When its lease is to end.
    pub ends: Timestamp,
}

/// What came of [`Store::hold`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// It holds the lease, and that is durable. With what became of an announced change, if there
    /// was one.
    Yes(Option<Settled>),
    /// There is no such stream.
    Unregistered,
    /// As many as a stream may have hold leases, and all are alive.
    Full,
}

impl Store {
    /// Gives an encryptor a lease, and notes what it acknowledges thereby.
    pub async fn hold(
        &self,
        stream: &StreamId,
        ask: Hold<'_>,
        now: Timestamp,
    ) -> Result<Held, StoreError> {
        let mut on = self.write(Lock::Stream(stream)).await?;
        let Some(version) = version(&mut on, stream).await? else {
            return Ok(Held::Unregistered);
        };
        heal(&mut on, stream, now).await?;
        if is_full(&mut on, stream, ask.instance, now).await? {
            return Ok(Held::Full);
        }
        let follows = ask.follows.filter(|follows| *follows <= version);
        execute!(
            on,
            "INSERT INTO encryptors (stream, instance, acknowledged, seen, lease_end)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (stream, instance) DO UPDATE SET
                acknowledged = CASE WHEN excluded.acknowledged > encryptors.acknowledged
                               THEN excluded.acknowledged ELSE encryptors.acknowledged END,
                seen = excluded.seen, lease_end = excluded.lease_end",
            stream.as_str(),
            ask.instance,
            stored(follows.unwrap_or(0), "a version")?,
            now.millis(),
            ask.ends.millis()
        )?;
        forget_some(&mut on, stream, now).await?;
        crash::point("lease.noted");
        let settled = announced::settle(&mut on, stream, now, Patience::ByClock).await?;
        on.commit().await?;
        crash::point("lease.held");
        Ok(Held::Yes(settled))
    }

    /// The encryptors whose leases have not ended, by name.
    pub async fn holders(
        &self,
        stream: &StreamId,
        now: Timestamp,
    ) -> Result<Vec<Holder>, StoreError> {
        let mut on = self.write(Lock::Stream(stream)).await?;
        heal(&mut on, stream, now).await?;
        let holders = holders(&mut on, stream, now).await?;
        on.commit().await?;
        Ok(holders)
    }
}

/// The stream's version; `None` if it is not registered.
pub(super) async fn version(on: &mut Tx, stream: &StreamId) -> Result<Option<u64>, StoreError> {
    let row = fetch_optional!(
        on,
        (i64,),
        "SELECT version FROM streams WHERE stream = $1 AND removed IS NULL",
        stream.as_str()
    )?;
    Ok(row.map(|(version,)| loaded(version)))
}

/// After the clock went back: who was heard of in what is now the future was heard of now, and its
/// lease lasts as long from now on as it did then. Otherwise it would be awaited for as long as the
/// clock went back, and never be silent.
pub(super) async fn heal(on: &mut Tx, stream: &StreamId, now: Timestamp) -> Result<(), StoreError> {
    execute!(
        on,
        "UPDATE encryptors SET
            lease_end = lease_end - (seen - $2), seen = $2,
            advanced = CASE WHEN advanced > $2 THEN $2 ELSE advanced END
         WHERE stream = $1 AND seen > $3",
        stream.as_str(),
        now.millis(),
        now.millis().saturating_add(SILENCE)
    )
    .map(drop)
}

/// The encryptors whose leases have not ended, by name.
pub(super) async fn holders(
    on: &mut Tx,
    stream: &StreamId,
    now: Timestamp,
) -> Result<Vec<Holder>, StoreError> {
    let rows = fetch_all!(
        on,
        (String, i64, i64, i64),
        "SELECT instance, lease_end, seen, acknowledged FROM encryptors
         WHERE stream = $1 AND lease_end > $2 ORDER BY instance",
        stream.as_str(),
        now.millis()
    )?;
    let holder = |(instance, lease_end, seen, acknowledged)| Holder {
        instance,
        lease_end: Timestamp::from_millis(lease_end),
        seen: Timestamp::from_millis(seen),
        acknowledged: loaded(acknowledged),
    };
    Ok(rows.into_iter().map(holder).collect())
}

async fn is_full(
    on: &mut Tx,
    stream: &StreamId,
    newcomer: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let alive = fetch_optional!(
        on,
        (i64,),
        "SELECT count(*) FROM encryptors
         WHERE stream = $1 AND instance <> $2 AND lease_end > $3 AND seen > $4",
        stream.as_str(),
        newcomer,
        now.millis(),
        now.millis().saturating_sub(SILENCE)
    )?;
    Ok(alive.is_some_and(|(alive,)| alive >= ENCRYPTORS_KEPT))
}

/// More encryptors than are remembered: those without a lease go first, then the silent ones.
pub(super) async fn forget_some(
    on: &mut Tx,
    stream: &StreamId,
    now: Timestamp,
) -> Result<(), StoreError> {
    execute!(
        on,
        "DELETE FROM encryptors WHERE stream = $1 AND instance IN (
            SELECT e.instance FROM encryptors e WHERE e.stream = $1
            ORDER BY CASE WHEN e.lease_end > $2 AND e.seen > $3 THEN 0
                          WHEN e.lease_end > $2 THEN 1 ELSE 2 END,
                     e.seen DESC, e.instance
            LIMIT 1000 OFFSET $4
         )",
        stream.as_str(),
        now.millis(),
        now.millis().saturating_sub(SILENCE),
        ENCRYPTORS_KEPT
    )
    .map(drop)
}
