//! Which credentials are refused though they verify: the store's revocations, in memory.
//!
//! One that is new is read and kept beside the list; the whole list is read again, and swapped in, when
//! some are lifted or many are new. A request looks both up without a lock, I/O or allocation, and is told
//! nothing when the news are too old to be trusted.
//!
//! Must not know: HTTP, keys, or who may revoke.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use crate::domain::{Clock, Denied, Principal, PrincipalKind, Revoked, Timestamp};
use crate::store::{Change, News, RevocationRow, Store, StoreError};

/// Revocations that are kept beside the list, since they are newer.
const MOST_RECENT: usize = 256;

/// The revocations of the store. Until they are loaded, every viewer is [`Denied::Undecided`].
pub(super) struct Revocations {
    store: Store,
    clock: Arc<dyn Clock>,
    lists: ArcSwapOption<Lists>,
    /// Who asked for a reading of all, counted.
    asked: AtomicU64,
    /// Held by the one who reads, so that an older list never takes a newer one's place.
    reading: Mutex<Reading>,
}

/// What was read.
#[derive(Default)]
struct Reading {
    /// How many had asked when the last reading of all began that was read to its end.
    served: u64,
    /// What was read since then.
    recent: Vec<RevocationRow>,
}

impl Revocations {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            lists: ArcSwapOption::empty(),
            asked: AtomicU64::new(0),
            reading: Mutex::default(),
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
        let lists = self.lists.load();
        let lists = lists.as_ref();
        let lists = lists.ok_or(Denied::Undecided("revocations are not loaded"))?;
        lists
            .revoking(who, now)
            .map_or(Ok(()), |kind| Err(Denied::Revoked(kind)))
    }

    /// Where they lie.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Does what the news call for.
    pub(super) async fn heed(&self, news: &News) -> Result<(), StoreError> {
        let News::Changes(changes) = news else {
            return self.read().await;
        };
        if changes.contains(&Change::Revocations) {
            return self.read().await;
        }
        let new = changes.iter().filter_map(|change| match change {
            Change::Revoked(id) => Some(id.as_str()),
            _ => None,
        });
        self.add(&new.collect::<Vec<_>>()).await
    }

    /// Reads the list as it is now or later: who waits for another's reading that began after it
    /// asked needs none of its own.
    pub(super) async fn read(&self) -> Result<(), StoreError> {
        let number = self.asked.fetch_add(1, Ordering::AcqRel);
        let mut reading = self.reading.lock().await;
        if reading.served > number {
            return Ok(());
        }
        self.read_all(&mut reading).await
    }

    /// Reads those of these ids, or all if they are many: what it costs does not grow with the list.
    pub(super) async fn add(&self, ids: &[&str]) -> Result<(), StoreError> {
        let mut reading = self.reading.lock().await;
        let is_known = |id: &str| reading.recent.iter().any(|row| row.id == id);
        let new: Vec<&str> = ids.iter().copied().filter(|id| !is_known(id)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let lists = self.lists.load_full();
        let Some(lists) = lists.filter(|_| reading.recent.len() + new.len() <= MOST_RECENT) else {
            return self.read_all(&mut reading).await;
        };
        let rows = self.store.revocations_of(&new).await?;
        reading.recent.extend(rows);
        self.lists.store(Some(Arc::new(Lists {
            all: Arc::clone(&lists.all),
            recent: List::new(reading.recent.iter().cloned()),
        })));
        Ok(())
    }

    async fn read_all(&self, reading: &mut Reading) -> Result<(), StoreError> {
        let asked = self.asked.load(Ordering::Acquire);
        let all = List::new(self.store.revocations().await?);
        self.lists.store(Some(Arc::new(Lists {
            all: Arc::new(all),
            recent: List::default(),
        })));
        (reading.served, reading.recent) = (asked, Vec::new());
        Ok(())
    }
}

/// The list as it was read, and what was read since.
struct Lists {
    all: Arc<List>,
    recent: List,
}

impl Lists {
    /// The kind of the revocation that `who` falls under.
    fn revoking(&self, who: &Principal, now: Timestamp) -> Option<&'static str> {
        let all = self.all.revoking(who, now);
        all.or_else(|| self.recent.revoking(who, now))
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
    fn new(rows: impl IntoIterator<Item = RevocationRow>) -> Self {
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
