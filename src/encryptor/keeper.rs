//! Keeps the lease fresh: follows the schedule, leases what is wanted, checks keys as served.
//!
//! Three loops that run beside the worker and change one lease, which the worker sees as
//! snapshots. Must not know: playlists, files.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::choose::Wants;
use super::client::{Ask, Client, ClientError, POLL};
use super::contact::{Contact, Tell};
use super::event::Event;
use super::lease::{Lease, Probe};
use super::report::Progress;
use super::term::Term;
use crate::api::{ScheduleView, Text};
use crate::crash;
use crate::domain::{Boundary, Clock, KeyScope, Rendition, StreamId, Timestamp};

/// The lease and who keeps it.
pub(super) struct Keeper {
    client: Arc<Client>,
    stream: StreamId,
    clock: Arc<dyn Clock>,
    tell: Tell,
    lease: watch::Sender<Option<Arc<Lease>>>,
    wants: watch::Receiver<Wants>,
    progress: watch::Receiver<Progress>,
    term: Arc<Term>,
    renew: Notify,
}

/// When a lease was asked for, and what the server said of its time.
struct Answered {
    asked: Duration,
    now: Timestamp,
    end: Option<Timestamp>,
}

/// A lease is renewed at least this often…
const LONGEST: Duration = Duration::from_secs(30);
/// … and at most this often.
const SHORTEST: Duration = Duration::from_secs(1);
/// Periods asked for beyond the last wanted one.
const AHEAD: i64 = 16;
const MAX_PERIODS: i64 = 1000;
/// What a run that has a lease already gives the server to answer, before it begins.
const BRIEF: Duration = Duration::from_secs(2);
/// Keys that are not needed yet are tried this far apart…
const LEISURE: Duration = Duration::from_secs(1);
/// … or closer where there are many, so that all are within an eighth of the lease; but not closer
/// than this.
const HASTE: Duration = Duration::from_millis(20);

impl Keeper {
    /// A keeper without a lease yet.
    pub(super) fn new(
        client: Arc<Client>,
        stream: StreamId,
        (clock, term): (Arc<dyn Clock>, Arc<Term>),
        tell: Tell,
        (wants, progress): (watch::Receiver<Wants>, watch::Receiver<Progress>),
    ) -> Self {
        Self {
            client,
            stream,
            clock,
            tell,
            lease: watch::Sender::new(None),
            wants,
            progress,
            term,
            renew: Notify::new(),
        }
    }

    /// The lease, as it is now and whenever it changes.
    pub(super) fn lease(&self) -> watch::Receiver<Option<Arc<Lease>>> {
        self.lease.subscribe()
    }

    /// Goes on with an earlier run's lease.
    pub(super) fn restore(&self, lease: Lease) {
        self.lease.send_replace(Some(Arc::new(lease)));
    }

    /// Asks for the lease once. What a later try cannot mend is an error. Who has a lease already
    /// does not wait long for a server that may be away.
    pub(super) async fn greet(&self) -> Result<(), ClientError> {
        let ask = Ask {
            rendition: self.any_rendition(),
            ..Ask::default()
        };
        let patience = self.version().map_or(LONGEST, |_| BRIEF);
        match timeout(patience, self.renew(&[ask])).await {
            Ok(Err(error)) if error.is_final() => Err(error),
            _ => Ok(()),
        }
    }

    /// The server has a newer schedule than `version`, as another answer said.
    pub(super) fn newer(&self, version: u64) {
        if self.version().is_some_and(|known| known < version) {
            self.renew.notify_one();
        }
    }

    /// Follows the schedule's version by long poll.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut contact = Contact::new("schedule", self.tell.clone());
        self.until_askable().await;
        loop {
            let known = self.followed().await;
            let (began, before) = (Instant::now(), self.version());
            let ask = Ask {
                count: known.map(|_| 1),
                rendition: self.any_rendition(),
                known,
                wait: self.poll(),
                ..Ask::default()
            };
            match self.fetch(&ask).await {
                Err(error) => sleep(contact.failed(&error)).await,
                Ok(_) => {
                    // a server that is back need not be waited for to renew the lease
                    if contact.passed() || self.version() != before {
                        self.renew.notify_one();
                    } else {
                        sleep_until(began + SHORTEST).await; // the poll was not held
                    }
                }
            }
        }
    }

    /// The version that the worker follows; while that is not the newest, a little later. A worker
    /// in the middle of a pass may still publish by the older one, and must not be taken for one
    /// that follows the newer.
    async fn followed(&self) -> Option<u64> {
        let (mut progress, newest) = (self.progress.clone(), self.version());
        let caught_up = progress.wait_for(|progress| progress.acknowledged >= newest);
        let _ = timeout(SHORTEST, caught_up).await;
        self.progress.borrow().acknowledged
    }

    /// Renews the lease before it runs out and leases what is wanted besides.
    pub(super) async fn hold(self: Arc<Self>) {
        let mut contact = Contact::new("lease", self.tell.clone());
        let mut wants = self.wants.clone();
        self.until_askable().await;
        let (mut due, mut renditions) = (Instant::now(), None);
        loop {
            let wanted = wants.borrow_and_update().clone();
            if renditions.as_ref() != Some(&wanted.renditions) {
                due = Instant::now();
                renditions = Some(wanted.renditions.clone());
            }
            let missing = self.missing(&wanted);
            let renewals = match Instant::now() >= due {
                true => self.renewals(&wanted),
                false => Vec::new(),
            };
            let asked = !missing.is_empty() || !renewals.is_empty();
            let pause = match self.fetch_all(&missing, &renewals).await {
                Err(error) => contact.failed(&error),
                Ok(()) => {
                    if asked {
                        contact.passed();
                    }
                    if Instant::now() >= due {
                        due = Instant::now() + self.renew_in();
                    }
                    match self.missing(&wanted).is_empty() {
                        true => due.saturating_duration_since(Instant::now()),
                        false => SHORTEST,
                    }
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.renew.notified() => due = Instant::now(),
                changed = wants.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Fetches each key once as a player would: those about to be used at once, the others of
    /// the lease at leisure, so that they are good while the server is away.
    pub(super) async fn check(self: Arc<Self>) {
        let mut contact = Contact::new("key", self.tell.clone());
        let (mut lease, mut wants) = (self.lease.subscribe(), self.wants.clone());
        let mut failed = HashSet::new();
        let (mut again, mut leisure) = (Instant::now(), Instant::now() + LEISURE);
        loop {
            let held = lease.borrow_and_update().clone();
            let wanted = wants.borrow_and_update().periods.clone();
            let is_idle = Instant::now() >= leisure;
            let probe = held.and_then(|held| {
                let first = held.unchecked(&wanted, &failed);
                first.or_else(|| held.spare(&failed).filter(|_| is_idle))
            });
            let Some(probe) = probe else {
                tokio::select! {
                    () = sleep_until(leisure), if !is_idle => {}
                    () = sleep_until(again), if !failed.is_empty() => failed.clear(),
                    changed = lease.changed() => if changed.is_err() { return },
                    changed = wants.changed() => if changed.is_err() { return },
                }
                continue;
            };
            leisure = Instant::now() + self.leisure();
            let pause = match self.client.served_key(&probe.uri, &probe.token).await {
                Ok(key) => {
                    self.change(|lease| lease.served(&probe, &key));
                    crash::point("key.checked");
                    if failed.is_empty() {
                        contact.passed();
                    }
                    continue;
                }
                Err(error) => {
                    let pause = contact.failed(&error);
                    match error {
                        ClientError::Refused { status, .. } => {
                            self.refused(&probe, status);
                            again = Instant::now() + pause;
                            failed.insert(probe.place);
                            continue; // another key may be served
                        }
                        _ => pause,
                    }
                }
            };
            sleep(pause).await;
        }
    }

    fn leisure(&self) -> Duration {
        let spares = self
            .lease
            .borrow()
            .as_ref()
            .map_or(0, |lease| lease.spares());
        let spares = u32::try_from(spares).unwrap_or(u32::MAX).max(1);
        let span = self.term.span();
        span.map_or(LEISURE, |span| (span / 8 / spares).clamp(HASTE, LEISURE))
    }

    /// A probe that opens nothing any more is asked for anew with the lease.
    fn refused(&self, probe: &Probe, status: u16) {
        if matches!(status, 401 | 403) {
            self.change(|lease| lease.refused(probe));
        }
    }

    /// The first lease may need a rendition. While the source has none, nothing needs a lease.
    async fn until_askable(&self) {
        let (mut lease, mut wants) = (self.lease.subscribe(), self.wants.clone());
        tokio::select! {
            _ = lease.wait_for(Option::is_some) => {}
            _ = wants.wait_for(|wants| !wants.renditions.is_empty()) => {}
        }
    }

    async fn fetch_all(&self, missing: &[Ask], renewals: &[Ask]) -> Result<(), ClientError> {
        for ask in missing {
            self.fetch(ask).await?;
        }
        self.renew(renewals).await
    }

    /// Leases from the present on. The lease lasts as the first answer says, once all are there:
    /// only then are there keys for all of it.
    async fn renew(&self, asks: &[Ask]) -> Result<(), ClientError> {
        let mut first = None;
        for ask in asks {
            let answered = self.fetch(ask).await?;
            first.get_or_insert(answered);
        }
        if let Some(Answered { asked, now, end }) = first {
            self.term.granted(asked, now, end);
        }
        Ok(())
    }

    async fn fetch(&self, ask: &Ask) -> Result<Answered, ClientError> {
        let asked = self.term.now();
        let view = self.client.schedule(ask).await.inspect_err(|error| {
            if error.is_final() {
                self.term.refused();
            }
        })?;
        self.term.heard();
        let (now, end) = (view.now.0, view.lease_end.map(|Text(end)| end));
        let before = self.version();
        crash::point("lease.answered");
        self.take(view, ask.rendition.as_ref())?;
        crash::point("lease.taken");
        let version = self.version();
        if version != before {
            let version = version.unwrap_or_default();
            (self.tell)(Event::Leased { version });
        }
        Ok(Answered { asked, now, end })
    }

    fn take(&self, view: ScheduleView, scope: Option<&Rendition>) -> Result<(), ClientError> {
        let mut taken = Ok(());
        self.lease.send_modify(|lease| match lease {
            Some(lease) => taken = Arc::make_mut(lease).renew(view, &self.stream, scope),
            None => match Lease::new(view, &self.stream, scope) {
                Ok(first) => *lease = Some(Arc::new(first)),
                Err(error) => taken = Err(error),
            },
        });
        taken.map_err(|error| ClientError::Malformed(error.to_string()))
    }

    fn change(&self, change: impl FnOnce(&mut Lease)) {
        self.lease.send_modify(|lease| {
            if let Some(lease) = lease {
                change(Arc::make_mut(lease));
            }
        });
    }

    fn version(&self) -> Option<u64> {
        let lease = self.lease.borrow();
        lease.as_ref().map(|lease| lease.version())
    }

    /// Any rendition: without one the server cannot answer where each has its own keys.
    fn any_rendition(&self) -> Option<Rendition> {
        self.wants.borrow().renditions.first().cloned()
    }

    /// Leases from the present on, for each key scope.
    fn renewals(&self, wants: &Wants) -> Vec<Ask> {
        let lease = self.lease.borrow().clone();
        let own = lease.is_some_and(|lease| lease.key_scope() == KeyScope::Rendition);
        let renditions = wants.renditions.iter().cloned().map(Some);
        let scopes: Vec<_> = match own {
            true => renditions.collect(),
            false => vec![self.any_rendition()],
        };
        let ask = |rendition| Ask {
            rendition,
            ..Ask::default()
        };
        scopes.into_iter().map(ask).collect()
    }

    /// Leases of the wanted periods that are not held, a run of them for each key scope.
    fn missing(&self, wants: &Wants) -> Vec<Ask> {
        let Some(lease) = self.lease.borrow().clone() else {
            return Vec::new();
        };
        let mut runs: BTreeMap<Option<Rendition>, (i64, i64)> = BTreeMap::new();
        for (scope, index) in &wants.periods {
            if lease.lacks(scope.as_ref(), *index) {
                let run = runs.entry(scope.clone()).or_insert((*index, *index));
                run.1 = *index; // the set is in order
            }
        }
        let ask = |(rendition, (from, to)): (Option<Rendition>, (i64, i64))| {
            let count = to.saturating_sub(from).saturating_add(1 + AHEAD);
            Ask {
                from: Some(from),
                count: u32::try_from(count.clamp(1, MAX_PERIODS)).ok(),
                rendition: rendition.or_else(|| self.any_rendition()),
                ..Ask::default()
            }
        };
        runs.into_iter().map(ask).collect()
    }

    /// How long a poll may be held: several times in a lease.
    fn poll(&self) -> Duration {
        let span = self.term.span().map_or(POLL, |span| span / 8);
        span.clamp(SHORTEST, POLL)
    }

    /// Half of the time until the last leased period begins, or a quarter of the lease, within
    /// bounds.
    fn renew_in(&self) -> Duration {
        let longest = self.term.span().map_or(LONGEST, |span| span / 4);
        let longest = longest.clamp(SHORTEST, LONGEST);
        let lease = self.lease.borrow().clone();
        let horizon = lease.and_then(|lease| lease.horizon(self.any_rendition().as_ref()));
        match horizon {
            Some(Boundary::Time(last)) => last.since(self.clock.now()) / 2,
            _ => longest,
        }
        .clamp(SHORTEST, longest)
    }
}
