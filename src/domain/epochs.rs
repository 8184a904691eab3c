//! What was forgotten, and when: a change of one stream or key leaves what is known of others.
//!
//! No lock: each key request looks. Must not know: what is remembered.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what was forgotten. Names share places; two in one place are only forgotten together.
pub struct Epochs {
    now: AtomicU64,
    /// When everything was forgotten last.
    all: AtomicU64,
    /// When something in a place was forgotten last.
    places: Box<[AtomicU64]>,
}

impl Default for Epochs {
    /// With places enough for names of which few are forgotten.
    fn default() -> Self {
        Self::with_places(1024)
    }
}

impl Epochs {
    /// With so many places, each of eight bytes.
    pub fn with_places(places: usize) -> Self {
        Self {
            now: AtomicU64::new(0),
            all: AtomicU64::new(0),
            places: (0..places.max(1)).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The present, to be noted *before* something is read that is to be remembered.
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Acquire)
    }

    /// What is remembered of this name, or is being read at this moment, stands no more.
    pub fn forget(&self, name: &(impl Hash + ?Sized)) {
        self.turn(self.place(name));
    }

    /// The same for every name.
    pub fn forget_all(&self) {
        self.turn(&self.all);
    }

    /// Whether what was read since then of this name still stands.
    pub fn stands(&self, since: u64, name: &(impl Hash + ?Sized)) -> bool {
        let last = |forgotten: &AtomicU64| forgotten.load(Ordering::Acquire);
        since >= last(&self.all) && since >= last(self.place(name))
    }

    fn place(&self, name: &(impl Hash + ?Sized)) -> &AtomicU64 {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let count = u64::try_from(self.places.len()).unwrap_or(u64::MAX);
        let at = usize::try_from(hasher.finish() % count).unwrap_or(0);
        &self.places[at]
    }

    /// Who reads between the two steps reads what has changed already.
    fn turn(&self, forgotten: &AtomicU64) {
        let next = self.now.fetch_add(1, Ordering::AcqRel) + 1;
        forgotten.fetch_max(next, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_is_forgotten_and_nothing_else() {
        let epochs = Epochs::default();
        let before = epochs.now();
        epochs.forget(&"a");
        let after = epochs.now();
        assert!(!epochs.stands(before, &"a") && epochs.stands(after, &"a"));
        let others = (0..100).map(|at| format!("b{at}"));
        let standing = others.filter(|name| epochs.stands(before, name)).count();
        assert!(standing > 90, "{standing}");
        epochs.forget_all();
        assert!(!epochs.stands(after, &"a") && !epochs.stands(before, &"b"));
        assert!(epochs.stands(epochs.now(), &"a"));
    }
}
