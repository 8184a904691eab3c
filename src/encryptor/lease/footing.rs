//! Which key a segment gets when the lease, or the leased keys, have come to their end.
//!
//! Must not know: clocks.

use std::sync::Arc;

use super::{HeldKey, KeyFault, Lease, Standing};
use crate::domain::{Rendition, Slot};
use crate::encryptor::term::Footing;

impl Lease {
    /// The key for a segment of `rendition` in `slot` on `footing`: its own, or the last one before
    /// where that is held over.
    pub(in crate::encryptor) fn key_on(
        &self,
        rendition: &Rendition,
        slot: Slot,
        footing: Footing,
    ) -> Result<Arc<HeldKey>, KeyFault> {
        let own = self.key(rendition, slot);
        let is_held_over = match (footing, &own) {
            (Footing::Ended, _) => return Err(KeyFault::Ended),
            (Footing::Held, Err(KeyFault::Missing | KeyFault::NotServed)) => true,
            (Footing::HeldPastKeys, Err(KeyFault::Missing)) => self.is_past(rendition, slot),
            _ => false,
        };
        let last = || self.last_before(rendition, slot);
        own.or_else(|fault| is_held_over.then(last).flatten().ok_or(fault))
    }

    /// The last good key before `slot`.
    fn last_before(&self, rendition: &Rendition, slot: Slot) -> Option<Arc<HeldKey>> {
        let before = self
            .own(rendition)
            .filter(|held| held.index < slot.index && matches!(held.standing, Standing::Served));
        before.max_by_key(|held| held.index).cloned()
    }

    /// Whether `slot` comes after all leased periods.
    fn is_past(&self, rendition: &Rendition, slot: Slot) -> bool {
        self.own(rendition).all(|held| held.index < slot.index)
    }

    fn own(&self, rendition: &Rendition) -> impl Iterator<Item = &Arc<HeldKey>> {
        self.scheduled(Some(rendition)).map(|(_, held)| held)
    }
}
