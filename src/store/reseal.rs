//! Giving keys, and digests of packagers' passwords, another seal while servers issue, revoke and destroy beside it.
//!
//! Must not know: how a key is sealed.

use crate::crypto::KeyTag;
use crate::domain::Kid;

use super::link::{execute, fetch_all};
use super::periods::kid;
use super::{Lock, Store, StoreError};

/// A key as it is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Which one.
    pub kid: Kid,
    /// Its key, sealed for table `periods`, row `kid`, column `sealed_key`.
    pub sealed: Vec<u8>,
}

/// One key under two seals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// As it was read.
    pub before: SealedKey,
    /// The same key, sealed anew.
    pub after: Vec<u8>,
}

impl Store {
    /// Keys under the master key `tag` whose kids come after `last`, at most `count`, by kid.
    pub async fn sealed_page(
        &self,
        tag: KeyTag,
        last: Option<Kid>,
        count: u16,
    ) -> Result<Vec<SealedKey>, StoreError> {
        let mut on = self.read().await?;
        let last = last.map_or(Vec::new(), |kid| kid.as_bytes().to_vec());
        let rows = fetch_all!(
            on,
            (Vec<u8>, Vec<u8>),
            "SELECT kid, sealed_key FROM periods
             WHERE sealed_key IS NOT NULL AND substr(sealed_key, 1, 5) = $1 AND kid > $2
             ORDER BY kid LIMIT $3",
            tag.header().to_vec(),
            last.as_slice(),
            i64::from(count)
        )?;
        let keys = rows.into_iter().map(|(row, sealed)| {
            let kid = kid(&row)?;
            Ok(SealedKey { kid, sealed })
        });
        keys.collect()
    }

    /// The digests under the master key `tag`, by their credentials' ids: a few.
    pub async fn sealed_ha1s(&self, tag: KeyTag) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let mut on = self.read().await?;
        Ok(fetch_all!(
            on,
            (String, Vec<u8>),
            "SELECT id, sealed_ha1 FROM credentials
             WHERE sealed_ha1 IS NOT NULL AND substr(sealed_ha1, 1, 5) = $1 ORDER BY id",
            tag.header().to_vec()
        )?)
    }

    /// Exchanges the seal of a credential's digest if it is still `before`; `false` if it is another.
    pub async fn reseal_ha1(
        &self,
        id: &str,
        (before, after): (&[u8], &[u8]),
    ) -> Result<bool, StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        let changed = execute!(
            on,
            "UPDATE credentials SET sealed_ha1 = $3 WHERE id = $1 AND sealed_ha1 = $2",
            id,
            before,
            after
        )?;
        on.commit().await?;
        Ok(changed > 0)
    }

    /// Exchanges the seals, all in one transaction, each only if it is still the one that was
    /// read: a key destroyed meanwhile stays destroyed. Gives how many were exchanged.
    pub async fn reseal(&self, changes: &[Resealed]) -> Result<u64, StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        let mut changed = 0;
        for Resealed { before, after } in changes {
            changed += execute!(
                on,
                "UPDATE periods SET sealed_key = $3 WHERE kid = $1 AND sealed_key = $2",
                before.kid.as_bytes().as_slice(),
                before.sealed.as_slice(),
                after.as_slice()
            )?;
        }
        on.commit().await?;
        Ok(changed)
    }
}
