//! Which of a source's files were written after all that were taken before.
//!
//! Files bear the wall clock's time, which may be set back: the last ones taken are then of the
//! future, for as long as the step was. Must not know: playlists.

use crate::domain::Timestamp;

/// When the newest file that was taken was written, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Newest {
    last: Option<i64>,
    /// The same before the clock was set back.
    before: Option<i64>,
}

impl Newest {
    /// Whether a file that was written at `modified` is newer.
    pub(super) fn is_before(self, modified: i64, now: Timestamp) -> bool {
        let is_left = modified > now.millis() && self.before.is_some_and(|end| modified <= end);
        self.last.is_none_or(|last| modified > last) && !is_left
    }

    /// A file that was written then is taken.
    pub(super) fn take(&mut self, modified: i64, now: Timestamp) {
        if self.is_before(modified, now) {
            self.last = Some(modified);
        }
    }

    /// The clock was set back to `now`.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.before = self.before.max(self.last);
        self.last = self.last.map(|last| last.min(now.millis()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_makes_neither_old_files_new_nor_new_ones_old() {
        let at = Timestamp::from_millis;
        let mut newest = Newest::default();
        assert!(newest.is_before(-5, at(0)));
        newest.take(5000, at(5000));
        assert!(!newest.is_before(5000, at(5001)) && newest.is_before(5001, at(5001)));
        newest.set_back(at(1000));
        assert!(newest.is_before(1001, at(1001)));
        assert!(!newest.is_before(1000, at(1001)));
        for left in [2000, 4000, 5000] {
            assert!(!newest.is_before(left, at(1001)), "{left} was before");
            newest.take(left, at(1001));
        }
        assert!(newest.is_before(5001, at(1001)), "another machine's clock");
        newest.take(1500, at(1500));
        assert!(
            newest.is_before(2000, at(2000)),
            "the clock came there again"
        );
    }
}
