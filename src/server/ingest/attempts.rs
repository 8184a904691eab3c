//! How often somebody may be wrong.
//!
//! Once an address was wrong too often, it is told so for the rest of a minute (429), which stops
//! packagers that are set up wrong, and shows in the log. What is right is never refused: a packager
//! may share its address with whoever guesses. Must not know: credentials.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::network_of;

/// Wrong tries by address since a minute began.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, (Instant, u32)>>);

const WINDOW: Duration = Duration::from_secs(60);
/// A packager that is set up wrong tries some times each second.
const MOST: u32 = 60;
/// Beyond this many addresses those whose minute is over are forgotten, and else all.
const MANY: usize = 4096;

impl Attempts {
    /// Takes note of a wrong try; says whether it was one too many.
    pub(super) fn wrong(&self, address: IpAddr) -> bool {
        self.wrong_at(address, Instant::now())
    }

    fn wrong_at(&self, address: IpAddr, now: Instant) -> bool {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= MANY {
            tries.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
        }
        if tries.len() >= MANY {
            tries.clear();
        }
        let (since, count) = tries.entry(network_of(address)).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count > MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_wrong_too_often_waits_for_the_next_minute() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
        for _ in 0..MOST {
            assert!(!attempts.wrong_at(one, now));
        }
        assert!(attempts.wrong_at(one, now));
        assert!(!attempts.wrong_at(other, now));
        assert!(!attempts.wrong_at(one, now + WINDOW));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let own = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]);
        let wrong: Vec<bool> = (0..=MOST as u16)
            .map(|n| attempts.wrong_at(own(n), now))
            .collect();
        assert_eq!(wrong.iter().filter(|it| **it).count(), 1);
        let other = IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]);
        assert!(!attempts.wrong_at(other, now));
    }

    #[test]
    fn a_crowd_of_addresses_takes_no_more_room() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for n in 0..10 * MANY as u32 {
            attempts.wrong_at(IpAddr::from(n.to_be_bytes()), now);
            assert!(attempts.0.lock().unwrap().len() <= MANY);
        }
    }
}
