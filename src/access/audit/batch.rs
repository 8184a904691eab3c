//! Rows linked into a chain, with the signed head that they make.
//!
//! Must not know: who writes them, or when.

use super::chain::{NOTHING, link, signed};
use crate::crypto::{KeyRing, hex_of};
use crate::domain::{Clock, Entropy, Timestamp};
use crate::store::{AuditEntry, AuditHead, AuditRow};

/// Linked and signed, on its way into the store.
pub(super) struct Batch {
    pub(super) rows: Vec<AuditRow>,
    pub(super) head: AuditHead,
}

/// The head of a new chain, before its first row. Its name is 32 random hex digits.
pub(super) fn beginning(clock: &dyn Clock, entropy: &dyn Entropy) -> AuditHead {
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

impl Batch {
    /// What follows `head`.
    pub(super) fn after(
        head: &AuditHead,
        entries: Vec<AuditEntry>,
        (ring, now): (&KeyRing, Timestamp),
    ) -> Self {
        let chain = &head.chain;
        let (mut seq, mut hash) = (head.seq, head.hash.clone());
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
        Self::sealed(head, rows, (ring, now), 0)
    }

    /// That nothing follows `head`.
    pub(super) fn last(head: &AuditHead, (ring, now): (&KeyRing, Timestamp)) -> Self {
        Self::sealed(head, Vec::new(), (ring, now), 1)
    }

    fn sealed(
        head: &AuditHead,
        rows: Vec<AuditRow>,
        (ring, now): (&KeyRing, Timestamp),
        ended: i64,
    ) -> Self {
        let last = rows.last();
        let head = AuditHead {
            seq: last.map_or(head.seq, |row| row.seq),
            hash: last.map_or(&head.hash, |row| &row.hash).clone(),
            at: now.millis(),
            ended,
            ..head.clone()
        };
        let head = signed(head, ring);
        Self { rows, head }
    }
}
