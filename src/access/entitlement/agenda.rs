//! What is to be asked again, and when.
//!
//! Bounded: what finds no room is asked again when somebody asks. Must not know: why.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::answer::Kept;

/// The most that stands on it: what was forgotten meanwhile is found out only when its time comes.
const MOST: usize = 1 << 19;

/// Questions by the time at which they are due, by a steady clock.
#[derive(Default)]
pub(super) struct Agenda(Mutex<BinaryHeap<Item>>);

struct Item {
    at: Duration,
    question: Arc<Kept>,
}

impl Agenda {
    /// Notes that `question` is due at `at`.
    pub(super) fn note(&self, at: Duration, question: Arc<Kept>) {
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if items.len() < MOST {
            items.push(Item { at, question });
        }
    }

    /// The next question that is due at `now`, struck off.
    pub(super) fn next(&self, now: Duration) -> Option<Arc<Kept>> {
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = items.peek().is_some_and(|item| item.at <= now);
        let item = is_due.then(|| items.pop()).flatten();
        item.map(|item| item.question)
    }
}

/// The earliest is the greatest, since a heap gives that.
impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Item {}
