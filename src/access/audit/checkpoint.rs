//! Writing a checkpoint: the heads of all chains that moved, bound to the checkpoint before.
//!
//! Must not know: rows.

use std::time::Duration;

use super::chain::{NOTHING, Signature, digest, signature, signed};
use super::named;
use crate::crypto::KeyRing;
use crate::domain::Timestamp;
use crate::store::{AuditCheckpoint, AuditHead, Store, StoreError};

/// How often another server may come first.
const ATTEMPTS: usize = 8;
/// How far back heads are taken in that moved: servers' clocks differ.
const OVERLAP: Duration = Duration::from_secs(300);
/// The same for a run's first checkpoint: whoever was killed named its last head nowhere.
const AT_START: Duration = Duration::from_secs(24 * 3600);

/// Names `own` and the other chains' heads. Of the latter only what carries a good signature: nobody
/// shall have it signed by altering a row.
pub(super) async fn write(
    store: &Store,
    ring: &KeyRing,
    own: &AuditHead,
    now: Timestamp,
    keep: Timestamp,
    is_first: bool,
) -> Result<(), StoreError> {
    for _ in 0..ATTEMPTS {
        let last = store.last_audit_checkpoint().await?;
        let since = since(last.as_ref(), now, is_first);
        let mut heads = store.audit_heads_since(since.millis()).await?;
        heads.retain(|head| head.chain != own.chain && signature(head, ring) == Signature::Ours);
        heads.push(own.clone());
        let kept = store.first_audit_checkpoint(keep).await?;
        let next = next(last.as_ref(), named::text(heads.iter()), now, kept);
        if store.add_audit_checkpoint(&signed(next, ring)).await? {
            return Ok(());
        }
    }
    Ok(()) // others were so busy that theirs name us, or the next one will
}

fn since(last: Option<&AuditCheckpoint>, now: Timestamp, is_first: bool) -> Timestamp {
    let last = last.map_or(i64::MIN, |last| last.at);
    let since = Timestamp::from_millis(last).minus(OVERLAP);
    match is_first {
        true => since.min(now.minus(AT_START)),
        false => since,
    }
}

fn next(
    last: Option<&AuditCheckpoint>,
    heads: String,
    now: Timestamp,
    kept: Option<i64>,
) -> AuditCheckpoint {
    let number = last.map_or(1, |last| last.number + 1);
    // The last one is kept, whatever its age: the next one is bound to it.
    let newest = last.map_or(number, |last| last.number);
    let oldest = last.map_or(number, |last| last.first);
    AuditCheckpoint {
        number,
        at: now.millis(),
        first: kept.unwrap_or(newest).min(newest).max(oldest),
        heads,
        previous: last.map_or(NOTHING, digest).to_vec(),
        signer: String::new(),
        mac: Vec::new(),
    }
}
