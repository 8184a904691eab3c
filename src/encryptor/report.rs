//! Tells the server what is published, and asks it when undated segments are.
//!
//! A report that fails never stops publishing. Must not know: playlists, files.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::client::{Client, ClientError};
use super::contact::Contact;
use super::place::Claims;
use crate::api::{Claim, ProgressReport, RenditionProgress};
use crate::crash;

/// What there is to report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The schedule version that the worker follows; `None` before there is a lease.
    pub(super) acknowledged: Option<u64>,
    /// What the published playlists list.
    pub(super) renditions: Vec<RenditionProgress>,
    /// Segments whose times the server must say.
    pub(super) claims: BTreeSet<u64>,
}

/// Sends reports and holds the server's answers.
pub(super) struct Reporter {
    client: Arc<Client>,
    instance: String,
    progress: watch::Receiver<Progress>,
    claims: watch::Sender<Arc<Claims>>,
}

/// Reports are at least this far apart, claims excepted…
const APART: Duration = Duration::from_secs(1);
/// … and at most this far.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A claim that the server left open is asked again after this.
const AGAIN: Duration = Duration::from_millis(500);
/// What a run that ends gives its last report.
const LAST: Duration = Duration::from_secs(2);
const MAX_ASKED: usize = 1000;
const MAX_KEPT: usize = 50_000;

impl Reporter {
    /// A reporter of what `progress` says.
    pub(super) fn new(
        client: Arc<Client>,
        instance: String,
        progress: watch::Receiver<Progress>,
    ) -> Self {
        Self {
            client,
            instance,
            progress,
            claims: watch::Sender::default(),
        }
    }

    /// The times that the server has said, as they are now and whenever there are more.
    pub(super) fn claims(&self) -> watch::Receiver<Arc<Claims>> {
        self.claims.subscribe()
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

    /// The last report of a run that ends: it gives the lease up. It may fail like any.
    pub(super) async fn finish(&self) {
        let now = self.progress.borrow().clone();
        let version = now.acknowledged.unwrap_or_default();
        let _ = timeout(LAST, self.send(version, &now, true)).await;
    }

    /// Waits until the next report is due: at once for a new claim or version, which somebody
    /// waits for, soon for anything else new, or for a heartbeat.
    async fn until_due(&self, progress: &mut watch::Receiver<Progress>, sent: &Progress) {
        let open = |progress: &Progress| !self.open(&progress.claims).is_empty();
        let urgent = |now: &Progress| {
            let new = self.open(&now.claims);
            let asks = !new.is_subset(&sent.claims);
            now.acknowledged.is_some() && (asks || now.acknowledged != sent.acknowledged)
        };
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
        let open = self.open(&progress.claims);
        let report = ProgressReport {
            instance: self.instance.clone(),
            acknowledged,
            renditions: progress.renditions.clone(),
            claims: open.into_iter().take(MAX_ASKED).collect(),
            taken: Vec::new(),
            leaving,
        };
        let reply = self.client.progress(&report).await?;
        self.take(&reply.claims);
        crash::point("report.answered");
        Ok(reply.version)
    }

    fn open(&self, claims: &BTreeSet<u64>) -> BTreeSet<u64> {
        let known = self.claims.borrow();
        let open = claims.iter().filter(|msn| !known.contains_key(msn));
        open.copied().collect()
    }

    fn take(&self, decided: &[Claim]) {
        if decided.is_empty() {
            return;
        }
        self.claims.send_modify(|claims| {
            let claims = Arc::make_mut(claims);
            claims.extend(decided.iter().map(|claim| (claim.segment, claim.time.0)));
            while claims.len() > MAX_KEPT {
                claims.pop_first();
            }
        });
    }
}
