//! The one task that writes the trail of this run: it numbers rows, binds and signs them, and keeps
//! checkpoints.
//!
//! Must not know: what a row says.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::batch::{Batch, beginning};
use super::checkpoint;
use super::config::AuditConfig;
use super::prune::{Pruning, old};
use super::trail::Trail;
use crate::crypto::KeyRing;
use crate::domain::{Clock, Entropy};
use crate::store::{AuditEntry, AuditHead, Store, StoreError};

/// Rows of one transaction at most.
const BATCH: usize = 1000;
/// How long rows are gathered before they are written.
const GATHER: Duration = Duration::from_millis(100);
/// How often minutes are looked at that may be over, though nothing new came.
const LOOK: Duration = Duration::from_secs(1);
/// How long after a failure the same is tried again: at first, and at most.
const RETRY: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];
/// How often heads are written into a checkpoint.
const CHECKPOINT: Duration = Duration::from_secs(60);
/// How long a stop waits for the store.
const FAREWELL: Duration = Duration::from_secs(5);

/// Writes one chain.
pub struct Writer {
    trail: Arc<Trail>,
    store: Store,
    ring: KeyRing,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    retention: Duration,
    head: AuditHead,
    /// Linked and signed, on its way into the store.
    batch: Option<Batch>,
    checkpointed: Option<(i64, Instant)>,
    pruning: Pruning,
    has_failed: bool,
}

/// When there is something to do again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// More may be waiting to be written.
    AtOnce,
    /// Old rows are left; others who write have their turn between two pages.
    Soon,
    /// When a row comes, or a minute may be over.
    WhenWoken,
}

impl Trail {
    /// A trail and who writes it into `store`, under a chain of its own. Nothing is written before a
    /// row is there.
    pub fn open(
        config: &AuditConfig,
        store: Store,
        ring: KeyRing,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> (Arc<Self>, Writer) {
        let trail = Arc::new(Self::new(config, Arc::clone(&clock)));
        let writer = Writer {
            head: beginning(&*clock, &*entropy),
            trail: Arc::clone(&trail),
            store,
            ring,
            clock,
            entropy,
            retention: config.retention.0.into(),
            batch: None,
            checkpointed: None,
            pruning: Pruning::default(),
            has_failed: false,
        };
        (trail, writer)
    }
}

impl Writer {
    /// Writes what comes until `stop`, and then what is left. A batch on its way is never given up:
    /// a transaction that is dropped in the middle may take what follows along.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut rest = RETRY[0];
        loop {
            let done = self.step().await;
            self.tell(&done);
            let pause = rest;
            rest = match done {
                Ok(_) => RETRY[0],
                Err(_) => (2 * rest).min(RETRY[1]),
            };
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = self.wait(done.ok(), pause) => {}
            }
        }
        self.finish().await;
    }

    /// Waits for the next step, or after a failure for as long as `pause`.
    async fn wait(&self, next: Option<Next>, pause: Duration) {
        match next {
            None => sleep(pause).await,
            Some(Next::AtOnce) => {}
            Some(Next::Soon) => sleep(GATHER).await,
            Some(Next::WhenWoken) => {
                let _ = timeout(LOOK, self.trail.wake.notified()).await;
                sleep(GATHER).await;
            }
        }
    }

    /// Writes all that is there, and that nothing follows. It tries again: a connection of the pool
    /// may have gone with the thread that opened it.
    pub async fn finish(mut self) {
        let tried = async {
            while let Err(error) = self.finished().await {
                tracing::warn!(%error, "the audit trail's last rows are not written yet");
                sleep(RETRY[0]).await;
            }
        };
        if timeout(FAREWELL, tried).await.is_err() {
            tracing::error!("the audit trail ends without its last rows");
        }
    }

    async fn finished(&mut self) -> Result<(), StoreError> {
        while self.write(true).await? {}
        if self.head.seq == 0 {
            return Ok(());
        }
        self.batch = Some(Batch::last(&self.head, (&self.ring, self.clock.now())));
        self.write(true).await?;
        match self.head.seq {
            0 => Ok(()), // somebody else ended the chain, and nothing is in the next
            _ => self.checkpoint().await,
        }
    }

    /// Writes what is there, and does a little of what is seldom done.
    pub(super) async fn step(&mut self) -> Result<Next, StoreError> {
        let has_written = self.write(false).await?;
        let is_due = self
            .checkpointed
            .is_none_or(|(seq, at)| seq < self.head.seq && at.elapsed() >= CHECKPOINT);
        if is_due && self.head.seq > 0 {
            self.checkpoint().await?;
        }
        let age = (self.clock.now(), self.retention);
        let has_more = self.pruning.step(&self.store, &self.ring, age).await;
        Ok(match (has_written, has_more) {
            (true, _) => Next::AtOnce,
            (false, true) => Next::Soon,
            (false, false) => Next::WhenWoken,
        })
    }

    async fn checkpoint(&mut self) -> Result<(), StoreError> {
        let keep = old(&self.store, self.clock.now(), self.retention).await?;
        let is_first = self.checkpointed.is_none();
        checkpoint::write(
            &self.store,
            &self.ring,
            &self.head,
            self.clock.now(),
            keep,
            is_first,
        )
        .await?;
        self.checkpointed = Some((self.head.seq, Instant::now()));
        Ok(())
    }

    /// Writes the next batch, or the one whose writing failed. `false` if there is none.
    pub(super) async fn write(&mut self, all: bool) -> Result<bool, StoreError> {
        if self.batch.is_none() {
            let entries = self.trail.take(BATCH, all);
            if entries.is_empty() {
                return Ok(false);
            }
            self.batch = Some(self.linked(entries));
        }
        let Some(batch) = &self.batch else {
            return Ok(false);
        };
        let appended = self
            .store
            .append_audit(&batch.head, self.head.seq, &batch.rows);
        match appended.await? {
            true => {
                self.trail.written(batch.rows.len());
                self.head = batch.head.clone();
                self.batch = None;
            }
            false => self.begin_anew(),
        }
        Ok(true)
    }

    /// The database was put back, or somebody else wrote: what cannot follow begins a new chain, and
    /// the old one shows where it was broken.
    fn begin_anew(&mut self) {
        tracing::error!(
            chain = self.head.chain,
            "the audit trail is not as it was left"
        );
        self.head = beginning(&*self.clock, &*self.entropy);
        self.checkpointed = None;
        let rows = self
            .batch
            .take()
            .map(|batch| batch.rows)
            .unwrap_or_default();
        if !rows.is_empty() {
            self.batch = Some(self.linked(rows.into_iter().map(|row| row.entry).collect()));
        }
    }

    fn linked(&self, entries: Vec<AuditEntry>) -> Batch {
        Batch::after(&self.head, entries, (&self.ring, self.clock.now()))
    }

    /// Says once that the store takes nothing, and once that it does again.
    fn tell(&mut self, done: &Result<Next, StoreError>) {
        match (done, self.has_failed) {
            (Err(error), false) => tracing::error!(%error, "the audit trail cannot be written"),
            (Ok(_), true) => tracing::info!("the audit trail is written again"),
            _ => {}
        }
        self.has_failed = done.is_err();
    }
}
