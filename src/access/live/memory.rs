//! The sessions that this server saw within their lease. A look at one takes no lock that all cores
//! share, and writes to nothing but the session itself.
//!
//! Times are those of the steady clock, in milliseconds. Must not know: the store.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::names::{self, Key};
use super::{Facts, SessionRules};
use crate::store::{Holding, SessionName, Watching};

const SHARDS: usize = 64;
/// Sessions of one shard. What does not fit is not remembered: under a limit it claims its slot with
/// each request, without one it is not counted.
const MOST_OF_SHARD: usize = 8_192;
/// Of a time: never.
const NEVER: u64 = u64::MAX;

/// A request as memory sees it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) at: Duration,
    pub(super) lease: Duration,
    pub(super) facts: &'a Facts<'a>,
    pub(super) rules: SessionRules,
}

/// What a look at a session says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glance {
    /// It is live, and has just been seen.
    Good,
    /// It comes from elsewhere than it may.
    Elsewhere,
    /// It is not known, not for so long, or not under such rules.
    Lapsed,
    /// Its slot is another's.
    Ended,
}

/// A session.
pub(super) struct Session {
    pub(super) name: SessionName,
    pub(super) home: Option<IpAddr>,
    pub(super) started: Duration,
    /// The limit that it claimed its slot under; `None`: it never did.
    slots: Option<u32>,
    at: ArcSwap<Watching>,
    seen: AtomicU64,
    over: AtomicU64,
    /// What of `seen` the store knows; [`NEVER`] if it does not know the session.
    written: AtomicU64,
}

/// All of them.
pub(super) struct Memory(Vec<RwLock<HashMap<Key, Arc<Session>>>>);

impl Session {
    /// One that nobody limits.
    pub(super) fn sighted(name: SessionName, at: Arc<Watching>, seen: &Seen<'_>) -> Self {
        Self {
            name,
            home: at.address,
            started: seen.at,
            slots: None,
            at: ArcSwap::new(at),
            seen: AtomicU64::new(millis(seen.at)),
            over: AtomicU64::new(NEVER),
            written: AtomicU64::new(NEVER),
        }
    }

    /// One that holds a slot in the store, until `over` if it has lost it already.
    pub(super) fn claimed(
        name: SessionName,
        at: Arc<Watching>,
        seen: &Seen<'_>,
        held: &Holding,
        over: Option<Duration>,
    ) -> Self {
        Self {
            home: held.home,
            slots: Some(seen.rules.limit.map_or(u32::MAX, |limit| limit.max)),
            over: AtomicU64::new(over.map_or(NEVER, millis)),
            written: AtomicU64::new(millis(seen.at)),
            ..Self::sighted(name, at, seen)
        }
    }

    fn glance(&self, seen: &Seen<'_>) -> Glance {
        let (now, rules) = (millis(seen.at), seen.rules);
        if self.over.load(Ordering::Relaxed) <= now {
            return Glance::Ended;
        }
        if !self.is_live(seen.at, seen.lease) || !self.satisfies(rules) {
            return Glance::Lapsed;
        }
        if self
            .home
            .is_some_and(|home| !rules.is_near(home, seen.facts.ip))
        {
            return Glance::Elsewhere;
        }
        self.move_to(seen.facts);
        self.seen.store(now, Ordering::Release);
        Glance::Good
    }

    /// Whether it claimed under rules as strict.
    fn satisfies(&self, rules: SessionRules) -> bool {
        let max = rules.limit.map_or(u32::MAX, |limit| limit.max);
        rules.is_empty() || self.slots.is_some_and(|claimed| claimed <= max)
    }

    /// A viewer changes the channel, or the network, now and then.
    fn move_to(&self, facts: &Facts<'_>) {
        let ip = facts.ip.map(|ip| ip.to_canonical());
        let at = self.at.load();
        if at.stream == *facts.stream && at.address == ip {
            return;
        }
        self.at.store(Arc::new(Watching {
            stream: facts.stream.clone(),
            address: ip,
            device: names::device(&self.name, facts.ip, facts.user_agent()),
        }));
    }

    fn is_live(&self, now: Duration, lease: Duration) -> bool {
        now.saturating_sub(self.seen()) < lease
    }

    /// Whether it watches at `now`.
    fn is_watching(&self, now: Duration, lease: Duration) -> bool {
        self.is_live(now, lease) && self.over.load(Ordering::Relaxed) > millis(now)
    }

    /// When it was seen last.
    pub(super) fn seen(&self) -> Duration {
        Duration::from_millis(self.seen.load(Ordering::Acquire))
    }

    /// Where it watches; at least as new as [`Self::seen`], if that was asked first.
    pub(super) fn at(&self) -> Arc<Watching> {
        self.at.load_full()
    }

    /// Whether the store knows it at all.
    pub(super) fn is_written(&self) -> bool {
        self.written.load(Ordering::Relaxed) != NEVER
    }

    /// Whether the store must still be told when it was seen last. It never hears of a session that was
    /// over before.
    fn is_owed(&self, now: Duration) -> bool {
        let is_current = self.written.load(Ordering::Relaxed) == self.seen.load(Ordering::Relaxed);
        !is_current && (self.is_written() || self.over.load(Ordering::Relaxed) > millis(now))
    }

    /// The store knows that it was seen then.
    pub(super) fn set_written(&self, seen: Duration) {
        self.written.store(millis(seen), Ordering::Relaxed);
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| RwLock::default()).collect())
    }
}

impl Memory {
    /// Looks at the session, and notes that it was seen if it is good.
    pub(super) fn glance(&self, key: &Key, seen: &Seen<'_>) -> Glance {
        let shard = self.read(key);
        shard
            .get(key)
            .map_or(Glance::Lapsed, |session| session.glance(seen))
    }

    /// Whether it is known, and over.
    pub(super) fn has_ended(&self, key: &Key, now: Duration) -> bool {
        let shard = self.read(key);
        let session = shard.get(key);
        session.is_some_and(|session| session.over.load(Ordering::Relaxed) <= millis(now))
    }

    /// Remembers a session in place of what was known of it, if there is room: [`Self::unwritten`] makes
    /// some of what has lapsed, every few seconds.
    pub(super) fn keep(&self, key: Key, session: Session) {
        let mut shard = self.write(&key);
        if shard.len() < MOST_OF_SHARD || shard.contains_key(&key) {
            shard.insert(key, Arc::new(session));
        }
    }

    /// The session must be over then.
    pub(super) fn end(&self, key: &Key, over: Duration) {
        if let Some(session) = self.read(key).get(key) {
            session.over.fetch_min(millis(over), Ordering::Relaxed);
        }
    }

    /// The store does not know it any more: it has to claim again.
    pub(super) fn forget(&self, session: &Arc<Session>) {
        let key = names::key_of(&session.name);
        let mut shard = self.write(&key);
        if shard
            .get(&key)
            .is_some_and(|known| Arc::ptr_eq(known, session))
        {
            shard.remove(&key);
        }
    }

    /// Those of which the store does not know the latest. Sessions whose lease has ended are
    /// forgotten once it does.
    pub(super) fn unwritten(&self, now: Duration, lease: Duration) -> Vec<Arc<Session>> {
        let mut found = Vec::new();
        for shard in &self.0 {
            let mut lapsed = false;
            for session in read(shard).values() {
                lapsed |= !session.is_live(now, lease);
                if session.is_owed(now) {
                    found.push(Arc::clone(session));
                }
            }
            if lapsed {
                write(shard).retain(|_, one| one.is_live(now, lease) || one.is_owed(now));
            }
        }
        found
    }

    /// How many watch each stream.
    pub(super) fn watched(&self, now: Duration, lease: Duration) -> Vec<(String, u64)> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        for shard in &self.0 {
            let shard = read(shard);
            for session in shard.values().filter(|one| one.is_watching(now, lease)) {
                let at = session.at.load();
                match counts.get_mut(at.stream.as_str()) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(at.stream.as_str().to_owned(), 1)),
                }
            }
        }
        counts.into_iter().collect()
    }

    fn read(&self, key: &Key) -> RwLockReadGuard<'_, HashMap<Key, Arc<Session>>> {
        read(self.shard(key))
    }

    fn write(&self, key: &Key) -> RwLockWriteGuard<'_, HashMap<Key, Arc<Session>>> {
        write(self.shard(key))
    }

    fn shard(&self, key: &Key) -> &RwLock<HashMap<Key, Arc<Session>>> {
        &self.0[usize::from(key[0]) % SHARDS]
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(NEVER - 1)
}

#[cfg(test)]
mod tests;
