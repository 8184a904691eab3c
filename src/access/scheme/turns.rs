//! Whose password is hashed next: a flood of guesses holds up its own address, and nobody else.
//!
//! There is a line for each way in, and one for each media server, whose word for an address counts nowhere else. Of
//! one address a single password is in the line for a core, and the next ones wait for it; so whoever comes from
//! elsewhere waits for one hash of each address before it. Must not know: passwords, or whose they are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::access::credential::{Asker, Way};
use crate::domain::network_of;

/// Of so many cores one may hash for each way, 19 MiB a hash: a flood of guesses leaves the others to
/// who fetches keys.
const CORES: usize = 4;
/// The most that wait, and for how long. Those of a flood hold half of the operator's connections at
/// most, where nginx-rtmp asks; the others are refused at once.
const WAITING: usize = 32;
const PATIENCE: Duration = Duration::from_secs(3);
/// How many of them may be of one address; where half of all places are taken, one.
const OF_ONE: usize = 8;

/// The lines.
pub(in crate::access) struct Turns {
    direct: Arc<Line>,
    /// By the media server's number; all of them share `cores`.
    hooks: Mutex<HashMap<u16, Arc<Line>>>,
    cores: Arc<Semaphore>,
    room: Room,
    patience: Duration,
}

/// How many have a turn at once on each way, wait besides, and may be of one address.
#[derive(Clone, Copy)]
struct Room {
    at_once: usize,
    waiting: usize,
    of_one: usize,
}

/// For what costs no core: only who guesses is slow.
const CHEAP: Room = Room {
    at_once: 16,
    waiting: 512,
    of_one: 64,
};

/// Those who wait on one way.
struct Line {
    hashing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    addresses: Mutex<HashMap<IpAddr, Own>>,
    room: Room,
}

/// What one address has in a line.
struct Own {
    places: usize,
    first: Arc<Semaphore>,
}

/// Leave to hash one password, until it is dropped. It goes along with the work: who asked may be gone before.
pub(in crate::access) struct Turn {
    _hashing: OwnedSemaphorePermit,
    first: Option<OwnedSemaphorePermit>,
    place: Option<Place>,
    _waiting: OwnedSemaphorePermit,
}

/// A place among those of one address; the last to go takes the address along.
struct Place {
    line: Arc<Line>,
    address: IpAddr,
    first: Arc<Semaphore>,
}

impl Turns {
    pub(super) fn new() -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self::of((cores / CORES).max(1))
    }

    /// So many at once on each way.
    pub(in crate::access) fn of(at_once: usize) -> Self {
        Self::with(Room {
            at_once,
            waiting: WAITING,
            of_one: OF_ONE,
        })
    }

    /// For what costs no core.
    pub(super) fn cheap() -> Self {
        Self::with(CHEAP)
    }

    fn with(room: Room) -> Self {
        let cores = || Arc::new(Semaphore::new(room.at_once));
        Self {
            direct: Line::new(room, cores()),
            hooks: Mutex::default(),
            cores: cores(),
            room,
            patience: PATIENCE,
        }
    }

    fn line(&self, way: Way) -> Arc<Line> {
        let Way::Hook(number) = way else {
            return Arc::clone(&self.direct);
        };
        let mut hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Line::new(self.room, Arc::clone(&self.cores));
        Arc::clone(hooks.entry(number).or_insert_with(new))
    }

    /// Waits until it is the asker's turn; `None` if too many wait already, or it does not come.
    ///
    /// Who hides behind a proxy that does not say so is everybody, and waits as one of many.
    pub(in crate::access) async fn take(&self, from: Asker) -> Option<Turn> {
        let line = self.line(from.way);
        let waiting = Arc::clone(&line.waiting).try_acquire_owned().ok()?;
        let place = match from.ip.map(network_of) {
            Some(address) => Some(line.place(address)?),
            None => None,
        };
        let turn = async {
            let first = match &place {
                Some(place) => Some(Arc::clone(&place.first).acquire_owned().await.ok()?),
                None => None,
            };
            Some((first, Arc::clone(&line.hashing).acquire_owned().await.ok()?))
        };
        let (first, hashing) = timeout(self.patience, turn).await.ok()??;
        Some(Turn {
            _hashing: hashing,
            first,
            place,
            _waiting: waiting,
        })
    }
}

impl Turn {
    /// Keeps the place of its address for so long, and nobody else's. Goes on where the asker hangs up, or who
    /// guesses would do so to go on at once.
    pub(super) async fn linger(self, time: Duration) {
        let (first, place) = (self.first, self.place);
        let lingers = tokio::spawn(async move {
            tokio::time::sleep(time).await;
            drop((first, place));
        });
        let _ = lingers.await;
    }
}

impl Line {
    fn new(room: Room, hashing: Arc<Semaphore>) -> Arc<Self> {
        Arc::new(Self {
            hashing,
            waiting: Arc::new(Semaphore::new(room.at_once + room.waiting)),
            addresses: Mutex::default(),
            room,
        })
    }

    /// A place among those of that address, if it does not have too many.
    fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let is_crowded = self.waiting.available_permits() < self.room.waiting / 2;
        let most = if is_crowded { 1 } else { self.room.of_one };
        let mut addresses = self.addresses();
        let own = addresses.entry(address).or_insert_with(|| Own {
            places: 0,
            first: Arc::new(Semaphore::new(1)),
        });
        if own.places >= most {
            return None;
        }
        own.places += 1;
        let first = Arc::clone(&own.first);
        Some(Place {
            line: Arc::clone(self),
            address,
            first,
        })
    }

    fn addresses(&self) -> MutexGuard<'_, HashMap<IpAddr, Own>> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.line.addresses();
        if let Entry::Occupied(mut own) = addresses.entry(self.address) {
            own.get_mut().places -= 1;
            if own.get().places == 0 {
                own.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;

    use super::*;

    const HOOK: Way = Way::Hook(0);

    fn from(way: Way, number: u8) -> Asker {
        let ip = Some(IpAddr::from([192, 0, 2, number]));
        Asker { way, ip }
    }

    /// Somebody who waits, or has a turn, or neither.
    fn ask(turns: &Turns, from: Asker) -> BoxFuture<'_, Option<Turn>> {
        turns.take(from).boxed()
    }

    #[tokio::test]
    async fn who_comes_from_elsewhere_waits_for_one_of_a_flood() {
        let turns = Turns::of(1);
        let mut flood: Vec<_> = (0..OF_ONE).map(|_| ask(&turns, from(HOOK, 1))).collect();
        let first = flood[0].as_mut().now_or_never().flatten().unwrap();
        for other in &mut flood[1..] {
            assert!(other.as_mut().now_or_never().is_none(), "it waits");
        }
        let over = ask(&turns, from(HOOK, 1)).now_or_never().unwrap();
        assert!(over.is_none(), "too many of one address");
        // The other way is free.
        let direct = ask(&turns, from(Way::Direct, 1)).now_or_never().flatten();
        assert!(direct.is_some());
        let mut own = ask(&turns, from(HOOK, 2));
        assert!(own.as_mut().now_or_never().is_none(), "it waits for one");
        drop(first);
        assert!(flood[1].as_mut().now_or_never().is_none(), "in line now");
        let turn = own.as_mut().now_or_never().flatten();
        assert!(turn.is_some(), "before the others of the flood");
        drop((turn, flood));
        assert!(turns.line(HOOK).addresses().is_empty());
        assert_eq!(turns.line(HOOK).waiting.available_permits(), 1 + WAITING);
    }

    #[tokio::test]
    async fn a_few_addresses_leave_places_to_others() {
        let turns = Turns::of(1);
        let mut flood = Vec::new();
        for number in 0..8 {
            for _ in 0..OF_ONE {
                let mut one = ask(&turns, from(HOOK, number));
                let done = one.as_mut().now_or_never();
                flood.push((one, done));
            }
        }
        assert!(turns.line(HOOK).waiting.available_permits() < WAITING / 2);
        let mut late = ask(&turns, from(HOOK, 200));
        assert!(late.as_mut().now_or_never().is_none(), "it waits");
    }

    #[tokio::test]
    async fn what_one_media_server_says_of_addresses_closes_no_others_line() {
        let turns = Turns::of(1);
        let crowd = (0..=WAITING).map(|number| from(HOOK, u8::try_from(number).unwrap()));
        let mut crowd: Vec<_> = crowd.map(|one| ask(&turns, one)).collect();
        let waits = crowd.iter_mut().map(|one| one.as_mut().now_or_never());
        let done: Vec<_> = waits.collect();
        assert!(done[0].is_some() && done[1..].iter().all(Option::is_none));
        let over = ask(&turns, from(HOOK, 200)).now_or_never().unwrap();
        assert!(over.is_none(), "its line is full");
        let mut other = ask(&turns, from(Way::Hook(1), 0));
        assert!(other.as_mut().now_or_never().is_none(), "it waits");
        drop((crowd, done));
        assert!(other.await.is_some());
    }

    #[tokio::test]
    async fn what_lingers_holds_up_its_own_address_alone() {
        let turns = Turns::cheap();
        let linger = Duration::from_millis(50);
        let start = tokio::time::Instant::now();
        for guess in 1..=3 {
            let turn = turns.take(from(Way::Direct, 1)).await.unwrap();
            // Whoever guessed hangs up.
            let hung_up = turn.linger(linger).boxed().now_or_never();
            assert!(hung_up.is_none());
            assert!(start.elapsed() >= linger * (guess - 1));
        }
        let other = ask(&turns, from(Way::Direct, 2)).now_or_never().flatten();
        assert!(other.is_some());
        let own = turns.take(from(Way::Direct, 1)).await;
        assert!(own.is_some() && start.elapsed() >= linger * 3);
    }

    #[tokio::test]
    async fn what_costs_no_core_has_room_for_a_burst() {
        let turns = Turns::cheap();
        let burst = (0..60).map(|_| async { turns.take(from(Way::Direct, 1)).await.is_some() });
        let served = futures_util::future::join_all(burst).await;
        assert!(served.iter().all(|is| *is));
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let turns = Turns {
            patience: Duration::ZERO,
            ..Turns::of(1)
        };
        let turn = turns.take(from(HOOK, 1)).await;
        assert!(turn.is_some());
        assert!(turns.take(from(HOOK, 2)).await.is_none());
        drop(turn);
        assert!(turns.take(from(HOOK, 2)).await.is_some());
    }
}
