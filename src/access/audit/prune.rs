//! Taking old rows away, with a signed mark that says up to where.
//!
//! Rows are looked at before they go: a trail that somebody altered is left as it is, for who
//! verifies it. Must not know: the queue.

use std::time::Duration;

use super::chain::{Signature, signature, signed};
use super::verify::Walk;
use crate::crypto::KeyRing;
use crate::domain::Timestamp;
use crate::store::{AuditMark, Store, StoreError};

/// Rows of a chain that are taken away at once.
const PAGE: i64 = 1000;
/// How often a chain is gone on with at a time.
const PAGES: usize = 100;

/// Takes away what is older than `retention`, by the store's own slow clock where it has one.
pub(super) async fn prune(
    store: &Store,
    ring: &KeyRing,
    now: Timestamp,
    retention: Duration,
) -> Result<(), StoreError> {
    let now = store
        .reckoned()
        .await?
        .map_or(now, |reckoned| reckoned.min(now));
    let old = now.minus(retention);
    for chain in store.aged_audit_chains(old).await? {
        for _ in 0..PAGES {
            if !prune_page(store, ring, &chain, old).await? {
                break;
            }
        }
    }
    store.forget_audit_chains(old).await
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
        tracing::error!(
            chain,
            "the audit trail was altered: see `hlskey audit verify`"
        );
        return Ok(false);
    }
    let mut walk = Walk::after(mark.as_ref());
    let rows = store.audit_rows(chain, walk.seq, PAGE).await?;
    let before = walk.seq;
    for row in rows.iter().take_while(|row| row.entry.time < old.millis()) {
        if walk.follow(row).is_err() {
            tracing::error!(
                chain,
                row.seq,
                "the audit trail was altered: see `hlskey audit verify`"
            );
            return Ok(false);
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
