//! A change that a command makes beside the servers: a row in the one chain that all commands share.
//!
//! A chain for each command would make checkpoints of as many lines. Commands that run at once both
//! read the chain's head; the store takes the row of one, and the other links its own anew. Must not
//! know: which commands there are.

use super::batch::{Batch, beginning};
use super::chain::{Signature, signature};
use super::checkpoint;
use super::config::AuditConfig;
use super::entry::{Kind, Ruling};
use super::prune::old;
use crate::crypto::{KeyRing, hex_of, sha256};
use crate::domain::{Clock, Entropy};
use crate::store::{AuditHead, Store, StoreError};

/// How often another command may come first.
const ATTEMPTS: usize = 16;

/// Writes down a change that was made; it is in the store when this ends.
pub async fn record(
    config: &AuditConfig,
    (store, ring): (&Store, &KeyRing),
    ruling: &Ruling<'_>,
    (clock, entropy): (&dyn Clock, &dyn Entropy),
) -> Result<(), StoreError> {
    let entry = ruling.entry(Kind::Changed, clock.now());
    for attempt in 0..=ATTEMPTS {
        let new = beginning(clock, entropy);
        let shared = match attempt {
            ATTEMPTS => None,
            _ => shared(store, ring, &new).await?,
        };
        let before = shared.unwrap_or(new);
        let batch = Batch::after(&before, vec![entry.clone()], (ring, clock.now()));
        let appended = store.append_audit(&batch.head, before.seq, &batch.rows);
        if appended.await? {
            let noted = checkpoint(config, (store, ring), &batch, clock).await;
            if let Err(error) = noted {
                // The row stands, and the next checkpoint names it.
                tracing::warn!(%error, "the audit trail's checkpoint is not written");
            }
            break;
        }
    }
    Ok(()) // the last attempt has a chain of its own
}

async fn checkpoint(
    config: &AuditConfig,
    (store, ring): (&Store, &KeyRing),
    batch: &Batch,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let keep = old(store, clock.now(), config.retention.0.into()).await?;
    checkpoint::write(store, ring, &batch.head, clock.now(), keep, false).await
}

/// The head of the shared chain: `new` if it has no row yet, `None` if what is there is not ours to
/// go on with. A chain for each signing key: what one vouched for ends with it.
async fn shared(
    store: &Store,
    ring: &KeyRing,
    new: &AuditHead,
) -> Result<Option<AuditHead>, StoreError> {
    let name = sha256(format!("hlskey audit commands {}", ring.sealing()).as_bytes());
    let chain: String = hex_of(&name[..16]);
    // In this order: a first row that comes in between has come with its head.
    let is_free = store.audit_rows(&chain, 0, 1).await?.is_empty();
    Ok(match store.audit_head(&chain).await? {
        Some(head) if head.ended == 0 && signature(&head, ring) == Signature::Ours => Some(head),
        None if is_free => Some(AuditHead {
            chain,
            ..new.clone()
        }),
        _ => None,
    })
}
