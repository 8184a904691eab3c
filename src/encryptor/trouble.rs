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
pub(super) struct Trouble(Option<Since>);

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
        self.0.as_ref().is_some_and(|since| now < since.until)
    }

    /// The trouble as a stall of the sink, if there is any.
    pub(super) fn stall(&self) -> Option<(String, Stall, Timestamp)> {
        let since = self.0.as_ref()?;
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
        let before = self.0.take();
        let told = before.as_ref().is_some_and(|since| since.reason == reason);
        let began = before.as_ref().map_or(now, |since| since.began);
        let wait = before.map_or(Self::SHORTEST, |since| (since.wait * 2).min(Self::LONGEST));
        self.0 = Some(Since {
            reason: reason.clone(),
            began,
            wait,
            until: now.plus(wait),
        });
        let path = error.path.clone();
        (!told).then_some(Event::SinkFailed { path, reason })
    }

    /// A write succeeded.
    pub(super) fn passed(&mut self) -> Option<Event> {
        self.0.take().map(|_| Event::SinkRecovered)
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
        assert!(trouble.passed().is_none());
        assert!(trouble.failed(&error, now).is_some());
        for millis in [500, 1000, 2000, 4000, 5000, 5000] {
            let wait = Duration::from_millis(millis);
            assert!(trouble.holds(now.plus(wait - Duration::from_millis(1))));
            now = now.plus(wait);
            assert!(!trouble.holds(now), "{millis}");
            assert!(trouble.failed(&error, now).is_none(), "told before");
        }
        assert_eq!(trouble.passed(), Some(Event::SinkRecovered));
    }
}
