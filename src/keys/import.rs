//! Keys that another server made: taken over as the one key of a stream that never rotates.
//!
//! For the command line, which has the store and the master keys itself. A key that is there already
//! stays: a kid has one key for ever. Must not know: where a key comes from.

use crate::crypto::{ContentKey, KeyRing};
use crate::domain::{Entropy, Kid, Rotation, Scope, Slot, StreamId, StreamPolicy, Timestamp};
use crate::store::{AddStream, NewPeriod, Store, StreamRow};

use super::{ATTEMPTS, KeysError, place, was_cut};

const ROTATES: &str = "the stream is registered, and rotates: a key that is imported is for ever";
const OTHER: &str = "the stream has another key already, and a kid has one key for ever";

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// What it is called here.
    pub kid: Kid,
    /// Whether it is new.
    pub is_new: bool,
}

/// Registers the stream, if it is not, and gives it this key. [`KeysError::Conflict`] if it has another,
/// or rotates.
pub async fn import(
    (store, ring): (&Store, &KeyRing),
    entropy: &dyn Entropy,
    now: Timestamp,
    (id, key): (&StreamId, &ContentKey),
) -> Result<Imported, KeysError> {
    let mut drawn = None;
    for _ in 0..ATTEMPTS {
        let row = registered(store, id, now).await?;
        let slot = only_slot(&row)?;
        if let Some(known) = known((store, ring), &row, slot, key).await? {
            let is_new = drawn == Some(known.kid);
            return Ok(Imported { is_new, ..known });
        }
        let kid = Kid::random(entropy);
        drawn = Some(kid);
        let period = NewPeriod {
            slot,
            kid,
            sealed_key: ring.seal(place(&kid), key.expose(), entropy),
        };
        store.issue(&row, &Scope::Stream, &[period], now).await?;
    }
    Err(KeysError::Busy)
}

/// What [`import`] would do, without doing it; `None` if the key would be new.
pub async fn would_import(
    store_and_ring: (&Store, &KeyRing),
    (id, key): (&StreamId, &ContentKey),
) -> Result<Option<Imported>, KeysError> {
    let Some(row) = store_and_ring.0.stream(id).await? else {
        return Ok(None);
    };
    let slot = only_slot(&row)?;
    known(store_and_ring, &row, slot, key).await
}

async fn registered(store: &Store, id: &StreamId, now: Timestamp) -> Result<StreamRow, KeysError> {
    let policy = StreamPolicy {
        rotation: Rotation::Never,
        ..StreamPolicy::default()
    };
    if let AddStream::Nested(other) = store.add_stream(id, policy, now).await? {
        return Err(KeysError::Nested(other));
    }
    store.stream(id).await?.ok_or(KeysError::Busy)
}

/// The one period of a stream that has one.
fn only_slot(row: &StreamRow) -> Result<Slot, KeysError> {
    let schedule = &row.stream.schedule;
    let is_one = schedule.rule() == Rotation::Never && !was_cut(schedule);
    let slot = schedule.slot(0).filter(|_| is_one);
    slot.ok_or(KeysError::Conflict(ROTATES))
}

async fn known(
    (store, ring): (&Store, &KeyRing),
    row: &StreamRow,
    slot: Slot,
    key: &ContentKey,
) -> Result<Option<Imported>, KeysError> {
    let mut found = store.periods(row, &Scope::Stream, &[slot]).await?;
    let Some(found) = found.remove(&slot.boundary) else {
        return Ok(None);
    };
    let kid = found.period.kid;
    let sealed = found.sealed_key.ok_or(KeysError::Gone)?;
    let plain = ring.open(place(&kid), &sealed)?;
    match ContentKey::from_slice(&plain).is_some_and(|plain| plain == *key) {
        true => Ok(Some(Imported { kid, is_new: false })),
        false => Err(KeysError::Conflict(OTHER)),
    }
}
