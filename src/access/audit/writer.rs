//! The one task that writes the trail of this run: it numbers rows, binds and signs them, and keeps
//! checkpoints.
//!
//! Must not know: what a row says.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::chain::{NOTHING, link, signed};
use super::checkpoint;
use super::config::AuditConfig;
use super::prune::prune;
use super::trail::Trail;
use crate::crypto::KeyRing;
use crate::crypto::hex_of;
use crate::domain::{Clock, Entropy};
use crate::store::{AuditEntry, AuditHead, AuditRow, Store, StoreError};

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
/// How often old rows are taken away.
const PRUNE: Duration = Duration::from_secs(3600);
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
    pruned: Option<Instant>,
    has_failed: bool,
}

struct Batch {
    rows: Vec<AuditRow>,
    head: AuditHead,
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
            pruned: None,
            has_failed: false,
        };
        (trail, writer)
    }
}

/// The head of a new chain, before its first row. Its name is 32 random hex digits.
fn beginning(clock: &dyn Clock, entropy: &dyn Entropy) -> AuditHead {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    let now = clock.now().millis();
    AuditHead {
        chain: hex_of(&bytes),
        began: now,
        seq: 0,
        hash: NOTHING.to_vec(),
        at: now,
        ended: 0,
        signer: String::new(),
        mac: Vec::new(),
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
            let (pause, next) = match done {
                Ok(_) => (None, RETRY[0]),
                Err(_) => (Some(rest), (2 * rest).min(RETRY[1])),
            };
            rest = next;
            let has_more = matches!(done, Ok(true));
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = self.wait(has_more, pause) => {}
            }
        }
        self.finish().await;
    }

    /// Waits for something to write, or after a failure for as long as `pause`.
    async fn wait(&self, has_more: bool, pause: Option<Duration>) {
        match pause {
            Some(pause) => sleep(pause).await,
            None if has_more => {}
            None => {
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
        self.batch = Some(self.sealed(Vec::new(), 1));
        self.write(true).await?;
        self.checkpoint().await
    }

    /// Whether anything was written; else there is time for what is seldom done.
    async fn step(&mut self) -> Result<bool, StoreError> {
        let has_written = self.write(false).await?;
        let is_due = self
            .checkpointed
            .is_none_or(|(seq, at)| seq < self.head.seq && at.elapsed() >= CHECKPOINT);
        if is_due && self.head.seq > 0 {
            self.checkpoint().await?;
        }
        let is_aged = self.pruned.is_none_or(|at| at.elapsed() >= PRUNE);
        if is_aged && !has_written {
            prune(&self.store, &self.ring, self.clock.now(), self.retention).await?;
            self.pruned = Some(Instant::now());
        }
        Ok(has_written)
    }

    async fn checkpoint(&mut self) -> Result<(), StoreError> {
        let keep = self.clock.now().minus(self.retention);
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
        let chain = &self.head.chain;
        let (mut seq, mut hash) = (self.head.seq, self.head.hash.clone());
        let row = |entry| {
            seq += 1;
            hash = link(chain, seq, &entry, &hash).to_vec();
            AuditRow {
                chain: chain.clone(),
                seq,
                entry,
                hash: hash.clone(),
            }
        };
        let rows = entries.into_iter().map(row).collect();
        self.sealed(rows, 0)
    }

    /// The rows with the head that they make.
    fn sealed(&self, rows: Vec<AuditRow>, ended: i64) -> Batch {
        let last = rows.last();
        let head = AuditHead {
            seq: last.map_or(self.head.seq, |row| row.seq),
            hash: last.map_or(&self.head.hash, |row| &row.hash).clone(),
            at: self.clock.now().millis(),
            ended,
            ..self.head.clone()
        };
        let head = signed(head, &self.ring);
        Batch { rows, head }
    }

    /// Says once that the store takes nothing, and once that it does again.
    fn tell(&mut self, done: &Result<bool, StoreError>) {
        match (done, self.has_failed) {
            (Err(error), false) => tracing::error!(%error, "the audit trail cannot be written"),
            (Ok(_), true) => tracing::info!("the audit trail is written again"),
            _ => {}
        }
        self.has_failed = done.is_err();
    }
}
