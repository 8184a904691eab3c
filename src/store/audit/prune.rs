//! Taking old rows away from the beginning of a chain.
//!
//! Must not know: when a row is old.

use super::AuditMark;
use crate::domain::Timestamp;
use crate::store::link::{execute, fetch_all, fetch_optional};
use crate::store::{Lock, Store, StoreError};

impl Store {
    /// Chains whose first row is from before `time`: one look at an index for each.
    pub async fn aged_audit_chains(&self, time: Timestamp) -> Result<Vec<String>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            (String,),
            "SELECT c.chain FROM audit_chains c
             WHERE (SELECT a.time FROM audit a WHERE a.chain = c.chain ORDER BY a.seq LIMIT 1) < $1
             ORDER BY c.chain",
            time.millis()
        )?;
        Ok(rows.into_iter().map(|(chain,)| chain).collect())
    }

    /// Up to where a chain was taken away.
    pub async fn audit_mark(&self, chain: &str) -> Result<Option<AuditMark>, StoreError> {
        let mut on = self.read().await?;
        fetch_optional!(
            on,
            AuditMark,
            "SELECT chain, seq, hash, signer, mac FROM audit_pruned WHERE chain = $1",
            chain
        )
    }

    /// Takes the rows up to the mark away, and notes it. Nothing is done if as much is gone.
    pub async fn prune_audit(&self, mark: &AuditMark) -> Result<(), StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        let noted = execute!(
            on,
            "INSERT INTO audit_pruned (chain, seq, hash, signer, mac) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash,
                 signer = excluded.signer, mac = excluded.mac
             WHERE audit_pruned.seq < excluded.seq",
            mark.chain.as_str(),
            mark.seq,
            mark.hash.as_slice(),
            mark.signer.as_str(),
            mark.mac.as_slice()
        )?;
        if noted > 0 {
            execute!(
                on,
                "DELETE FROM audit WHERE chain = $1 AND seq <= $2",
                mark.chain.as_str(),
                mark.seq
            )?;
        }
        on.commit().await
    }

    /// Forgets chains that ended before `time`, are gone as a whole, and that no checkpoint names.
    pub async fn forget_audit_chains(&self, time: Timestamp) -> Result<(), StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        execute!(
            on,
            "DELETE FROM audit_chains WHERE at < $1
             AND EXISTS (SELECT 1 FROM audit_pruned p
                         WHERE p.chain = audit_chains.chain AND p.seq = audit_chains.seq)
             AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.chain = audit_chains.chain)
             AND NOT EXISTS (SELECT 1 FROM audit_checkpoints c
                             WHERE c.heads LIKE '%' || audit_chains.chain || '%')",
            time.millis()
        )?;
        execute!(
            on,
            "DELETE FROM audit_pruned WHERE chain NOT IN (SELECT chain FROM audit_chains)"
        )?;
        on.commit().await
    }
}
