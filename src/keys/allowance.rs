//! How many keys and registrations one credential may cause: each is a row that stays.
//!
//! Periods that a registered stream needs by the clock are free: they come no faster than time
//! goes, and a packager gone wild on one stream must not stop its others. Counted in this process, by the clock's hours. A packager of one stream can ask for periods of
//! any year, of any rendition, a thousand at a time; without a bound it would fill the disk that
//! everybody's keys lie on. Must not know: what is issued.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::Timestamp;

use super::KeysError;

/// What a new stream takes: its periods by the clock are free from then on.
pub(super) const REGISTRATION: usize = 25;
const HOUR_SECONDS: i64 = 3600;

/// What each credential has used of this hour.
#[derive(Debug)]
pub(super) struct Allowance {
    hourly: u32,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    hour: i64,
    by_subject: HashMap<String, u32>,
}

impl Allowance {
    /// `hourly` rows an hour for each credential.
    pub(super) fn new(hourly: u32) -> Self {
        Self {
            hourly,
            used: Mutex::default(),
        }
    }

    /// Takes `rows` from what `subject` has left, all or nothing.
    pub(super) fn take(&self, subject: &str, rows: usize, now: Timestamp) -> Result<(), KeysError> {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.turn_to(now.seconds().div_euclid(HOUR_SECONDS));
        let taken = used.by_subject.entry(subject.to_owned()).or_default();
        let sum = taken.saturating_add(rows);
        if sum > self.hourly {
            tracing::warn!(subject, hourly = self.hourly, "too many keys in an hour");
            return Err(KeysError::TooMany);
        }
        *taken = sum;
        Ok(())
    }
}

impl Used {
    fn turn_to(&mut self, hour: i64) {
        if self.hour != hour {
            *self = Self {
                hour,
                by_subject: HashMap::new(),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_and_again_each_hour() {
        let allowance = Allowance::new(10);
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let take = |who, rows, now| allowance.take(who, rows, at(now)).is_ok();
        assert!(take("a", 9, 0));
        assert!(!take("a", 2, 3599), "all or nothing");
        assert!(take("a", 1, 3599));
        assert!(!take("a", 1, 3599));
        assert!(take("b", 10, 3599));
        assert!(take("a", 10, 3600));
        assert!(!take("c", usize::MAX, 3600));
    }
}
