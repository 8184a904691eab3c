//! How old the news are that were told to whoever holds rows in memory.
//!
//! A server that has had none for too long does not know what was revoked, so it gives nothing out.
//! Must not know: what is held in memory, or the clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// After how long without an answer the store counts as away.
const RECENT: Duration = Duration::from_secs(3);

/// When the store was last asked for news and told them. No lock, no I/O: each key request looks.
/// Times are the machine's uptime ([`crate::domain::Clock::steady`]).
#[derive(Debug)]
pub struct Freshness {
    /// Microseconds of uptime, and one; zero before the first time.
    told: AtomicU64,
    stale_after: Duration,
}

impl Freshness {
    /// Stale until there are news.
    pub(super) fn new(stale_after: Duration) -> Self {
        Self {
            told: AtomicU64::new(0),
            stale_after,
        }
    }

    /// All news are told, and heeded, that there were at `uptime`.
    pub fn told(&self, uptime: Duration) {
        let micros = u64::try_from(uptime.as_micros()).unwrap_or(u64::MAX);
        self.told.store(micros.saturating_add(1), Ordering::Release);
    }

    /// Whether no revocation can have been missed for too long.
    pub fn is_fresh(&self, uptime: Duration) -> bool {
        self.age(uptime).is_some_and(|age| age <= self.stale_after)
    }

    /// Whether the store answered just now.
    pub fn is_recent(&self, uptime: Duration) -> bool {
        self.age(uptime).is_some_and(|age| age <= RECENT)
    }

    /// How old the news are; `None` before the first.
    pub fn age(&self, uptime: Duration) -> Option<Duration> {
        let told = self.told.load(Ordering::Acquire).checked_sub(1)?;
        Some(uptime.saturating_sub(Duration::from_micros(told)))
    }

    /// How old they may be (`store.stale_after`).
    pub fn stale_after(&self) -> Duration {
        self.stale_after
    }
}
