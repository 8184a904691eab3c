//! A change of the schedule that encryptors are told of and have to acknowledge.
//!
//! The decision is a pure function of what is stored, so that whichever server looks next settles
//! it alike. Must not know: where any of it is stored, or how encryptors are reached.

use std::time::Duration;

use super::Timestamp;

/// How often an encryptor refreshes its lease. It hears of a change within this.
pub const REFRESH: Duration = Duration::from_secs(5);
/// Who was not heard of for this long is silent.
const SILENCE: Duration = Duration::from_secs(2 * REFRESH.as_secs());

/// An encryptor that holds a lease, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its name.
    pub instance: String,
    /// When its lease ends.
    pub lease_end: Timestamp,
    /// When it was heard of last.
    pub seen: Timestamp,
    /// The schedule's version that it follows.
    pub acknowledged: u64,
}

impl Holder {
    /// Whether it may encrypt under what it was leased.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.lease_end
    }

    /// Whether two refreshes went by without a sign of life.
    pub fn is_silent(&self, now: Timestamp) -> bool {
        now.since(self.seen) >= SILENCE
    }
}

/// A change that is in the schedule and not acknowledged by all yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// The schedule's version with the change in it.
    pub version: u64,
    /// When it was announced.
    pub at: Timestamp,
    /// Until when acknowledgements are awaited. The change begins two refreshes after this, or
    /// later.
    pub settle_by: Timestamp,
}

/// What becomes of an announced change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Acknowledgements may still come.
    Wait,
    /// It takes effect.
    Stand,
    /// It is withdrawn.
    TakeBack,
}

impl Announced {
    /// What becomes of it at `now`, when somebody has not acknowledged it (`is_missed`) and some
    /// encryptor has come as far as the change (`is_reached`).
    ///
    /// It is taken back only while everybody still hears of that before it begins. After that, as
    /// when all servers were away meanwhile, whoever knew of it follows it already, and to take it
    /// back would part them once more. A clock that went back does not prolong the wait.
    pub fn verdict(&self, now: Timestamp, is_missed: bool, is_reached: bool) -> Verdict {
        let is_due = now >= self.settle_by || now < self.at.minus(SILENCE);
        if !is_missed {
            Verdict::Stand
        } else if !is_due {
            Verdict::Wait
        } else if now >= self.settle_by.plus(REFRESH) || is_reached {
            Verdict::Stand
        } else {
            Verdict::TakeBack
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_lease_and_a_silence_end_on_the_dot() {
        let holder = Holder {
            instance: "a".to_owned(),
            lease_end: at(100),
            seen: at(50),
            acknowledged: 1,
        };
        let facts = |now| (holder.is_live(at(now)), holder.is_silent(at(now)));
        assert_eq!(facts(40), (true, false), "a clock that went back");
        assert_eq!(facts(59), (true, false));
        assert_eq!(facts(60), (true, true));
        assert_eq!(facts(99), (true, true));
        assert_eq!(facts(100), (false, true));
    }

    #[test]
    fn what_all_acknowledged_stands_and_what_one_missed_goes_in_time() {
        let change = Announced {
            version: 2,
            at: at(100),
            settle_by: at(105),
        };
        for now in [0, 100, 105, 200] {
            assert_eq!(change.verdict(at(now), false, false), Verdict::Stand);
        }
        for (now, expected) in [
            (89, Verdict::TakeBack),
            (99, Verdict::Wait),
            (104, Verdict::Wait),
            (105, Verdict::TakeBack),
            (109, Verdict::TakeBack),
            (110, Verdict::Stand),
        ] {
            assert_eq!(change.verdict(at(now), true, false), expected, "{now}");
        }
        assert_eq!(change.verdict(at(104), true, true), Verdict::Wait);
        assert_eq!(change.verdict(at(106), true, true), Verdict::Stand);
    }
}
