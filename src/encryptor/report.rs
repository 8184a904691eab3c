//! Tells the server what is published, and asks it when undated segments are.
//!
//! A report that fails never stops publishing. Must not know: playlists, files.

mod parts;
mod taken;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use self::parts::parts;
use super::client::{Client, ClientError};
use super::contact::{Contact, Tell};
use super::runs::{Runs, SourceReport};
use super::term::Term;
use super::undated::{Claims, Undated, asked};
use crate::api::{ProgressReport, RenditionProgress, RunMarks};
use crate::crash;
use crate::domain::Rendition;

/// What there is to report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The schedule version that the worker follows; `None` before there is a lease.
    pub(super) acknowledged: Option<u64>,
    /// What the published playlists list.
    pub(super) renditions: Vec<RenditionProgress>,
    /// Segments whose times the server must say.
    pub(super) claims: BTreeSet<Undated>,
    /// What there is to say and to ask of the source's numbering.
    pub(super) source: SourceReport,
}

/// Sends reports and holds the server's answers.
pub(super) struct Reporter {
    client: Arc<Client>,
    instance: String,
    progress: watch::Receiver<Progress>,
    claims: watch::Sender<Arc<Claims>>,
    /// Those of the claims that were taken from the clock and not reported yet.
    taken: watch::Sender<Claims>,
    term: Arc<Term>,
    tell: Tell,
    runs: watch::Sender<Arc<Runs>>,
    /// The highest segment whose mark the server has, by run and rendition.
    noted: Mutex<HashMap<(u64, Rendition), u64>>,
    /// The listings that the server has last taken note of.
    known: watch::Sender<Option<Vec<RenditionProgress>>>,
}

/// What became of the last report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// The server has it, or may have it.
    Sent,
    /// The server does not have it.
    NotSent,
}

/// Reports are at least this far apart, claims excepted…
const APART: Duration = Duration::from_secs(1);
/// … and at most this far.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A claim that the server left open is asked again after this.
const AGAIN: Duration = Duration::from_millis(500);
/// What a run that ends gives its last report.
const LAST: Duration = Duration::from_secs(2);
/// What a run that is done gives the server to take note of it.
const NOTE: Duration = Duration::from_secs(30);
/// The server takes reports of 64 KiB.
const MAX_ASKED: usize = 1000;
const MAX_TAKEN: usize = 200;
const MAX_KEPT: usize = 50_000;

impl Reporter {
    /// A reporter of what `progress` says.
    pub(super) fn new(
        client: Arc<Client>,
        instance: String,
        progress: watch::Receiver<Progress>,
        (term, tell): (Arc<Term>, Tell),
    ) -> Self {
        Self {
            client,
            instance,
            progress,
            claims: watch::Sender::default(),
            taken: watch::Sender::default(),
            term,
            tell,
            runs: watch::Sender::default(),
            noted: Mutex::default(),
            known: watch::Sender::default(),
        }
    }

    /// Goes on with an earlier run's times.
    pub(super) fn restore(&self, claims: &Claims, taken: Claims) {
        self.insert(claims);
        self.taken.send_replace(taken);
    }

    /// Times that were taken from the clock and not reported yet.
    pub(super) fn taken(&self) -> watch::Receiver<Claims> {
        self.taken.subscribe()
    }

    /// The times of undated segments, as they are now and whenever there are more.
    pub(super) fn claims(&self) -> watch::Receiver<Arc<Claims>> {
        self.claims.subscribe()
    }

    /// The runs that the server has told, as they are now and whenever there are others.
    pub(super) fn runs(&self) -> watch::Receiver<Arc<Runs>> {
        self.runs.subscribe()
    }

    /// Reports until it is dropped; `newer` learns the schedule's version from each answer.
    pub(super) async fn run(self: Arc<Self>, mut contact: Contact, newer: impl Fn(u64)) {
        let mut progress = self.progress.clone();
        loop {
            let now = progress.borrow_and_update().clone();
            let sent = match now.acknowledged {
                None => Ok(None),
                Some(version) => self.send(version, &now, false).await.map(Some),
            };
            let pause = match sent {
                Err(error) => contact.failed(&error),
                Ok(version) => {
                    if let Some(version) = version {
                        contact.passed();
                        newer(version);
                    }
                    self.until_due(&mut progress, &now).await;
                    continue;
                }
            };
            sleep(pause).await;
        }
    }

    /// Waits until the server has taken note of all that is published now: only then are the keys
    /// of a finished asset kept. `false` if it does not in time.
    pub(super) async fn is_noted(&self) -> bool {
        let published = self.progress.borrow().renditions.clone();
        let mut known = self.known.subscribe();
        let noted = known.wait_for(|known| known.as_ref() == Some(&published));
        matches!(timeout(NOTE, noted).await, Ok(Ok(_)))
    }

    /// The last report of a run that ends: it gives the lease up.
    pub(super) async fn finish(&self) -> Parting {
        let now = self.progress.borrow().clone();
        let version = now.acknowledged.unwrap_or_default();
        match timeout(LAST, self.send(version, &now, true)).await {
            Ok(Err(ClientError::Unreachable { sent: false, .. } | ClientError::Refused { .. })) => {
                Parting::NotSent
            }
            _ => Parting::Sent,
        }
    }

    /// Waits until the next report is due: at once for a new claim or version, which somebody
    /// waits for, soon for anything else new, or for a heartbeat.
    async fn until_due(&self, progress: &mut watch::Receiver<Progress>, sent: &Progress) {
        let open = |progress: &Progress| !self.open(&progress.claims).is_empty();
        let urgent = |now: &Progress| {
            let new = self.open(&now.claims);
            let asks = self.asks(now) && now.source.asked() != sent.source.asked();
            let asks = asks || !new.is_subset(&sent.claims);
            now.acknowledged.is_some() && (asks || now.acknowledged != sent.acknowledged)
        };
        let open = |progress: &Progress| open(progress) || self.asks(progress);
        let apart = if open(sent) { AGAIN } else { APART };
        tokio::select! {
            () = sleep(apart) => {}
            _ = progress.wait_for(urgent) => return,
        }
        if open(&progress.borrow()) || *progress.borrow() != *sent {
            return;
        }
        tokio::select! {
            () = sleep(HEARTBEAT - apart) => {}
            _ = progress.changed() => {}
        }
    }

    async fn send(
        &self,
        acknowledged: u64,
        progress: &Progress,
        leaving: bool,
    ) -> Result<u64, ClientError> {
        let mut parts = parts(&progress.renditions);
        let last = parts.pop().unwrap_or_default();
        for part in parts {
            let report = self.listing(acknowledged, part);
            self.client.progress(&report).await?;
            self.term.heard();
        }
        let open = self.open(&progress.claims);
        let report = ProgressReport {
            undated: asked(open.into_iter().take(MAX_ASKED)),
            taken: self.taken_claims(MAX_TAKEN),
            leaving,
            marks: progress
                .source
                .unnoted(&self.noted.lock().unwrap_or_else(PoisonError::into_inner)),
            restart: progress.source.restart.clone(),
            runs: self.asks(progress),
            ..self.listing(acknowledged, last)
        };
        let reply = self.client.progress(&report).await?;
        self.term.heard();
        self.settle(&report.taken, &reply.claims);
        self.note(&report.marks);
        self.known.send_replace(Some(progress.renditions.clone()));
        if let Some(runs) = reply.runs {
            let runs = Runs::new(progress.source.question, runs);
            self.runs.send_replace(Arc::new(runs));
        }
        crash::point("report.answered");
        Ok(reply.version)
    }

    /// A report that asks nothing.
    fn listing(&self, acknowledged: u64, renditions: Vec<RenditionProgress>) -> ProgressReport {
        ProgressReport {
            instance: self.instance.clone(),
            acknowledged,
            renditions,
            claims: Vec::new(),
            undated: Vec::new(),
            taken: Vec::new(),
            leaving: false,
            marks: Vec::new(),
            restart: None,
            runs: false,
        }
    }

    /// Whether the server is to say something of the source's numbering.
    fn asks(&self, progress: &Progress) -> bool {
        let is_answered = self.runs.borrow().answered >= progress.source.question;
        !is_answered || progress.source.restart.is_some()
    }

    fn note(&self, marks: &[RunMarks]) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        for RunMarks { run, marks } in marks {
            for mark in marks {
                let last = noted.entry((*run, mark.rendition.0.clone())).or_default();
                *last = mark.segment.max(*last);
            }
        }
    }

    fn open(&self, claims: &BTreeSet<Undated>) -> BTreeSet<Undated> {
        let known = self.claims.borrow();
        let open = claims.iter().filter(|undated| !known.has(undated));
        open.cloned().collect()
    }

    fn insert(&self, times: &Claims) {
        if times.is_empty() {
            return;
        }
        self.claims.send_modify(|claims| {
            let claims = Arc::make_mut(claims);
            claims.extend(times.iter());
            claims.keep_last(MAX_KEPT);
        });
    }
}
