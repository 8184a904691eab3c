//! Reading the trail: what whoever goes on with a chain must know, and all of it as of one moment, for
//! whoever verifies it.
//!
//! Must not know: what is right.

use super::{AuditCheckpoint, AuditHead, AuditMark, AuditRow};
use crate::store::link::{fetch_all, fetch_optional};
use crate::store::{Snapshot, Store, StoreError};

impl Store {
    /// The heads that were made at `time` or later, in milliseconds since the epoch.
    pub async fn audit_heads_since(&self, time: i64) -> Result<Vec<AuditHead>, StoreError> {
        let mut on = self.read().await?;
        fetch_all!(
            on,
            AuditHead,
            "SELECT chain, began, seq, hash, at, ended, signer, mac FROM audit_chains
             WHERE at >= $1 ORDER BY began, chain",
            time
        )
    }

    /// The head of a chain.
    pub async fn audit_head(&self, chain: &str) -> Result<Option<AuditHead>, StoreError> {
        let mut on = self.read().await?;
        fetch_optional!(
            on,
            AuditHead,
            "SELECT chain, began, seq, hash, at, ended, signer, mac FROM audit_chains
             WHERE chain = $1",
            chain
        )
    }

    /// Rows of a chain after row `after`, `limit` at most, in their order.
    pub async fn audit_rows(
        &self,
        chain: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let mut on = self.read().await?;
        fetch_all!(on, AuditRow, ROWS, chain, after, limit)
    }
}

const ROWS: &str = "SELECT chain, seq, time, kind, request_id, action, reason, scheme, viewer,
            session, token, stream, kid, ip, policy, count, detail, hash
     FROM audit WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3";

impl Snapshot {
    /// As [`Store::audit_rows`].
    pub async fn audit_rows(
        &mut self,
        chain: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let on = self.tx();
        fetch_all!(on, AuditRow, ROWS, chain, after, limit)
    }

    /// Every chain's head, the oldest chain first.
    pub async fn audit_heads(&mut self) -> Result<Vec<AuditHead>, StoreError> {
        let on = self.tx();
        fetch_all!(
            on,
            AuditHead,
            "SELECT chain, began, seq, hash, at, ended, signer, mac FROM audit_chains
             ORDER BY began, chain"
        )
    }

    /// Chains that have rows and no head.
    pub async fn headless_audit_chains(&mut self) -> Result<Vec<String>, StoreError> {
        let on = self.tx();
        let rows = fetch_all!(
            on,
            (String,),
            "SELECT DISTINCT chain FROM audit
             WHERE chain NOT IN (SELECT chain FROM audit_chains) ORDER BY chain"
        )?;
        Ok(rows.into_iter().map(|(chain,)| chain).collect())
    }

    /// What was taken away.
    pub async fn audit_marks(&mut self) -> Result<Vec<AuditMark>, StoreError> {
        let on = self.tx();
        fetch_all!(
            on,
            AuditMark,
            "SELECT chain, seq, hash, signer, mac FROM audit_pruned ORDER BY chain"
        )
    }

    /// Checkpoints before the one with the number `before`, the last one first.
    pub async fn audit_checkpoints(
        &mut self,
        before: i64,
        limit: i64,
    ) -> Result<Vec<AuditCheckpoint>, StoreError> {
        let on = self.tx();
        fetch_all!(
            on,
            AuditCheckpoint,
            "SELECT number, at, first, heads, previous, signer, mac FROM audit_checkpoints
             WHERE number < $1 ORDER BY number DESC LIMIT $2",
            before,
            limit
        )
    }
}
