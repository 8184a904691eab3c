//! Registering, changing and removing a stream. Every change counts the version up; a writer names the version that
//! it read, so of two that change one stream at once one is told to read again.
//!
//! Must not know: when a cut is due, or who may register.

use crate::crash;
use crate::domain::{Announced, Era, Holder, Schedule, StreamId, StreamPolicy, Timestamp};

use super::changes::{Change, tell};
use super::columns::{self, stored};
use super::link::{Tx, execute, fetch_optional};
use super::stream_row::inconsistent;
use super::{Lock, Store, StoreError, announced, leases};

/// The eras that a stream keeps. Each cut adds one; the oldest go, and the first that remains
/// also covers what was before.
const ERAS_KEPT: i64 = 256;

/// What came of [`Store::add_stream`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddStream {
    /// It is registered now.
    Added,
    /// It was registered already and is as it was.
    Exists,
    /// A registered stream's id is a path prefix of it, or it of that stream's.
    Nested(StreamId),
    /// It was registered once and is removed; of [`Store::add_first_stream`] alone.
    Removed,
}

/// What encryptors that hold leases mean to a change of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// There are none: if there is one, the change is not made.
    Unleased,
    /// Each has until then to acknowledge the change; if one is silent, it is not made.
    Acknowledged {
        /// When the change is taken back at the earliest.
        by: Timestamp,
    },
    /// The change is made whatever they do.
    Regardless,
}

/// What came of [`Store::append_era`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// The era is in the schedule. If it must be acknowledged it is not settled yet.
    Yes,
    /// The stream has changed since it was read, or is being changed: nothing was done.
    Stale,
    /// These are silent and hold leases: nothing was done.
    Unreachable(Vec<Holder>),
}

impl Store {
    /// Registers a stream unless it is registered, or nests with one that is.
    pub async fn add_stream(
        &self,
        id: &StreamId,
        policy: StreamPolicy,
        now: Timestamp,
    ) -> Result<AddStream, StoreError> {
        let on = self.write(Lock::All).await?;
        insert(on, id, policy, now).await
    }

    /// As [`Self::add_stream`], unless it was registered before: whoever removes it while its first registration is
    /// under way has removed it.
    pub async fn add_first_stream(
        &self,
        id: &StreamId,
        policy: StreamPolicy,
        now: Timestamp,
    ) -> Result<AddStream, StoreError> {
        let mut on = self.write(Lock::All).await?;
        let removed = fetch_optional!(
            on,
            (i64,),
            "SELECT version FROM streams WHERE stream = $1 AND removed IS NOT NULL",
            id.as_str()
        )?;
        match removed {
            Some(_) => Ok(AddStream::Removed),
            None => insert(on, id, policy, now).await,
        }
    }

    /// Adds an era to the stream of that version, on these terms.
    pub async fn append_era(
        &self,
        id: &StreamId,
        version: u64,
        era: &Era,
        (terms, now): (Terms, Timestamp),
    ) -> Result<Appended, StoreError> {
        let mut on = self.write(Lock::Stream(id)).await?;
        leases::heal(&mut on, id, now).await?;
        let mut holders = leases::holders(&mut on, id, now).await?;
        let is_leased = !holders.is_empty();
        if matches!(terms, Terms::Acknowledged { .. }) {
            holders.retain(|holder| holder.is_silent(now));
            if !holders.is_empty() {
                on.commit().await?; // a clock that went back is noted
                return Ok(Appended::Unreachable(holders));
            }
        }
        let is_free = terms != Terms::Unleased || !is_leased;
        if !is_free
            || announced::open(&mut on, id).await?.is_some()
            || !append(&mut on, id, version, Some(era)).await?
        {
            return Ok(Appended::Stale);
        }
        if let Terms::Acknowledged { by } = terms
            && is_leased
        {
            let change = Announced {
                version: version.saturating_add(1),
                at: now,
                settle_by: by,
            };
            announced::announce(&mut on, id, change).await?;
        }
        tell(&mut on, &Change::Stream(id.clone())).await?;
        crash::point("cut.inserted");
        on.commit().await?;
        crash::point("cut.committed");
        Ok(Appended::Yes)
    }

    /// Gives the stream of that version another policy from its beginning on; `false` if it has
    /// changed, a change of it is announced, or a period was issued since, and then nothing is done.
    pub async fn replace_policy(
        &self,
        id: &StreamId,
        version: u64,
        policy: StreamPolicy,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut on = self.write(Lock::Stream(id)).await?;
        // To take back what is announced would delete this policy's only era.
        if announced::open(&mut on, id).await?.is_some() {
            return Ok(false);
        }
        let unused = execute!(
            on,
            "UPDATE streams SET key_scope = $2, iv = $3
             WHERE stream = $1 AND removed IS NULL AND NOT EXISTS (
                SELECT 1 FROM periods p
                WHERE p.stream = streams.stream AND p.incarnation = streams.incarnation
             )",
            id.as_str(),
            columns::key_scope_column(policy.key_scope),
            columns::iv_column(policy.iv)
        )?;
        if unused == 0 || !advance(&mut on, id, version).await? {
            return Ok(false);
        }
        execute!(on, "DELETE FROM eras WHERE stream = $1", id.as_str())?;
        add_era(&mut on, id, Schedule::new(policy.rotation, now).last()).await?;
        tell(&mut on, &Change::Stream(id.clone())).await?;
        on.commit().await?;
        Ok(true)
    }

    /// Takes a stream's registration back; its keys are retired. `false` if there is none.
    pub async fn remove_stream(&self, id: &StreamId, now: Timestamp) -> Result<bool, StoreError> {
        let (mut on, gone) = (
            self.write(Lock::Stream(id)).await?,
            Change::Keys(id.clone()),
        );
        let id = id.as_str();
        let removed = execute!(
            on,
            "UPDATE streams SET removed = $2, version = version + 1
             WHERE stream = $1 AND removed IS NULL",
            id,
            now.millis()
        )?;
        execute!(
            on,
            "UPDATE periods SET state = 'retired', since = NULL, look = 0
             WHERE stream = $1 AND state IN ('pending', 'active')",
            id
        )?;
        execute!(on, "DELETE FROM eras WHERE stream = $1", id)?;
        execute!(on, "DELETE FROM announced WHERE stream = $1", id)?;
        execute!(on, "DELETE FROM encryptors WHERE stream = $1", id)?;
        execute!(on, "DELETE FROM claims WHERE stream = $1", id)?;
        execute!(on, "DELETE FROM claimants WHERE stream = $1", id)?;
        execute!(on, "DELETE FROM reaches WHERE stream = $1", id)?;
        execute!(on, "DELETE FROM marks WHERE stream = $1", id)?;
        execute!(on, "DELETE FROM runs WHERE stream = $1", id)?;
        tell(&mut on, &gone).await?;
        on.commit().await?;
        Ok(removed > 0)
    }
}

/// Counts the version up, if it is still `version`, and adds an era to the stream, if there is one
/// to add.
pub(super) async fn append(
    on: &mut Tx,
    id: &StreamId,
    version: u64,
    era: Option<&Era>,
) -> Result<bool, StoreError> {
    if !advance(on, id, version).await? {
        return Ok(false);
    }
    crash::point("cut.begun");
    let Some(era) = era else { return Ok(true) };
    add_era(on, id, era).await?;
    forget_eras(on, id).await?;
    Ok(true)
}

/// A registered stream above or below `id`. The slash and the byte after it, `0`, enclose every
/// id below.
async fn nested(on: &mut Tx, id: &StreamId) -> Result<Option<StreamId>, StoreError> {
    for ancestor in id.ancestors() {
        let row = fetch_optional!(
            on,
            (String,),
            "SELECT stream FROM streams WHERE stream = $1 AND removed IS NULL",
            ancestor.as_str()
        )?;
        if row.is_some() {
            return Ok(Some(ancestor));
        }
    }
    let below = fetch_optional!(
        on,
        (String,),
        "SELECT stream FROM streams WHERE stream > $1 AND stream < $2 AND removed IS NULL
         ORDER BY stream LIMIT 1",
        format!("{id}/"),
        format!("{id}0")
    )?;
    below
        .map(|(text,)| text.parse().map_err(|_| inconsistent(&text, "stream")))
        .transpose()
}

/// Counts the version up, if it is still `version`.
async fn advance(on: &mut Tx, id: &StreamId, version: u64) -> Result<bool, StoreError> {
    let advanced = execute!(
        on,
        "UPDATE streams SET version = version + 1
         WHERE stream = $1 AND version = $2 AND removed IS NULL",
        id.as_str(),
        stored(version, "a version")?
    )?;
    Ok(advanced > 0)
}

async fn add_era(on: &mut Tx, id: &StreamId, era: &Era) -> Result<(), StoreError> {
    let (kind, at) = columns::boundary_columns(era.start)?;
    let (rule, span) = columns::rotation_columns(era.rule)?;
    execute!(
        on,
        "INSERT INTO eras (stream, seq, start_kind, start_at, base, rule, span)
         SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6 FROM eras WHERE stream = $1",
        id.as_str(),
        kind,
        at,
        era.base,
        rule,
        span
    )
    .map(drop)
}

async fn forget_eras(on: &mut Tx, id: &StreamId) -> Result<(), StoreError> {
    execute!(
        on,
        "DELETE FROM eras WHERE stream = $1
         AND seq <= (SELECT max(e.seq) FROM eras e WHERE e.stream = $1) - $2",
        id.as_str(),
        ERAS_KEPT
    )
    .map(drop)
}

/// Registers it in the transaction, and ends that.
async fn insert(
    mut on: Tx,
    id: &StreamId,
    policy: StreamPolicy,
    now: Timestamp,
) -> Result<AddStream, StoreError> {
    if let Some(other) = nested(&mut on, id).await? {
        return Ok(AddStream::Nested(other));
    }
    let added = execute!(
        on,
        "INSERT INTO streams (stream, incarnation, version, key_scope, iv, created)
             VALUES ($1, 1, 1, $2, $3, $4)
             ON CONFLICT (stream) DO UPDATE SET
                incarnation = streams.incarnation + 1, version = streams.version + 1,
                key_scope = excluded.key_scope, iv = excluded.iv,
                created = excluded.created, removed = NULL
             WHERE streams.removed IS NOT NULL",
        id.as_str(),
        columns::key_scope_column(policy.key_scope),
        columns::iv_column(policy.iv),
        now.millis()
    )?;
    if added == 0 {
        return Ok(AddStream::Exists);
    }
    add_era(&mut on, id, Schedule::new(policy.rotation, now).last()).await?;
    tell(&mut on, &Change::Stream(id.clone())).await?;
    crash::point("register.inserted");
    on.commit().await?;
    crash::point("register.committed");
    Ok(AddStream::Added)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Boundary, Rotation, Scope, Stream};
    use crate::store::StreamRow;
    use crate::store::testing::{Scratch, scratch};

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn era(at: u64) -> Era {
        Era {
            start: Boundary::Segment(at),
            base: i64::try_from(at).unwrap(),
            rule: Rotation::Never,
        }
    }

    async fn append(store: &Store, id: &StreamId, version: u64, at: u64) -> Appended {
        let terms = (Terms::Unleased, NOW);
        let appended = store.append_era(id, version, &era(at), terms).await;
        appended.unwrap()
    }

    async fn with_stream() -> (Scratch, Store, StreamId) {
        let (dir, store) = scratch().await;
        let id = "live/a".parse().unwrap();
        let added = store.add_stream(&id, StreamPolicy::default(), NOW).await;
        assert_eq!(added.unwrap(), AddStream::Added);
        (dir, store, id)
    }

    #[tokio::test]
    async fn who_read_an_older_version_changes_nothing() {
        let (_dir, store, id) = with_stream().await;
        assert_eq!(append(&store, &id, 1, 10).await, Appended::Yes);
        let before = store.stream(&id).await.unwrap();
        assert_eq!(append(&store, &id, 1, 20).await, Appended::Stale);
        let other = StreamPolicy {
            rotation: Rotation::segments(5).unwrap(),
            ..StreamPolicy::default()
        };
        assert!(!store.replace_policy(&id, 1, other, NOW).await.unwrap());
        let row = before.clone().unwrap();
        let stale = StreamRow {
            stream: Stream {
                version: 1,
                ..row.stream
            },
            ..row
        };
        let issued = store.issue(&stale, &Scope::Stream, &[], NOW).await;
        assert!(!issued.unwrap());
        assert_eq!(store.stream(&id).await.unwrap(), before);
    }

    #[tokio::test]
    async fn a_stream_is_added_once() {
        let (_dir, store, id) = with_stream().await;
        let again = store.add_stream(&id, StreamPolicy::default(), NOW).await;
        assert_eq!(again.unwrap(), AddStream::Exists);
        let below = "live/a/b".parse().unwrap();
        let nested = store.add_stream(&below, StreamPolicy::default(), NOW).await;
        assert_eq!(nested.unwrap(), AddStream::Nested(id));
        let all = store.streams().await.unwrap();
        assert_eq!(all.len(), 1);
    }

    #[tokio::test]
    async fn the_oldest_eras_go() {
        let (_dir, store, id) = with_stream().await;
        for version in 1..=300 {
            let appended = append(&store, &id, version, version).await;
            assert_eq!(appended, Appended::Yes);
        }
        let stream = store.stream(&id).await.unwrap().unwrap().stream;
        let eras: Vec<Era> = stream.schedule.eras().copied().collect();
        assert_eq!((eras.len(), eras[0], eras[255]), (256, era(45), era(300)));
    }
}
