//! Which list a list was read on from, and how many segments have gone since.
//!
//! Must not know: what is remembered of a list.

use std::sync::Arc;

/// Of one list, while it goes on. A copy is another list: the two may go on apart.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    own: Arc<()>,
    gone: u64,
}

/// A segment of one list.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    of: Arc<()>,
    at: u64,
}

impl Lineage {
    /// So many of its first segments have gone.
    pub(super) fn go_on(&mut self, gone: usize) {
        self.gone += gone as u64;
    }

    /// The segment with this index now.
    pub(super) fn mark(&self, index: usize) -> Mark {
        Mark {
            of: self.own.clone(),
            at: self.gone + index as u64,
        }
    }

    /// How many segments lie between `mark` and the one with this index now, if they are of this list
    /// and in that order.
    pub(super) fn since(&self, mark: &Mark, index: usize) -> Option<usize> {
        let is_own = Arc::ptr_eq(&self.own, &mark.of);
        let now = self.gone + index as u64;
        let since = now.checked_sub(mark.at).filter(|_| is_own)?;
        usize::try_from(since).ok()
    }
}

impl Clone for Lineage {
    fn clone(&self) -> Self {
        Self::default()
    }
}
