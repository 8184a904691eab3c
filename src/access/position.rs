//! Where a page of a list ends. It may lie at somebody else's row, so whoever goes on from there is
//! shown a sealed text.
//!
//! Must not know: which lists there are.

use super::ring::Ring;
use crate::domain::Entropy;

/// The positions of one list. Another list's are none of its own.
#[derive(Clone, Copy)]
pub(super) struct Positions<'g> {
    pub(super) list: &'static str,
    pub(super) ring: &'g Ring,
    pub(super) entropy: &'g dyn Entropy,
}

impl Positions<'_> {
    /// What to show of a position.
    pub(super) fn sealed(&self, position: &str) -> String {
        self.ring.seal(self.list, position, self.entropy)
    }

    /// The position, if the text is one of this list.
    pub(super) fn opened(&self, text: &str) -> Option<String> {
        self.ring.unseal(self.list, text)
    }
}
