//! Live sessions: how many a viewer may have at once, from where, and who watches now.
//!
//! A session that is known here and was seen within the lease costs a key request no I/O. One that
//! is new, or comes back, claims a slot in the store where its stream has a limit; where it has none
//! it is known from memory alone, and written down a little later. Must not know: HTTP, or what a
//! credential looks like.

mod memory;
mod names;
mod rules;
mod survey;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::credential::Headers;
use crate::domain::{Clock, Denied, Epochs, Principal, PrincipalKind, StreamId, Timestamp};
use crate::store::{Claim, Claimed, Holding, SessionName, Store, StoreError, Watching};
use crate::telemetry::{LiveMeasures, Refused};
use memory::{Glance, Memory, Seen, Session};
use names::Key;
use write::Writing;

pub(super) use names::storable;
pub(super) use rules::SessionRules;
pub use survey::{Listing, Survey};

/// A refusal, when it was made, by the steady clock, and the epoch that was asked in.
type Refusal = (Denied, Duration, u64);

/// For how long a refusal is remembered: a client that asks and asks does not reach the store.
const REFUSED_FOR: Duration = Duration::from_secs(1);
/// Refusals that are remembered.
const MOST_REFUSED: u64 = 100_000;

/// What a request says of where it comes from, and what for.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    /// What it watches.
    pub(super) stream: &'a StreamId,
    /// The client's address, behind trusted proxies.
    pub(super) ip: Option<IpAddr>,
    /// Its headers, of which `User-Agent` is read when a session begins or moves.
    pub(super) headers: &'a dyn Headers,
}

impl Facts<'_> {
    fn user_agent(&self) -> Option<&str> {
        self.headers.values("user-agent").next()
    }
}

/// Every session that this server knows.
pub struct Live {
    store: Store,
    clock: Arc<dyn Clock>,
    lease: Duration,
    sessions: Memory,
    refused: Cache<Key, Refusal>,
    /// When a viewer's session was ended: what it was refused before counts no more.
    freed: Epochs,
    measures: LiveMeasures,
    writing: tokio::sync::Mutex<Writing>,
}

impl Live {
    /// No session is known yet.
    pub(super) fn new(lease: Duration, store: Store, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            lease,
            sessions: Memory::default(),
            refused: Cache::builder()
                .max_capacity(MOST_REFUSED)
                .time_to_live(2 * REFUSED_FOR)
                .build(),
            freed: Epochs::default(),
            measures: LiveMeasures::default(),
            writing: tokio::sync::Mutex::default(),
        })
    }

    /// Notes that `who` watches, if its session may.
    ///
    /// Refuses with [`Denied::TooManySessions`], [`Denied::Displaced`], [`Denied::WrongAddress`], or
    /// [`Denied::Undecided`] if a slot is to be claimed and the store is away.
    pub(super) async fn admit(
        &self,
        who: &Principal,
        facts: &Facts<'_>,
        rules: SessionRules,
    ) -> Result<(), Denied> {
        if matches!(who.kind, PrincipalKind::Probe | PrincipalKind::Machine) {
            return Ok(());
        }
        // Where sessions are limited or bound, all who show one token are one.
        let session = match rules.is_empty() {
            true => names::counted(who, facts.ip),
            false => Cow::Borrowed(who.session.as_str()),
        };
        let key = names::key(&who.scheme, &session, &who.subject);
        let seen = Seen {
            at: self.clock.steady(),
            lease: self.lease,
            facts,
            rules,
        };
        let admitted = match self.sessions.glance(&key, &seen) {
            Glance::Good => return Ok(()),
            Glance::Elsewhere => Err(Denied::WrongAddress),
            Glance::Lapsed | Glance::Ended => {
                let name = names::name(&who.scheme, &session, &who.subject);
                Box::pin(self.begin(key, name, &seen)).await
            }
        };
        if let Err(denied) = &admitted {
            self.measures.count(reason(denied));
        }
        admitted
    }

    /// The session is over: its slot is free at once.
    pub(super) async fn end(&self, who: &Principal) -> Result<(), Denied> {
        // What is being written down meanwhile would be live in the store.
        let _writing = self.writing.lock().await;
        let name = names::name(&who.scheme, &who.session, &who.subject);
        let (now, over) = (self.clock.now(), self.clock.steady());
        self.sessions.end(&names::key_of(&name), over);
        let ended = self.store.end_session(&name.scheme, &name.session, now);
        let ended = ended.await;
        let ended = ended.map_err(|error| away(&error))?;
        for name in ended.into_iter().chain([name]) {
            let key = names::key_of(&name);
            self.sessions.end(&key, over);
            self.freed.forget(&(&name.scheme, &name.subject));
        }
        Ok(())
    }

    /// What is measured.
    pub fn measures(self: &Arc<Self>) -> LiveMeasures {
        let live = Arc::downgrade(self);
        self.measures.watching(move || {
            let live = live.upgrade();
            live.map(|live| live.sessions.watched(live.clock.steady(), live.lease))
                .unwrap_or_default()
        })
    }

    /// A session that is new here, or comes back.
    async fn begin(&self, key: Key, name: SessionName, seen: &Seen<'_>) -> Result<(), Denied> {
        if let Some(denied) = self.refused_lately(&key, &name, seen.at) {
            return Err(denied);
        }
        if seen.rules.is_binding() && seen.facts.ip.is_none() {
            return Err(Denied::WrongAddress);
        }
        let at = Arc::new(watching(&name, seen.facts));
        let is_free = seen.rules.is_empty();
        if is_free && !self.sessions.has_ended(&key, seen.at) {
            self.sessions.keep(key, Session::sighted(name, at, seen));
            return Ok(());
        }
        let since = self.freed.now();
        match self.claim(&name, &at, seen.rules).await {
            Ok(Claimed::Held(held)) => {
                self.heed(&name, &held.displaced);
                let over = held.over.map(|over| self.steady(over));
                self.sessions
                    .keep(key, Session::claimed(name, at, seen, &held, over));
                Ok(())
            }
            Ok(lost) => {
                let denied = refusal(&lost);
                self.refused.insert(key, (denied.clone(), seen.at, since));
                Err(denied)
            }
            Err(_) if is_free => Ok(()),
            Err(error) => Err(away(&error)),
        }
    }

    async fn claim(
        &self,
        name: &SessionName,
        at: &Watching,
        rules: SessionRules,
    ) -> Result<Claimed, StoreError> {
        let is_near = |home| rules.is_near(home, at.address);
        let claim = Claim {
            at,
            slots: rules.slots(),
            is_near: &is_near,
            now: self.clock.now(),
            lease: self.lease,
        };
        self.store.claim_session(name, &claim).await
    }

    /// Sessions of the same viewer that lost their slots.
    fn heed(&self, name: &SessionName, displaced: &[(String, Timestamp)]) {
        for (session, over) in displaced {
            let key = names::key(&name.scheme, session, &name.subject);
            self.sessions.end(&key, self.steady(*over));
        }
    }

    /// A refusal that is young, and was made after the last of the viewer's slots became free.
    fn refused_lately(&self, key: &Key, name: &SessionName, now: Duration) -> Option<Denied> {
        let (denied, at, since) = self.refused.get(key)?;
        let viewer = (&name.scheme, &name.subject);
        let stands = now < at + REFUSED_FOR && self.freed.stands(since, &viewer);
        stands.then_some(denied)
    }

    /// The steady clock's time of a moment, at the earliest now.
    fn steady(&self, moment: Timestamp) -> Duration {
        self.clock.steady() + moment.since(self.clock.now())
    }

    /// The wall clock's time of a moment that is past.
    fn wall(&self, moment: Duration) -> Timestamp {
        self.clock
            .now()
            .minus(self.clock.steady().saturating_sub(moment))
    }

    /// Who was seen after this is live.
    fn alive(&self) -> Timestamp {
        self.clock.now().minus(self.lease)
    }
}

fn watching(name: &SessionName, facts: &Facts<'_>) -> Watching {
    Watching {
        stream: facts.stream.clone(),
        address: facts.ip.map(|ip| ip.to_canonical()),
        device: names::device(name, facts.ip, facts.user_agent()),
    }
}

fn refusal(lost: &Claimed) -> Denied {
    match lost {
        Claimed::Full => Denied::TooManySessions,
        Claimed::Elsewhere => Denied::WrongAddress,
        Claimed::Displaced | Claimed::Held(Holding { .. }) => Denied::Displaced,
    }
}

fn reason(denied: &Denied) -> Refused {
    match denied {
        Denied::TooManySessions => Refused::TooMany,
        Denied::Displaced => Refused::Displaced,
        Denied::WrongAddress => Refused::Address,
        _ => Refused::Undecided,
    }
}

fn away(error: &StoreError) -> Denied {
    tracing::debug!(%error, "no slot can be claimed");
    Denied::Undecided("the store of live sessions is away")
}
