//! Which credentials are refused though they verify: the store's revocations, in memory.
//!
//! The whole list is read again whenever there are news of it, and swapped in. A request looks it up
//! without a lock, I/O or allocation, and is told nothing when the news are too old to be trusted.
//!
//! Must not know: HTTP, keys, or who may revoke.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use crate::domain::{Clock, Denied, Principal, PrincipalKind, Revoked, Timestamp};
use crate::store::{Change, News, RevocationRow, Store, StoreError};

/// The revocations of the store. Until they are loaded, every viewer is [`Denied::Undecided`].
pub(super) struct Revocations {
    store: Store,
    clock: Arc<dyn Clock>,
    list: ArcSwapOption<List>,
    /// Who asked for a reading, counted.
    asked: AtomicU64,
    /// How many had asked when the last reading began that was read to its end. Held by the one who
    /// reads, so that an older list never takes a newer one's place.
    served: Mutex<u64>,
}

impl Revocations {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            list: ArcSwapOption::empty(),
            asked: AtomicU64::new(0),
            served: Mutex::new(0),
        }
    }

    /// Whether `who` may still be let in at `now`.
    ///
    /// Refuses viewers and the grants made for them, with [`Denied::Revoked`], or with
    /// [`Denied::Undecided`] where a revocation may have been missed. Packagers, operators and
    /// encryptors' probes are not viewers: their credentials are removed, or their keys revoked.
    pub(super) fn check(&self, who: &Principal, now: Timestamp) -> Result<(), Denied> {
        match who.kind {
            PrincipalKind::Machine | PrincipalKind::Probe => return Ok(()),
            PrincipalKind::Viewer
            | PrincipalKind::Session
            | PrincipalKind::Grant
            | PrincipalKind::SessionGrant => {}
        }
        if !self.store.freshness().is_fresh(self.clock.steady()) {
            return Err(Denied::Undecided("revocations may have been missed"));
        }
        let list = self.list.load();
        let list = list.as_ref();
        let list = list.ok_or(Denied::Undecided("revocations are not loaded"))?;
        list.revoking(who, now)
            .map_or(Ok(()), |kind| Err(Denied::Revoked(kind)))
    }

    /// Where they lie.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Does what the news call for.
    pub(super) async fn heed(&self, news: &News) -> Result<(), StoreError> {
        match news {
            News::Changes(changes) if !changes.contains(&Change::Revocations) => Ok(()),
            _ => self.read().await,
        }
    }

    /// Reads the list as it is now or later: who waits for another's reading that began after it
    /// asked needs none of its own.
    pub(super) async fn read(&self) -> Result<(), StoreError> {
        let number = self.asked.fetch_add(1, Ordering::AcqRel);
        let mut served = self.served.lock().await;
        if *served > number {
            return Ok(());
        }
        let asked = self.asked.load(Ordering::Acquire);
        let list = List::new(self.store.revocations().await?);
        self.list.store(Some(Arc::new(list)));
        *served = asked;
        Ok(())
    }
}

/// Revocations by whom they are for.
#[derive(Default)]
struct List {
    viewers: HashMap<String, Vec<Terms>>,
    sessions: HashMap<String, Vec<Terms>>,
    tokens: HashMap<String, Vec<Terms>>,
    before: Vec<(Timestamp, Terms)>,
}

/// Whose credentials, and until when.
struct Terms {
    scheme: Option<String>,
    until: Option<Timestamp>,
}

impl List {
    fn new(rows: Vec<RevocationRow>) -> Self {
        let mut list = Self::default();
        for row in rows {
            let terms = Terms {
                scheme: row.says.scheme,
                until: row.says.until,
            };
            match row.says.revoked {
                Revoked::Viewer(name) => list.viewers.entry(name).or_default().push(terms),
                Revoked::Session(name) => list.sessions.entry(name).or_default().push(terms),
                Revoked::Token(name) => list.tokens.entry(name).or_default().push(terms),
                Revoked::Before(moment) => list.before.push((moment, terms)),
            }
        }
        list
    }

    /// The kind of the revocation that `who` falls under.
    fn revoking(&self, who: &Principal, now: Timestamp) -> Option<&'static str> {
        let stands = |terms: &Terms| terms.stand_for(who, now);
        let named = |names: &HashMap<String, Vec<Terms>>, name: &str| {
            let terms = names.get(name);
            terms.is_some_and(|terms| terms.iter().any(stands))
        };
        let is_older = |moment: Timestamp| who.issued.is_none_or(|issued| issued < moment);
        let too_old = |(moment, terms): &(Timestamp, Terms)| is_older(*moment) && stands(terms);
        if named(&self.viewers, &who.subject) {
            Some("viewer")
        } else if named(&self.sessions, &who.session) {
            Some("session")
        } else if named(&self.tokens, &who.token) {
            Some("token")
        } else {
            self.before.iter().any(too_old).then_some("before")
        }
    }
}

impl Terms {
    fn stand_for(&self, who: &Principal, now: Timestamp) -> bool {
        let scheme = self.scheme.as_deref();
        let is_its = scheme.is_none_or(|scheme| who.is_vouched_by(scheme));
        is_its && self.until.is_none_or(|until| now < until)
    }
}

#[cfg(test)]
mod tests;
