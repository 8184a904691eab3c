//! A source that says what a test has it say, and counts how often it is asked.
//!
//! Must not know: what is tested.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use super::answer::{Answer, Question};
use super::source::SourceError;
use crate::domain::Entropy;

/// What it does next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line {
    Say(Answer),
    Fail,
    /// Says so each second time, as if it were restarted in between.
    Stumble(Answer),
    /// Says so only once it is let go on.
    Hold(Answer),
}

/// The source.
pub(super) struct Script {
    line: Mutex<Line>,
    asked: AtomicUsize,
    go_on: Notify,
}

impl Script {
    pub(super) fn new(line: Line) -> Self {
        Self {
            line: Mutex::new(line),
            asked: AtomicUsize::new(0),
            go_on: Notify::new(),
        }
    }

    /// From now on.
    pub(super) fn set(&self, line: Line) {
        *self.line() = line;
    }

    /// Lets whoever is held go on.
    pub(super) fn let_go(&self) {
        self.go_on.notify_waiters();
    }

    /// How often it was asked so far.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) async fn ask(&self, _: &Question<'_>) -> Result<Answer, SourceError> {
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        let line = *self.line();
        match line {
            Line::Stumble(_) if before.is_multiple_of(2) => Err(SourceError::Status(503)),
            Line::Say(answer) | Line::Stumble(answer) => Ok(answer),
            Line::Fail => Err(SourceError::Rubbish),
            Line::Hold(answer) => {
                self.go_on.notified().await;
                Ok(answer)
            }
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap()
    }
}

/// Chance that falls the same way each time.
pub(super) struct Always(pub(super) u8);

impl Entropy for Always {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0);
    }
}
