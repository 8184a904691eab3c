//! Who decides about a request: one token, or several that a policy requires together.
//!
//! Must not know: what a policy asks of each.

use std::sync::Arc;

use crate::domain::Principal;

/// Tokens that stand or fall together. The first says who the viewer is.
pub(in crate::access) struct Deciding<'p> {
    first: &'p Arc<Principal>,
    others: Vec<&'p Arc<Principal>>,
}

impl<'p> Deciding<'p> {
    /// Nobody else is needed.
    pub(in crate::access) fn alone(first: &'p Arc<Principal>) -> Self {
        let others = Vec::new();
        Self { first, others }
    }

    /// `None` of no tokens. A session that several vouched for is one.
    pub(super) fn together(mut all: Vec<&'p Arc<Principal>>) -> Option<Self> {
        let first = *all.first()?;
        all.remove(0);
        all.retain(|other| !Arc::ptr_eq(other, first));
        let others = all;
        Some(Self { first, others })
    }

    /// Every one of them.
    pub(in crate::access) fn all(&self) -> impl Iterator<Item = &'p Arc<Principal>> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// For whom something is handed out: who the first says, for as long as the first of them to end,
    /// and where each of them may be used.
    pub(in crate::access) fn joined(&self) -> Arc<Principal> {
        if self.others.is_empty() {
            return Arc::clone(self.first);
        }
        Arc::new(Principal {
            expires: self.all().filter_map(|who| who.expires).min(),
            address: self.all().find_map(|who| who.address),
            ..Principal::clone(self.first)
        })
    }
}
