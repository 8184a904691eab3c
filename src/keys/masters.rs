//! The ring on a store: which of its keys seals, and whether it opens what the store holds.
//!
//! The first key that is not retired seals: a server that still runs with the order of before a
//! rekey goes on under the new key, as soon as the store refuses the old one. Must not know: what
//! is sealed.

use std::sync::atomic::{AtomicUsize, Ordering};

use zeroize::Zeroizing;

use crate::crypto::{KeyRing, KeyTag, Place, RingError};
use crate::domain::Entropy;
use crate::store::Store;

use super::KeysError;

/// The ring, and which of its keys seals now.
pub(super) struct Masters {
    ring: KeyRing,
    sealing: AtomicUsize,
}

impl Masters {
    /// The first seals until the store says that it is retired.
    pub(super) fn new(ring: KeyRing) -> Self {
        Self {
            ring,
            sealing: AtomicUsize::new(0),
        }
    }

    pub(super) fn seal(&self, place: Place<'_>, plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let at = self.sealing.load(Ordering::Acquire);
        match self.ring.tags().nth(at) {
            Some(tag) => self.ring.seal_under(tag, place, plain, entropy),
            None => Err(RingError::AllRetired),
        }
        .unwrap_or_else(|_| self.ring.seal(place, plain, entropy))
    }

    pub(super) fn open(
        &self,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, RingError> {
        self.ring.open(place, sealed)
    }

    /// Learns from the store which keys are retired; an error if that are all of them.
    pub(super) async fn follow(&self, store: &Store) -> Result<(), KeysError> {
        let retired = store.retired_masters().await?;
        let at = self.ring.tags().position(|tag| !retired.contains(&tag));
        let at = at.ok_or_else(|| KeysError::from(RingError::AllRetired))?;
        if self.sealing.swap(at, Ordering::AcqRel) != at && at > 0 {
            let (first, tag) = (self.ring.sealing(), self.ring.tags().nth(at));
            tracing::warn!(
                retired = %first,
                sealing = ?tag,
                "the first key of keys.master_keys is retired: put the sealing one first"
            );
        }
        Ok(())
    }

    /// Whether each key of the store is sealed under a key of the ring. Opens none.
    pub(super) async fn cover(&self, store: &Store) -> Result<(), KeysError> {
        let used = store.masters_in_use().await?;
        let has = |tag: &KeyTag| self.ring.tags().any(|own| own == *tag);
        match used.into_iter().find(|tag| !has(tag)) {
            Some(tag) => Err(RingError::UnknownKey(tag).into()),
            None => Ok(()),
        }
    }
}
