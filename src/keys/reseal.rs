//! Sealing every key under the ring's first master key, while servers run.
//!
//! First the store is told that no other key seals any more; then nothing new appears under an
//! old one, and what is left only gets less. Each batch is a transaction of its own, each key is
//! exchanged only if it is still as it was read: it may be killed at any moment and run again, or
//! twice at once. Must not know: who asked for it.

use std::time::{Duration, Instant};

use crate::access::ha1_place;
use crate::crypto::{KeyRing, KeyTag, RingError};
use crate::domain::{Entropy, Kid, Timestamp};
use crate::store::{Resealed, SealedKey, SealedUnder, Store};

use super::{KeysError, place};

/// Keys of one transaction.
const BATCH: u16 = 200;
/// The longest rest after a batch.
const REST: Duration = Duration::from_millis(200);

/// What [`reseal`] has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Keys sealed anew by this run.
    pub done: u64,
    /// Keys that were not under the sealing key when it began.
    pub of: u64,
}

/// What [`reseal`] has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rekeyed {
    /// The master key that seals now, alone.
    pub sealing: KeyTag,
    /// How many keys this run sealed anew.
    pub done: u64,
    /// Keys that are still under another one, by that.
    pub left: Vec<SealedUnder>,
    /// Keys that their master key does not open.
    pub damaged: Vec<Kid>,
}

/// Seals every key that the ring opens under its first key. Master keys of the ring and of the
/// store other than that are retired: no server of this store seals under one again.
pub async fn reseal(
    store: &Store,
    ring: &KeyRing,
    entropy: &dyn Entropy,
    now: Timestamp,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Rekeyed, KeysError> {
    let sealing = ring.sealing();
    let others = |used: Vec<KeyTag>| used.into_iter().filter(|tag| *tag != sealing);
    let mut retired: Vec<KeyTag> = others(ring.tags().collect()).collect();
    retired.extend(others(store.masters_in_use().await?));
    store.retire_masters(sealing, &retired, now).await?;

    let mut run = Run {
        store,
        ring,
        entropy,
        so_far: Progress {
            done: 0,
            of: count(&left(store, sealing).await?),
        },
        damaged: Vec::new(),
    };
    progress(run.so_far);
    for tag in others(ring.tags().collect()) {
        run.under(tag, progress).await?;
        run.digests_under(tag).await?;
    }
    Ok(Rekeyed {
        sealing,
        done: run.so_far.done,
        damaged: run.damaged,
        left: left(store, sealing).await?,
    })
}

async fn left(store: &Store, sealing: KeyTag) -> Result<Vec<SealedUnder>, KeysError> {
    let mut all = store.sealed_under().await?;
    all.retain(|under| under.tag != Some(sealing));
    Ok(all)
}

fn count(under: &[SealedUnder]) -> u64 {
    under.iter().map(|under| under.keys).sum()
}

/// One run.
struct Run<'r> {
    store: &'r Store,
    ring: &'r KeyRing,
    entropy: &'r dyn Entropy,
    so_far: Progress,
    damaged: Vec<Kid>,
}

impl Run<'_> {
    /// Every key under one master key. Servers get as much time as each batch took.
    async fn under(
        &mut self,
        tag: KeyTag,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), KeysError> {
        let mut last = None;
        loop {
            let begun = Instant::now();
            let page = self.store.sealed_page(tag, last, BATCH).await?;
            let Some(end) = page.last() else {
                return Ok(());
            };
            last = Some(end.kid);
            let changes = self.sealed_anew(page)?;
            self.so_far.done += self.store.reseal(&changes).await?;
            progress(self.so_far);
            tokio::time::sleep(begun.elapsed().min(REST)).await;
        }
    }

    /// Every digest of a packager's password under one master key. One that does not open stays, and is told of by
    /// what is left.
    async fn digests_under(&mut self, tag: KeyTag) -> Result<(), KeysError> {
        for (id, before) in self.store.sealed_ha1s(tag).await? {
            let place = ha1_place(&id);
            let Ok(plain) = self.ring.open(place, &before) else {
                tracing::error!(credential = id, "the digest of a password does not open");
                continue;
            };
            let after = self.ring.seal(place, &plain, self.entropy);
            self.so_far.done += u64::from(self.store.reseal_ha1(&id, (&before, &after)).await?);
        }
        Ok(())
    }

    fn sealed_anew(&mut self, page: Vec<SealedKey>) -> Result<Vec<Resealed>, KeysError> {
        let mut changes = Vec::with_capacity(page.len());
        for before in page {
            let place = place(&before.kid);
            match self.ring.open(place, &before.sealed) {
                Ok(plain) => changes.push(Resealed {
                    after: self.ring.seal(place, &plain, self.entropy),
                    before,
                }),
                Err(RingError::Damaged) => self.damaged.push(before.kid),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests;
