//! Revocations: which credentials are refused though they verify.
//!
//! A row that is written or taken away is news in the same transaction. Must not know: how a
//! credential is matched with them.

use crate::domain::{Revoked, Timestamp};

use super::changes::{Change, tell};
use super::link::{Lent, Link, Tx, execute, fetch_all, fetch_optional};
use super::{Lock, Store, StoreError};

/// Revocations that may stand at once: every server holds them in memory.
const MOST: i64 = 100_000;
/// Of those that viewers made by ending their own sessions, which are counted apart: nobody can use up
/// what operators need.
const MOST_ENDED: i64 = 20_000;
/// Of those that one viewer made: nobody can use up what other viewers need.
const MOST_OF_VIEWER: i64 = 100;
/// Of those by time, which each request is compared with.
const MOST_BY_TIME: i64 = 100;
/// One that has ended is kept for so long, in milliseconds, while there is room: clocks are set back.
const KEPT: i64 = 7 * 86_400_000;

/// Who makes a revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maker {
    /// Whoever acts upon viewers: a credential's name, which is never empty.
    Operator(String),
    /// A viewer, known by this name in the revocation's scheme, who ends a session of its own.
    Viewer(String),
}

/// A revocation to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRevocation {
    /// Whom it is for.
    pub revoked: Revoked,
    /// The scheme whose credentials it is for; `None`: every scheme's.
    pub scheme: Option<String>,
    /// When it ends; `None`: when it is lifted.
    pub until: Option<Timestamp>,
    /// Who makes it.
    pub maker: Maker,
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
    /// As many stand as this one viewer may make.
    Spent,
}

impl Maker {
    /// As the columns have it: the operator's name, or none and the viewer's.
    fn columns(&self) -> (&str, Option<&str>) {
        match self {
            Self::Operator(name) => (name, None),
            Self::Viewer(name) => ("", Some(name)),
        }
    }
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
            "SELECT id, kind, name, moment, scheme, until, made, maker, viewer, note
             FROM revocations WHERE id > $1 ORDER BY id LIMIT $2",
            after,
            limit
        )?;
        rows.into_iter().map(RevocationRow::try_from).collect()
    }

    /// Those of these ids that stand.
    pub async fn revocations_of(&self, ids: &[&str]) -> Result<Vec<RevocationRow>, StoreError> {
        let ids = serde_json::Value::from(ids).to_string();
        let mut on = self.read().await?;
        let rows = match &on {
            Lent::Sqlite(_) => fetch_all!(
                on,
                Row,
                "SELECT id, kind, name, moment, scheme, until, made, maker, viewer, note
                 FROM revocations WHERE id IN (SELECT value FROM json_each($1))",
                ids.as_str()
            ),
            Lent::Postgres(_) => fetch_all!(
                on,
                Row,
                "SELECT id, kind, name, moment, scheme, until, made, maker, viewer, note
                 FROM revocations WHERE id IN (SELECT json_array_elements_text($1::json))",
                ids.as_str()
            ),
        }?;
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
        if let Some(known) = self.foreseen(new).await? {
            return Ok(known);
        }
        let mut on = self.write(Lock::Rows).await?;
        // The news' lock is everybody's: who makes one too waits here, and then sees this one.
        tell(&mut on, &Change::Revoked(id.to_owned())).await?;
        if let Some(same) = standing(&mut on.link(), new).await? {
            return Ok(Revoking::Made(same));
        }
        forget_ended(&mut on, KEPT, true).await?;
        if fullness(&mut on.link(), new, true).await?.is_some() {
            let is_operators = matches!(new.maker, Maker::Operator(_));
            forget_ended(&mut on, 0, is_operators).await?;
            if let Some(full) = fullness(&mut on.link(), new, true).await? {
                return Ok(full);
            }
        }
        insert(&mut on, id, new, now).await?;
        on.commit().await?;
        Ok(Revoking::Made(id.to_owned()))
    }

    /// What comes of one that finds no room, though all that has ended went: nobody waits for the lock
    /// meanwhile, so that who is refused again and again keeps no other from writing.
    async fn foreseen(&self, new: &NewRevocation) -> Result<Option<Revoking>, StoreError> {
        let mut on = self.read().await?;
        let Some(refused) = fullness(&mut on.link(), new, false).await? else {
            return Ok(None);
        };
        let same = standing(&mut on.link(), new).await?;
        Ok(Some(same.map_or(refused, Revoking::Made)))
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
async fn standing(on: &mut Link<'_>, new: &NewRevocation) -> Result<Option<String>, StoreError> {
    let row = fetch_optional!(
        on,
        (String,),
        "SELECT id FROM revocations
         WHERE kind = $1 AND coalesce(substr(name, 1, 64), '') = substr($2, 1, 64)
           AND coalesce(name, '') = $2 AND coalesce(moment, 0) = $3
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

/// Those that ended `kept` milliseconds ago, by the time that no leap of the clock takes along: all, or
/// those that viewers made.
async fn forget_ended(on: &mut Tx, kept: i64, all: bool) -> Result<(), StoreError> {
    execute!(
        on,
        "DELETE FROM revocations WHERE until < (SELECT reckoned FROM sweeps) - $1
            AND (maker = '' OR $2 = 1)",
        kept,
        i64::from(all)
    )
    .map(drop)
}

/// Why this one cannot stand besides those that do, and those that `ended`, if it cannot.
async fn fullness(
    on: &mut Link<'_>,
    new: &NewRevocation,
    ended: bool,
) -> Result<Option<Revoking>, StoreError> {
    let ended = i64::from(ended);
    Ok(match &new.maker {
        Maker::Operator(_) => operators_are_full(on, new, ended)
            .await?
            .then_some(Revoking::Full),
        Maker::Viewer(name) if made_by(on, name, new, ended).await? >= MOST_OF_VIEWER => {
            Some(Revoking::Spent)
        }
        Maker::Viewer(_) => {
            (made_by_viewers(on, ended).await? >= MOST_ENDED).then_some(Revoking::Full)
        }
    })
}

async fn operators_are_full(
    on: &mut Link<'_>,
    new: &NewRevocation,
    ended: i64,
) -> Result<bool, StoreError> {
    let row = fetch_optional!(
        on,
        (i64, i64),
        "SELECT count(*), count(moment) FROM revocations
         WHERE maker > '' AND ($1 = 1 OR until IS NULL
            OR until >= coalesce((SELECT reckoned FROM sweeps), until))",
        ended
    )?;
    let (all, by_time) = row.unwrap_or_default();
    Ok(all >= MOST || (new.revoked.moment().is_some() && by_time >= MOST_BY_TIME))
}

/// By one viewer of the new one's scheme.
async fn made_by(
    on: &mut Link<'_>,
    viewer: &str,
    new: &NewRevocation,
    ended: i64,
) -> Result<i64, StoreError> {
    let row = fetch_optional!(
        on,
        (i64,),
        "SELECT count(*) FROM revocations
         WHERE maker = '' AND scheme = $1 AND viewer = $2 AND ($3 = 1 OR until IS NULL
            OR until >= coalesce((SELECT reckoned FROM sweeps), until))",
        new.scheme.as_deref().unwrap_or_default(),
        viewer,
        ended
    )?;
    Ok(row.map_or(0, |(count,)| count))
}

async fn made_by_viewers(on: &mut Link<'_>, ended: i64) -> Result<i64, StoreError> {
    let row = fetch_optional!(
        on,
        (i64,),
        "SELECT count(*) FROM revocations
         WHERE maker = '' AND ($1 = 1 OR until IS NULL
            OR until >= coalesce((SELECT reckoned FROM sweeps), until))",
        ended
    )?;
    Ok(row.map_or(0, |(count,)| count))
}

async fn insert(
    on: &mut Tx,
    id: &str,
    new: &NewRevocation,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (maker, viewer) = new.maker.columns();
    execute!(
        on,
        "INSERT INTO revocations (id, kind, name, moment, scheme, until, made, maker, viewer, note)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        id,
        new.revoked.kind(),
        new.revoked.name(),
        new.revoked.moment().map(Timestamp::millis),
        new.scheme.as_deref(),
        new.until.map(Timestamp::millis),
        now.millis(),
        maker,
        viewer,
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
    viewer: Option<String>,
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
                maker: match row.maker.is_empty() {
                    true => Maker::Viewer(row.viewer.unwrap_or_default()),
                    false => Maker::Operator(row.maker),
                },
                note: row.note,
            },
        })
    }
}

#[cfg(test)]
mod tests;
