//! A system clock that is set: waits that were to end by the old time go on by the new one.
//!
//! Must not know: what is waited for.

use std::time::Duration;

use super::engine::Engine;
use crate::domain::Timestamp;

/// The system clock as it was read last, beside one that nobody sets.
#[derive(Debug, Default)]
pub(super) struct Pace(Option<(Timestamp, Duration)>);

/// A clock that is brought in line bit by bit stays below this.
const STEP: Duration = Duration::from_secs(5);

impl Pace {
    /// How far the clock was set ahead since it was asked last, if it was.
    pub(super) fn set_ahead(&mut self, wall: Timestamp, steady: Duration) -> Option<Duration> {
        let (before, since) = self.0.replace((wall, steady))?;
        let passed = steady.saturating_sub(since);
        let ahead = wall.since(before).saturating_sub(passed);
        (ahead >= STEP).then_some(ahead)
    }
}

impl Engine {
    /// Takes note of the time of a pass. A clock is set back when a host without one of its own
    /// learns the time late; every span measured across the step would last as long as the step.
    pub(super) fn keep_time(&mut self, now: Timestamp) {
        let Some(before) = self.time.replace(now).filter(|before| *before > now) else {
            return;
        };
        self.source.set_back();
        self.trouble.set_back(now);
        self.notices.set_back(now);
        self.window.set_back(before.since(now));
        self.reviewed = None;
        for track in self.tracks.values_mut() {
            track.set_back(now);
        }
    }

    /// The clock was set ahead: what lasts until it is given up, or deleted, would end at once.
    pub(super) fn set_ahead(&mut self, by: Duration) {
        self.notices.set_ahead(by);
        self.window.set_ahead(by);
        for track in self.tracks.values_mut() {
            track.set_ahead(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_is_not_set() {
        let second = Duration::from_secs(1);
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut pace = Pace::default();
        assert_eq!(pace.set_ahead(at(1000), second), None);
        assert_eq!(pace.set_ahead(at(4600), second * 3601), None);
        assert_eq!(pace.set_ahead(at(4604), second * 3602), None, "in line");
        assert_eq!(pace.set_ahead(at(8204), second * 3602), Some(second * 3600));
        assert_eq!(pace.set_ahead(at(4605), second * 3603), None, "back");
        assert_eq!(pace.set_ahead(at(4606), second * 3604), None);
    }
}
