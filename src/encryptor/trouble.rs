//! Backs off from a sink that cannot be written, and tells when that begins and ends.
//!
//! Must not know: what was to be written.

use std::time::Duration;

use super::event::{Event, StallReason};
use super::notices::Stall;
use super::sink::SinkError;
use crate::domain::Timestamp;

/// How the sink is doing.
#[derive(Default)]
pub(super) struct Trouble {
    since: Option<Since>,
    /// Writes of this pass that succeeded, and that did not.
    written: usize,
    failed: usize,
}

struct Since {
    reason: String,
    began: Timestamp,
    wait: Duration,
    until: Timestamp,
}

impl Trouble {
    /// The longest wait before the sink is tried again.
    pub(super) const LONGEST: Duration = Duration::from_secs(5);
    const SHORTEST: Duration = Duration::from_millis(500);

    /// Whether to leave the sink alone at `now`.
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        self.since.as_ref().is_some_and(|since| now < since.until)
    }

    /// The clock was set back: the next try is at once.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        if let Some(since) = &mut self.since {
            since.began = since.began.min(now);
            since.until = now;
        }
    }

    /// The trouble as a stall of the sink, if there is any.
    pub(super) fn stall(&self) -> Option<(String, Stall, Timestamp)> {
        let since = self.since.as_ref()?;
        let stall = Stall {
            msn: None,
            reason: StallReason::Sink,
            detail: since.reason.clone(),
        };
        Some(("sink".to_owned(), stall, since.began))
    }

    /// A write failed; told once for each reason.
    pub(super) fn failed(&mut self, error: &SinkError, now: Timestamp) -> Option<Event> {
        let reason = error.source.to_string();
        self.failed += 1;
        let before = self.since.take();
        let told = before.as_ref().is_some_and(|since| since.reason == reason);
        let began = before.as_ref().map_or(now, |since| since.began);
        let wait = before.map_or(Self::SHORTEST, |since| (since.wait * 2).min(Self::LONGEST));
        self.since = Some(Since {
            reason: reason.clone(),
            began,
            wait,
            until: now.plus(wait),
        });
        let path = error.path.clone();
        (!told).then_some(Event::SinkFailed { path, reason })
    }

    /// A write succeeded.
    pub(super) fn passed(&mut self) {
        self.written += 1;
    }

    /// A pass ends. The trouble is over once one has written and nothing failed.
    pub(super) fn settle(&mut self) -> Option<Event> {
        let is_over = self.written > 0 && self.failed == 0;
        (self.written, self.failed) = (0, 0);
        let since = self.since.take_if(|_| is_over);
        since.map(|_| Event::SinkRecovered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let error = SinkError {
            path: "a.ts".to_owned(),
            source: std::io::Error::from(std::io::ErrorKind::StorageFull),
        };
        let (mut trouble, mut now) = (Trouble::default(), Timestamp::from_millis(0));
        trouble.passed();
        assert!(trouble.settle().is_none());
        assert!(trouble.failed(&error, now).is_some());
        for millis in [500, 1000, 2000, 4000, 5000, 5000] {
            let wait = Duration::from_millis(millis);
            assert!(trouble.holds(now.plus(wait - Duration::from_millis(1))));
            now = now.plus(wait);
            assert!(!trouble.holds(now), "{millis}");
            trouble.passed();
            assert!(trouble.failed(&error, now).is_none(), "told before");
            assert!(trouble.settle().is_none(), "only some of it can be written");
        }
        assert!(trouble.settle().is_none(), "nothing was written");
        trouble.passed();
        assert_eq!(trouble.settle(), Some(Event::SinkRecovered));
    }
}
