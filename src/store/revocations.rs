//! Revocations: which credentials are refused though they verify.
//!
//! A row that is written or taken away is news in the same transaction. Must not know: how a
//! credential is matched with them.

use crate::domain::{Revoked, Timestamp};

use super::changes::{Change, tell};
use super::link::{Tx, execute, fetch_all, fetch_optional};
use super::{Lock, Store, StoreError};

/// Revocations that may stand at once: every server holds them in memory.
const MOST: i64 = 100_000;
/// Of those that viewers made by ending their own sessions, which are counted apart: nobody can use up
/// what operators need.
const MOST_ENDED: i64 = 20_000;
/// Of those by time, which each request is compared with.
const MOST_BY_TIME: i64 = 100;
/// An ended one is kept for so long, in milliseconds: clocks are set back.
const KEPT: i64 = 7 * 86_400_000;

/// Who ends a session of its own; no credential has this name.
pub const ITS_VIEWER: &str = "";

/// A revocation to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRevocation {
    /// Whom it is for.
    pub revoked: Revoked,
    /// The scheme whose credentials it is for; `None`: every scheme's.
    pub scheme: Option<String>,
    /// When it ends; `None`: when it is lifted.
    pub until: Option<Timestamp>,
    /// Who makes it: a credential's name, or [`ITS_VIEWER`].
    pub maker: String,
    /// Why, for people.
    pub note: String,
}

/// A revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationRow {
    /// Its name: ids in order are in the order of making.
    pub id: String,
    /// When it was made.
    pub made: Timestamp,
    /// What it says.
    pub says: NewRevocation,
}

/// What [`Store::add_revocation`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoking {
    /// It stands under this id, which may be that of an earlier one that says the same.
    Made(String),
    /// As many stand as may.
    Full,
}

impl Store {
    /// Every revocation, ended or not, in the order of making.
    pub async fn revocations(&self) -> Result<Vec<RevocationRow>, StoreError> {
        self.revocations_after("", i64::MAX).await
    }

    /// The first `limit` revocations after the one with the id `after`; all begin after `""`.
    pub async fn revocations_after(
        &self,
        after: &str,
        limit: i64,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            Row,
            "SELECT id, kind, name, moment, scheme, until, made, maker, note
             FROM revocations WHERE id > $1 ORDER BY id LIMIT $2",
            after,
            limit
        )?;
        rows.into_iter().map(RevocationRow::try_from).collect()
    }

    /// Makes a revocation under `id`, unless one stands that says the same; who asks twice, since
    /// the first answer was lost, has one.
    pub async fn add_revocation(
        &self,
        id: &str,
        new: &NewRevocation,
        now: Timestamp,
    ) -> Result<Revoking, StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        // The news' lock is everybody's: who makes one too waits here, and then sees this one.
        tell(&mut on, &Change::Revocations).await?;
        if let Some(same) = standing(&mut on, new).await? {
            return Ok(Revoking::Made(same));
        }
        forget_ended(&mut on).await?;
        if is_full(&mut on, new).await? {
            return Ok(Revoking::Full);
        }
        insert(&mut on, id, new, now).await?;
        on.commit().await?;
        Ok(Revoking::Made(id.to_owned()))
    }

    /// Lifts the revocation with this id; `false` if there is none.
    pub async fn remove_revocation(&self, id: &str) -> Result<bool, StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        let removed = execute!(on, "DELETE FROM revocations WHERE id = $1", id)?;
        tell(&mut on, &Change::Revocations).await?;
        on.commit().await?;
        Ok(removed > 0)
    }
}

/// The id of one that says the same, whoever made it and why.
async fn standing(on: &mut Tx, new: &NewRevocation) -> Result<Option<String>, StoreError> {
    let row = fetch_optional!(
        on,
        (String,),
        "SELECT id FROM revocations
         WHERE kind = $1 AND coalesce(name, '') = $2 AND coalesce(moment, 0) = $3
           AND coalesce(scheme, '') = $4 AND coalesce(until, $5) = $5
           AND (until IS NULL) = ($6 = 1)
         ORDER BY id LIMIT 1",
        new.revoked.kind(),
        new.revoked.name().unwrap_or_default(),
        new.revoked.moment().map_or(0, Timestamp::millis),
        new.scheme.as_deref().unwrap_or_default(),
        new.until.map_or(0, Timestamp::millis),
        i64::from(new.until.is_none())
    )?;
    Ok(row.map(|(id,)| id))
}

/// Those that ended long ago, by the time that no leap of the clock takes along.
async fn forget_ended(on: &mut Tx) -> Result<(), StoreError> {
    execute!(
        on,
        "DELETE FROM revocations WHERE until < (SELECT reckoned FROM sweeps) - $1",
        KEPT
    )
    .map(drop)
}

async fn is_full(on: &mut Tx, new: &NewRevocation) -> Result<bool, StoreError> {
    let is_own = new.maker == ITS_VIEWER;
    let (all, by_time) = fetch_optional!(
        on,
        (i64, i64),
        "SELECT count(*), count(moment) FROM revocations WHERE (maker = $1) = ($2 = 1)",
        ITS_VIEWER,
        i64::from(is_own)
    )?
    .unwrap_or_default();
    let by_time_too = new.revoked.moment().is_some() && by_time >= MOST_BY_TIME;
    let most = if is_own { MOST_ENDED } else { MOST };
    Ok(all >= most || by_time_too)
}

async fn insert(
    on: &mut Tx,
    id: &str,
    new: &NewRevocation,
    now: Timestamp,
) -> Result<(), StoreError> {
    execute!(
        on,
        "INSERT INTO revocations (id, kind, name, moment, scheme, until, made, maker, note)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id,
        new.revoked.kind(),
        new.revoked.name(),
        new.revoked.moment().map(Timestamp::millis),
        new.scheme.as_deref(),
        new.until.map(Timestamp::millis),
        now.millis(),
        new.maker.as_str(),
        new.note.as_str()
    )
    .map(drop)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    kind: String,
    name: Option<String>,
    moment: Option<i64>,
    scheme: Option<String>,
    until: Option<i64>,
    made: i64,
    maker: String,
    note: String,
}

impl TryFrom<Row> for RevocationRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let moment = row.moment.map(Timestamp::from_millis);
        let revoked = Revoked::from_parts(&row.kind, row.name, moment);
        let revoked = revoked.ok_or_else(|| StoreError::Inconsistent {
            table: "revocations",
            row: row.id.clone(),
            column: "kind",
        })?;
        Ok(Self {
            id: row.id,
            made: Timestamp::from_millis(row.made),
            says: NewRevocation {
                revoked,
                scheme: row.scheme,
                until: row.until.map(Timestamp::from_millis),
                maker: row.maker,
                note: row.note,
            },
        })
    }
}

#[cfg(test)]
mod tests;
