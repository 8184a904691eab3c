//! Taking old rows away, with a signed mark that says up to where: a page at a time, so that rows that
//! come are written between.
//!
//! Rows are looked at before they go: a trail that somebody altered is left as it is, for who
//! verifies it. Must not know: the queue.

use std::time::Duration;

use tokio::time::Instant;

use super::chain::{Signature, signature, signed};
use super::verify::Walk;
use crate::crypto::KeyRing;
use crate::domain::Timestamp;
use crate::store::{AuditMark, Store, StoreError};

/// Rows of a chain that are taken away at once: as many as are written at once, so that no load
/// outruns it.
const PAGE: i64 = 1000;
/// How often it is looked whether rows are old.
const EACH: Duration = Duration::from_secs(3600);
/// How long after a failure nothing is taken away.
const PAUSE: Duration = Duration::from_secs(60);

/// What is to be taken away, and how far that has come.
#[derive(Debug, Default)]
pub(super) struct Pruning {
    /// Before when a row is old, and the chains that are still to be gone through.
    round: Option<(Timestamp, Vec<String>)>,
    /// When the last round was over.
    done: Option<Instant>,
    /// When it failed, if it did so last.
    failed: Option<Instant>,
}

/// Before when what was written is old, by the store's own slow clock where it has one.
pub(super) async fn old(
    store: &Store,
    now: Timestamp,
    retention: Duration,
) -> Result<Timestamp, StoreError> {
    let reckoned = store.reckoned().await?;
    let now = reckoned.map_or(now, |reckoned| reckoned.min(now));
    Ok(now.minus(retention))
}

impl Pruning {
    /// Takes a page of what is older than `retention` away, if it is time. Whether more is left.
    ///
    /// A failure keeps no row from being written: it is said, and the chain has to wait for the next
    /// round, so that it does not keep the others.
    pub(super) async fn step(
        &mut self,
        store: &Store,
        ring: &KeyRing,
        age: (Timestamp, Duration),
    ) -> bool {
        if self.failed.is_some_and(|at| at.elapsed() < PAUSE) {
            return false;
        }
        let done = self.try_step(store, ring, age).await;
        self.failed = done.is_err().then(Instant::now);
        done.unwrap_or_else(|error| {
            let chain = self.round.as_mut().and_then(|(_, chains)| chains.pop());
            tracing::error!(%error, chain, "old rows of the audit trail are not taken away");
            false
        })
    }

    async fn try_step(
        &mut self,
        store: &Store,
        ring: &KeyRing,
        (now, retention): (Timestamp, Duration),
    ) -> Result<bool, StoreError> {
        let (old, chains) = match &mut self.round {
            Some(round) => round,
            None if self.done.is_some_and(|at| at.elapsed() < EACH) => return Ok(false),
            None => {
                let old = old(store, now, retention).await?;
                let chains = store.aged_audit_chains(old).await?;
                self.round.insert((old, chains))
            }
        };
        if let Some(chain) = chains.last() {
            if !prune_page(store, ring, chain, *old).await? {
                chains.pop();
            }
            return Ok(true);
        }
        store.forget_audit_chains(*old).await?;
        (self.round, self.done) = (None, Some(Instant::now()));
        Ok(false)
    }
}

/// Whether there may be more.
async fn prune_page(
    store: &Store,
    ring: &KeyRing,
    chain: &str,
    old: Timestamp,
) -> Result<bool, StoreError> {
    let mark = store.audit_mark(chain).await?;
    if mark
        .as_ref()
        .is_some_and(|mark| signature(mark, ring) == Signature::Wrong)
    {
        return Ok(left_alone(chain));
    }
    let mut walk = Walk::after(mark.as_ref());
    let rows = store.audit_rows(chain, walk.seq, PAGE).await?;
    let before = walk.seq;
    for row in rows.iter().take_while(|row| row.entry.time < old.millis()) {
        if walk.follow(row).is_err() {
            // Another server may have taken the same page away in between.
            let has_moved = store.audit_mark(chain).await? != mark;
            return Ok(has_moved || left_alone(chain));
        }
    }
    if walk.seq == before {
        return Ok(false);
    }
    let mark = AuditMark {
        chain: chain.to_owned(),
        seq: walk.seq,
        hash: walk.hash,
        signer: String::new(),
        mac: Vec::new(),
    };
    store.prune_audit(&signed(mark, ring)).await?;
    Ok(walk.seq - before == PAGE)
}

/// Says so; nothing of it goes.
fn left_alone(chain: &str) -> bool {
    let what = "the audit trail was altered: see `hlskey audit verify`";
    tracing::error!(chain, "{what}");
    false
}

#[cfg(test)]
impl Pruning {
    /// As after its pause.
    pub(super) fn go_on(&mut self) {
        self.failed = None;
    }
}
