//! How many connections there may be: in all, by what the system lets us open, and of one address.
//!
//! Must not know: what a connection is used for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::domain::network_of;

/// Connections of one worker, per listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct Bounds {
    /// Of each worker that serves players.
    pub(in crate::server) players: usize,
    /// Of the one that serves the packagers' own listener.
    pub(in crate::server) packagers: usize,
    /// Of the one that serves the operator.
    pub(in crate::server) ops: usize,
}

/// Idle ones have some 25 KB each, 512 MB together. One that sends a head without an end holds 80 KB,
/// one that asks on and takes no answer at most 400 KB, both for 25 s.
const MOST_PLAYERS: usize = 20_000;
const MOST_PACKAGERS: usize = 2000;
const OPS: usize = 64;
/// What is kept for the database, logs and questions to others: an eighth of
/// what may be open, and at least so many.
const LEAST_KEPT: usize = 64;

impl Bounds {
    /// So that a process that may have `open_files` files open never runs out of them. Where it is
    /// an origin too, `serves_files`, a player's connection may have a file open besides itself.
    pub(in crate::server) fn within(open_files: usize, workers: usize, serves_files: bool) -> Self {
        let free = open_files.saturating_sub((open_files / 8).max(LEAST_KEPT) + OPS);
        let packagers = (free / 8).clamp(1, MOST_PACKAGERS);
        let each = 1 + usize::from(serves_files);
        let players = free.saturating_sub(packagers) / each / workers.max(1);
        Self {
            players: players.clamp(1, MOST_PLAYERS),
            packagers,
            ops: OPS,
        }
    }
}

/// Lets the process open as many files as the system allows it, and says how many these are. A
/// connection is a file, and the limit that shells and managers give by default is for less.
pub(in crate::server) fn raise_open_files() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files stays as it is");
            current
        }
    };
    let unlimited = || usize::MAX;
    allowed.map_or_else(unlimited, |files| {
        usize::try_from(files).unwrap_or(usize::MAX)
    })
}

/// Counts the connections of each address. An IPv6 client has a whole /64: that is one address.
#[derive(Clone)]
pub(in crate::server) struct Addresses {
    most: Option<NonZeroUsize>,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection's place; free again when dropped.
pub(in crate::server) struct Place {
    of: IpAddr,
    among: Addresses,
}

impl Addresses {
    /// At most `most` each; `None` for any number.
    pub(in crate::server) fn new(most: Option<NonZeroUsize>) -> Self {
        Self {
            most,
            open: Arc::default(),
        }
    }

    /// A place for one more connection of `address`, if there is one.
    pub(in crate::server) fn enter(&self, address: IpAddr) -> Option<Place> {
        let of = network_of(address);
        let most = self.most.map_or(usize::MAX, NonZeroUsize::get);
        let mut open = self.open();
        let count = open.entry(of).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place {
            of,
            among: self.clone(),
        })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.among.open();
        let left = open.get(&self.of).map_or(0, |count| count - 1);
        match left {
            0 => open.remove(&self.of),
            left => open.insert(self.of, left),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_so_many_places_and_gets_them_back() {
        let addresses = Addresses::new(NonZeroUsize::new(2));
        let one = addresses.enter(ip("192.0.2.1")).unwrap();
        let two = addresses.enter(ip("::ffff:192.0.2.1")).unwrap();
        assert!(addresses.enter(ip("192.0.2.1")).is_none());
        assert!(addresses.enter(ip("192.0.2.2")).is_some());
        drop(one);
        assert!(addresses.enter(ip("192.0.2.1")).is_some());
        drop(two);
        assert!(addresses.open().is_empty(), "nobody is remembered");
        let held = [
            addresses.enter(ip("2001:db8::1")).unwrap(),
            addresses.enter(ip("2001:db8::2")).unwrap(),
        ];
        assert!(addresses.enter(ip("2001:db8::3")).is_none(), "one /64");
        assert!(addresses.enter(ip("2001:db8:0:1::1")).is_some());
        drop(held);
        let any = Addresses::new(None);
        let held: Vec<_> = (0..1000).map(|_| any.enter(ip("::1"))).collect();
        assert!(held.iter().all(Option::is_some));
    }

    #[test]
    fn connections_fit_into_the_open_files() {
        for (files, workers) in [(256, 1), (1024, 8), (20_000, 2), (1 << 20, 4)] {
            let Bounds {
                players,
                packagers,
                ops,
            } = Bounds::within(files, workers, false);
            let all = players * workers + packagers + ops;
            assert!(all + LEAST_KEPT <= files, "{all} of {files}");
            let origin = Bounds::within(files, workers, true);
            let all = 2 * origin.players * workers + packagers + ops;
            assert!(all + LEAST_KEPT <= files, "{all} of {files} with files");
        }
        assert_eq!(Bounds::within(1 << 20, 4, true).players, MOST_PLAYERS);
        assert!(Bounds::within(20_000, 2, false).players >= 7000);
        let scarce = Bounds::within(10, 4, true);
        assert_eq!((scarce.players, scarce.packagers), (1, 1));
        assert_eq!(Bounds::within(usize::MAX, 2, true).players, MOST_PLAYERS);
    }
}
