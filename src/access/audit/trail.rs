//! The trail as requests see it: they leave a row and go on.
//!
//! Must not know: the store; the [`super::Writer`] has it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::config::{AuditConfig, OnOverflow};
use super::entry::{Kind, Ruling, lost};
use super::recent::{Recent, Remembered};
use super::tally::Tallies;
use crate::domain::{Clock, Kid, Timestamp};
use crate::store::AuditEntry;
use crate::telemetry::AuditMeasures;

/// Room past the queue's end for what was decided while there was room still.
const SLACK: i64 = 1024;

/// Where decisions are written down.
pub struct Trail {
    clock: Arc<dyn Clock>,
    on_overflow: OnOverflow,
    most: i64,
    counts_deliveries: bool,
    rows: Mutex<VecDeque<AuditEntry>>,
    tallies: Tallies,
    recent: Recent,
    /// Rows that were lost and not told yet.
    lost: AtomicU64,
    pub(super) wake: Notify,
    measures: AuditMeasures,
}

/// The queue is full and nothing may be decided that is not written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow;

impl Trail {
    pub(super) fn new(config: &AuditConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            on_overflow: config.on_overflow,
            most: i64::try_from(config.queue.get()).unwrap_or(i64::MAX),
            counts_deliveries: config.deliveries,
            rows: Mutex::default(),
            tallies: Tallies::default(),
            recent: Recent::default(),
            lost: AtomicU64::new(0),
            wake: Notify::new(),
            measures: AuditMeasures::default(),
        }
    }

    /// What is counted; clones share it.
    pub fn measures(&self) -> AuditMeasures {
        self.measures.clone()
    }

    /// Whether a request may be decided at all. Asked before anything is done.
    pub fn admit(&self) -> Result<(), Overflow> {
        let is_full = self.measures.queue.get() >= self.most;
        match self.on_overflow {
            OnOverflow::Refuse if is_full => Err(Overflow),
            _ => Ok(()),
        }
    }

    /// Writes a refusal down, and remembers the request for a while, as `remembered` makes it of the
    /// row.
    pub fn refused(
        &self,
        ruling: &Ruling<'_>,
        remembered: impl FnOnce(AuditEntry) -> Option<Remembered>,
    ) {
        let entry = ruling.entry(Kind::Refused, self.clock.now());
        self.add(entry.clone());
        if let Some(request) = remembered(entry) {
            self.recent.keep(request);
        }
    }

    /// A request that was lately refused.
    pub fn recall(&self, request: &str) -> Option<Arc<Remembered>> {
        self.recent.find(request)
    }

    /// Writes a change down that was made.
    pub fn changed(&self, ruling: &Ruling<'_>) {
        self.add(ruling.entry(Kind::Changed, self.clock.now()));
    }

    /// Counts a key that is about to be handed out.
    pub fn delivered(&self, kid: Kid, ruling: &Ruling<'_>) -> Result<(), Overflow> {
        let kid = Some(kid);
        self.granted(&Ruling { kid, ..*ruling })
    }

    /// Counts what is about to be handed out and is no key: a lease, a playlist with grants, a session.
    pub fn granted(&self, ruling: &Ruling<'_>) -> Result<(), Overflow> {
        if !self.counts_deliveries {
            return Ok(());
        }
        let now = self.clock.now();
        match self.tallies.count(ruling, now, || self.takes(0)) {
            true => Ok(()),
            false if self.on_overflow == OnOverflow::Refuse => Err(Overflow),
            false => {
                self.lose();
                Ok(())
            }
        }
    }

    fn add(&self, entry: AuditEntry) {
        let slack = match self.on_overflow {
            OnOverflow::Refuse => SLACK,
            OnOverflow::Drop => 0,
        };
        if !self.takes(slack) {
            return self.lose();
        }
        self.rows().push_back(entry);
        self.wake.notify_one();
    }

    /// Takes a row's place in the queue, if there is one.
    fn takes(&self, slack: i64) -> bool {
        let most = self.most.saturating_add(slack);
        let before = self.measures.queue.inc();
        if before >= most {
            self.measures.queue.dec();
        }
        before < most
    }

    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.measures.dropped.inc();
    }

    fn rows(&self) -> MutexGuard<'_, VecDeque<AuditEntry>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next rows to be written, `most` at most; deliveries of the running minute too if `all`.
    pub(super) fn take(&self, most: usize, all: bool) -> Vec<AuditEntry> {
        let now = self.clock.now();
        let counted = self.tallies.take(now, all);
        let mut rows = self.rows();
        rows.extend(counted);
        let count = rows.len().min(most);
        let mut taken: Vec<_> = rows.drain(..count).collect();
        let is_empty = rows.is_empty();
        drop(rows);
        if is_empty {
            taken.extend(self.confess(now));
        }
        taken
    }

    /// The row that says how many were lost, once there is room again.
    fn confess(&self, now: Timestamp) -> Option<AuditEntry> {
        let count = self.lost.swap(0, Ordering::Relaxed);
        (count > 0).then(|| {
            self.measures.queue.inc();
            lost(count, now)
        })
    }

    /// Notes that so many rows are in the store.
    pub(super) fn written(&self, count: usize) {
        self.measures
            .queue
            .dec_by(i64::try_from(count).unwrap_or(i64::MAX));
        self.measures.written.inc_by(count as u64);
    }
}

#[cfg(test)]
impl Trail {
    /// One that nobody writes.
    pub(crate) fn unwritten() -> Self {
        Self::new(
            &AuditConfig::default(),
            Arc::new(crate::domain::SystemClock),
        )
    }
}
