//! How often viewers of one address may be refused before they are told to slow down.
//!
//! A refusal takes a token out of its address's bucket, and past an empty one it is answered 429. What
//! is allowed takes none and is never held up, for behind a carrier's NAT thousands share an address. What a
//! media server states of addresses is counted apart: one that lies restrains nobody but those it speaks for.
//! The buckets lie in shards and are bounded in number. Must not know: credentials, or what was asked.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::{Clock, network_of};

/// The buckets of all addresses that were refused lately; one for all listeners.
pub(super) struct Restraint {
    clock: Arc<dyn Clock>,
    /// How long until a bucket gains a token; none where nobody is told to slow down.
    interval: Option<Duration>,
    own: Buckets,
    /// By the hook that states the addresses.
    stated: Mutex<HashMap<Arc<str>, Arc<Buckets>>>,
}

/// Buckets by address.
struct Buckets {
    hasher: RandomState,
    shards: [Mutex<HashMap<IpAddr, Bucket>>; SHARDS],
}

/// What a refusal is to its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strain {
    /// One of those that happen.
    Usual,
    /// One too many.
    TooMuch {
        /// How long until the bucket has a token.
        wait: Duration,
        /// Whether it is the first of its minute: that one is written down, a flood is not.
        is_first: bool,
    },
}

/// One address's refusals, as the moment at which the bucket is full again: each puts it off.
#[derive(Default)]
struct Bucket {
    full: Duration,
    /// When the last one too many was written down.
    told: Option<Duration>,
}

const SHARDS: usize = 64;
/// Addresses of one shard: 32,768 in all, some 4 MB.
const MANY: usize = 512;
const MINUTE: Duration = Duration::from_secs(60);
/// A bucket holds the tokens of so many minutes.
const MINUTES: u32 = 2;

impl Restraint {
    /// `per_minute` refusals, and at once those of two minutes; 0 for any number.
    pub(super) fn new(per_minute: u32, clock: Arc<dyn Clock>) -> Self {
        let per_minute = NonZeroU32::new(per_minute);
        Self {
            clock,
            interval: per_minute.map(|count| MINUTE / count.get()),
            own: Buckets::new(),
            stated: Mutex::default(),
        }
    }

    /// Takes note of a refusal of `address`.
    pub(super) fn refused(&self, address: IpAddr) -> Strain {
        self.count(&self.own, address)
    }

    /// The same of an address that a media server states, by its hook's name.
    pub(super) fn refused_by(&self, hook: &Arc<str>, address: IpAddr) -> Strain {
        let buckets = {
            let mut stated = self.stated.lock().unwrap_or_else(PoisonError::into_inner);
            let buckets = stated.entry(Arc::clone(hook));
            Arc::clone(buckets.or_insert_with(|| Arc::new(Buckets::new())))
        };
        self.count(&buckets, address)
    }

    fn count(&self, buckets: &Buckets, address: IpAddr) -> Strain {
        let Some(interval) = self.interval else {
            return Strain::Usual;
        };
        let (of, now) = (network_of(address), self.clock.steady());
        let mut shard = buckets.shard(of);
        if shard.len() >= MANY && !shard.contains_key(&of) {
            make_room(&mut shard, now);
        }
        shard.entry(of).or_default().take(interval, now)
    }
}

impl Buckets {
    fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    fn shard(&self, of: IpAddr) -> MutexGuard<'_, HashMap<IpAddr, Bucket>> {
        let at = self.hasher.hash_one(of) % SHARDS as u64;
        let shard = &self.shards[usize::try_from(at).unwrap_or_default()];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets who was quiet long enough, and else everybody: a crowd takes no more room.
fn make_room(shard: &mut HashMap<IpAddr, Bucket>, now: Duration) {
    shard.retain(|_, bucket| bucket.full > now);
    if shard.len() >= MANY {
        shard.clear();
    }
}

impl Bucket {
    fn take(&mut self, interval: Duration, now: Duration) -> Strain {
        let full = self.full.max(now) + interval;
        let limit = now + MINUTES * MINUTE;
        if full <= limit {
            self.full = full;
            return Strain::Usual;
        }
        let is_first = self.told.is_none_or(|told| now >= told + MINUTE);
        if is_first {
            self.told = Some(now);
        }
        Strain::TooMuch {
            wait: full - limit,
            is_first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::domain::Timestamp;

    /// Seconds since the machine began.
    #[derive(Default)]
    struct Steady(AtomicU64);

    impl Steady {
        fn set(&self, seconds: u64) {
            self.0.store(seconds, Ordering::Relaxed);
        }
    }

    impl Clock for Steady {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }

        fn steady(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    fn scene(per_minute: u32) -> (Restraint, Arc<Steady>) {
        let clock = Arc::new(Steady::default());
        (Restraint::new(per_minute, clock.clone()), clock)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// How many of `count` refusals are usual ones.
    fn usual(restraint: &Restraint, of: &str, count: u32) -> u32 {
        let of = ip(of);
        let all = (0..count).map(|_| restraint.refused(of));
        u32::try_from(all.filter(|it| *it == Strain::Usual).count()).unwrap()
    }

    #[test]
    fn a_bucket_holds_two_minutes_and_fills_by_and_by() {
        let (restraint, clock) = scene(60);
        assert_eq!(usual(&restraint, "192.0.2.1", 120), 120);
        let wait = Duration::from_secs(1);
        let over = |is_first| Strain::TooMuch { wait, is_first };
        assert_eq!(restraint.refused(ip("192.0.2.1")), over(true));
        assert_eq!(restraint.refused(ip("192.0.2.1")), over(false));
        assert_eq!(usual(&restraint, "192.0.2.2", 1), 1, "another address");
        clock.set(10);
        assert_eq!(usual(&restraint, "192.0.2.1", 100), 10);
        clock.set(60);
        assert_eq!(usual(&restraint, "192.0.2.1", 50), 50);
        assert_eq!(
            restraint.refused(ip("192.0.2.1")),
            over(true),
            "a minute on"
        );
        clock.set(3600);
        assert_eq!(usual(&restraint, "192.0.2.1", 200), 120, "never more");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let (restraint, _) = scene(1);
        assert_eq!(usual(&restraint, "2001:db8::1", 2), 2);
        assert_eq!(usual(&restraint, "2001:db8::2", 1), 0);
        assert_eq!(usual(&restraint, "2001:db8:0:1::1", 3), 2);
        assert_eq!(usual(&restraint, "::ffff:192.0.2.1", 2), 2);
        assert_eq!(usual(&restraint, "192.0.2.1", 1), 0);
    }

    #[test]
    fn what_a_media_server_states_is_counted_apart() {
        let (restraint, _) = scene(1);
        let (one, another): (Arc<str>, Arc<str>) = ("one".into(), "another".into());
        let stated = |hook: &Arc<str>, count: u32| {
            let all = (0..count).map(|_| restraint.refused_by(hook, ip("192.0.2.1")));
            all.filter(|it| *it == Strain::Usual).count()
        };
        assert_eq!(stated(&one, 3), 2);
        assert_eq!(stated(&another, 3), 2, "another media server's");
        assert_eq!(usual(&restraint, "192.0.2.1", 3), 2, "whoever asks itself");
        // However many it makes up, no other is forgotten.
        for n in 0..4 * u32::try_from(SHARDS * MANY).unwrap() {
            restraint.refused_by(&one, n.to_be_bytes().into());
        }
        assert_eq!(usual(&restraint, "192.0.2.1", 1), 0);
        assert_eq!(stated(&another, 1), 0);
    }

    #[test]
    fn none_is_counted_where_nobody_wants_it() {
        let (restraint, _) = scene(0);
        assert_eq!(usual(&restraint, "192.0.2.1", 10_000), 10_000);
        assert!(restraint.own.shard(ip("192.0.2.1")).is_empty());
    }

    #[test]
    fn a_crowd_of_addresses_takes_no_more_room() {
        let (restraint, _) = scene(60);
        for n in 0..4 * u32::try_from(SHARDS * MANY).unwrap() {
            restraint.refused(n.to_be_bytes().into());
        }
        for shard in &restraint.own.shards {
            assert!(shard.lock().unwrap().len() <= MANY);
        }
    }
}
