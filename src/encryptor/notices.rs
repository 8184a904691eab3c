//! Tells a stall once, when it has lasted, and tells its end.
//!
//! Must not know: what stalls; a subject is a playlist's path.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{Event, StallReason};
use crate::domain::Timestamp;

/// Why a playlist does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stall {
    /// The segment it waits for.
    pub(super) msn: Option<u64>,
    /// The kind of cause.
    pub(super) reason: StallReason,
    /// The cause.
    pub(super) detail: String,
}

/// The stalls there are, by subject.
#[derive(Default)]
pub(super) struct Notices(BTreeMap<String, Notice>);

struct Notice {
    stall: Stall,
    since: Timestamp,
    told: Option<Timestamp>,
}

/// What usually passes by itself is told when it has lasted this long.
const GRACE: Duration = Duration::from_secs(1);
/// A stall that goes on is told again.
const AGAIN: Duration = Duration::from_secs(60);

impl Notices {
    /// Takes note that `subject` is stalled; gives what is to be told.
    pub(super) fn stalled(&mut self, subject: &str, stall: Stall, now: Timestamp) -> Option<Event> {
        let fresh = |stall: Stall| Notice {
            stall,
            since: now,
            told: None,
        };
        let notice = self
            .0
            .entry(subject.to_owned())
            .or_insert_with(|| fresh(stall.clone()));
        if (notice.stall.msn, notice.stall.reason) != (stall.msn, stall.reason) {
            let told = notice.told;
            *notice = fresh(stall);
            // not told again when one cause of a stall gives way to another for a moment
            notice.told = told.filter(|_| notice.stall.reason.passes());
        } else {
            notice.stall.detail = stall.detail;
        }
        let lasted = !notice.stall.reason.passes() || now.since(notice.since) >= GRACE;
        let due = notice.told.is_none_or(|told| now.since(told) >= AGAIN);
        (lasted && due).then(|| notice.tell(subject, now))
    }

    /// Takes note that `subject` goes on.
    pub(super) fn resumed(&mut self, subject: &str) -> Option<Event> {
        let notice = self.0.remove(subject)?;
        notice.told.map(|_| Event::Resumed {
            rendition: subject.to_owned(),
        })
    }

    /// The clock was set back to `now`.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        for notice in self.0.values_mut() {
            notice.since = notice.since.min(now);
            notice.told = notice.told.map(|told| told.min(now));
        }
    }

    /// The clock was set ahead.
    pub(super) fn set_ahead(&mut self, by: Duration) {
        for notice in self.0.values_mut() {
            notice.since = notice.since.plus(by);
            notice.told = notice.told.map(|told| told.plus(by));
        }
    }

    /// Every stall, with its subject and since when it lasts.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Stall, Timestamp)> {
        let all = self.0.iter();
        all.map(|(subject, notice)| (subject.as_str(), &notice.stall, notice.since))
    }
}

impl Notice {
    fn tell(&mut self, subject: &str, now: Timestamp) -> Event {
        self.told = Some(now);
        let Stall {
            msn,
            reason,
            detail,
        } = self.stall.clone();
        Event::Stalled {
            rendition: subject.to_owned(),
            msn,
            reason,
            detail,
        }
    }
}

impl StallReason {
    /// Whether this happens in passing while all is well.
    fn passes(self) -> bool {
        matches!(
            self,
            Self::Unreadable
                | Self::Shortened
                | Self::Missing
                | Self::Empty
                | Self::Growing
                | Self::Truncated
                | Self::Unclaimed
                | Self::NoKey
                | Self::KeyNotServed
                | Self::Children
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stall(reason: StallReason) -> Stall {
        Stall {
            msn: Some(1),
            reason,
            detail: String::new(),
        }
    }

    #[test]
    fn a_stall_is_told_once_it_lasts_and_its_end_after() {
        let (mut notices, now) = (Notices::default(), Timestamp::from_millis(0));
        let mut at = |millis, reason| {
            let now = now.plus(Duration::from_millis(millis));
            notices.stalled("a", stall(reason), now).is_some()
        };
        assert!(!at(0, StallReason::Growing));
        assert!(at(1000, StallReason::Growing));
        assert!(!at(2000, StallReason::Growing));
        assert!(at(61_000, StallReason::Growing), "a reminder");
        assert!(at(61_001, StallReason::KeyMismatch), "at once");
        assert!(notices.resumed("a").is_some());
        assert!(notices.resumed("a").is_none());
        assert!(
            notices
                .stalled("b", stall(StallReason::Growing), now)
                .is_none()
        );
        assert!(notices.resumed("b").is_none(), "never told");
    }
}
