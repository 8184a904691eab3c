//! Which master keys the store's keys are sealed under, and which may seal no more.
//!
//! The first bytes of a sealed key name its master key, and an index holds them, so that a million
//! keys are asked in a few look-ups. Must not know: a master key, beyond its tag.

use crate::crypto::KeyTag;
use crate::domain::Timestamp;

use super::columns::loaded;
use super::link::{Tx, execute, fetch_all, fetch_optional};
use super::periods::{KeyColumns, KeyRow, NewPeriod};
use super::{Lock, Snapshot, Store, StoreError};

/// Tags that are told apart at most; a store has a few.
const MOST: usize = 64;
/// The next header after one. The index has it at hand, so a look-up steps over all keys of a
/// master key at once.
const NEXT: &str = "SELECT substr(sealed_key, 1, 5) FROM periods
     WHERE sealed_key IS NOT NULL AND substr(sealed_key, 1, 5) > $1
     ORDER BY substr(sealed_key, 1, 5) LIMIT 1";
/// The few of packagers.
const DIGESTS: &str = "SELECT DISTINCT substr(sealed_ha1, 1, 5) FROM credentials
     WHERE sealed_ha1 IS NOT NULL";
const COUNTED: &str = "SELECT header, count(*) FROM
     (SELECT substr(sealed_key, 1, 5) AS header FROM periods WHERE sealed_key IS NOT NULL
      UNION ALL
      SELECT substr(sealed_ha1, 1, 5) FROM credentials WHERE sealed_ha1 IS NOT NULL) AS sealed
     GROUP BY header ORDER BY header";
/// Wiped keys stay long, and an index leaves them out.
const OLDEST: &str = "SELECT kid, stream, state, sealed_key FROM periods
     WHERE sealed_key IS NOT NULL ORDER BY issued LIMIT 1";
const NEWEST: &str = "SELECT kid, stream, state, sealed_key FROM periods
     WHERE sealed_key IS NOT NULL ORDER BY issued DESC LIMIT 1";

/// Keys, and digests of packagers' passwords, under one master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedUnder {
    /// The master key; `None`: the sealed values are damaged where they would name one.
    pub tag: Option<KeyTag>,
    /// How many.
    pub keys: u64,
}

impl Store {
    /// The master keys that seal anything. Quick, however many keys there are.
    pub async fn masters_in_use(&self) -> Result<Vec<KeyTag>, StoreError> {
        let mut on = self.read().await?;
        let (mut found, mut last) = (Vec::new(), Vec::new());
        while found.len() < MOST {
            let next = fetch_optional!(on, (Vec<u8>,), NEXT, last.as_slice())?;
            let Some((header,)) = next else {
                break;
            };
            found.extend(KeyTag::of(&header));
            last = header;
        }
        let digests = fetch_all!(on, (Vec<u8>,), DIGESTS)?;
        for tag in digests.iter().filter_map(|(header,)| KeyTag::of(header)) {
            if !found.contains(&tag) {
                found.push(tag);
            }
        }
        Ok(found)
    }

    /// How many keys are sealed under each master key: reads an entry for each key.
    pub async fn sealed_under(&self) -> Result<Vec<SealedUnder>, StoreError> {
        let mut on = self.read().await?;
        Ok(counted(fetch_all!(on, (Vec<u8>, i64), COUNTED)?))
    }

    /// The oldest and the newest sealed key, with which a ring can show that it opens them.
    pub async fn sample_keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        let mut on = self.read().await?;
        let oldest = fetch_all!(on, KeyColumns, OLDEST)?;
        let newest = fetch_all!(on, KeyColumns, NEWEST)?;
        oldest
            .into_iter()
            .chain(newest)
            .map(KeyRow::try_from)
            .collect()
    }

    /// The master keys under which nothing may be sealed.
    pub async fn retired_masters(&self) -> Result<Vec<KeyTag>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(on, (Vec<u8>,), "SELECT header FROM retired_masters")?;
        Ok(rows.iter().filter_map(|(row,)| KeyTag::of(row)).collect())
    }

    /// From now on no server of this store seals under `others`, and `sealing` may again. Those
    /// that are issuing at this moment are waited for.
    pub async fn retire_masters(
        &self,
        sealing: KeyTag,
        others: &[KeyTag],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut on = self.write(Lock::All).await?;
        execute!(
            on,
            "DELETE FROM retired_masters WHERE header = $1",
            sealing.header().to_vec()
        )?;
        for other in others.iter().filter(|other| **other != sealing) {
            execute!(
                on,
                "INSERT INTO retired_masters (header, retired) VALUES ($1, $2)
                 ON CONFLICT (header) DO NOTHING",
                other.header().to_vec(),
                now.millis()
            )?;
        }
        on.commit().await
    }
}

impl Snapshot {
    /// As [`Store::sealed_under`], at the snapshot's moment.
    pub async fn sealed_under(&mut self) -> Result<Vec<SealedUnder>, StoreError> {
        let on = self.tx();
        Ok(counted(fetch_all!(on, (Vec<u8>, i64), COUNTED)?))
    }
}

fn counted(rows: Vec<(Vec<u8>, i64)>) -> Vec<SealedUnder> {
    let under = rows.into_iter().map(|(header, keys)| SealedUnder {
        tag: KeyTag::of(&header),
        keys: loaded(keys),
    });
    under.collect()
}

/// Refuses keys that are sealed under a retired master key. Asked within the transaction that
/// issues them, so that none comes after [`Store::retire_masters`].
pub(super) async fn admit(on: &mut Tx, periods: &[NewPeriod]) -> Result<(), StoreError> {
    let mut asked = None;
    for tag in periods.iter().map(|new| KeyTag::of(&new.sealed_key)) {
        if asked == Some(tag) {
            continue;
        }
        asked = Some(tag);
        admit_tag(on, tag).await?;
    }
    Ok(())
}

/// The same of one sealed value, if there is one.
pub(super) async fn admit_sealed(on: &mut Tx, sealed: Option<&[u8]>) -> Result<(), StoreError> {
    admit_tag(on, sealed.and_then(KeyTag::of)).await
}

async fn admit_tag(on: &mut Tx, tag: Option<KeyTag>) -> Result<(), StoreError> {
    let Some(tag) = tag else {
        return Ok(());
    };
    let retired = fetch_optional!(
        on,
        (i64,),
        "SELECT retired FROM retired_masters WHERE header = $1",
        tag.header().to_vec()
    )?;
    match retired {
        Some(_) => Err(StoreError::RetiredMaster(tag)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
