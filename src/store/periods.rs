//! Periods and their sealed keys. One (stream, incarnation, scope, boundary), one key, for ever.
//!
//! Must not know: how a key is sealed, or when one is due.

use std::collections::HashMap;

use crate::crash;
use crate::domain::{
    Boundary, KeyFacts, Kid, Period, PeriodState, Scope, Slot, StreamId, Timestamp,
};

use super::changes::{Change, tell};
use super::columns::{self, stored};
use super::link::{Tx, execute, fetch_all, fetch_optional};
use super::{Lock, Store, StoreError, StreamRow, masters};

/// A period that is to be issued.
pub struct NewPeriod {
    /// Where it lies.
    pub slot: Slot,
    /// The new name of its key.
    pub kid: Kid,
    /// Its key, sealed for table `periods`, row `kid`, column `sealed_key`.
    pub sealed_key: Vec<u8>,
}

/// An issued period.
pub struct PeriodRow {
    /// The period.
    pub period: Period,
    /// Its key, sealed; `None` once destroyed.
    pub sealed_key: Option<Vec<u8>>,
}

/// A key by its kid.
pub struct KeyRow {
    /// Whose it is, and its state.
    pub facts: KeyFacts,
    /// The key, sealed; `None` once destroyed.
    pub sealed_key: Option<Vec<u8>>,
}

impl Store {
    /// The issued ones among the periods at `slots`, by boundary.
    pub async fn periods(
        &self,
        of: &StreamRow,
        scope: &Scope,
        slots: &[Slot],
    ) -> Result<HashMap<Boundary, PeriodRow>, StoreError> {
        let rendition = columns::rendition_column(scope);
        let mut on = self.read().await?;
        let mut found = HashMap::new();
        for (kind, first, last) in ranges(slots)? {
            let rows = fetch_all!(
                on,
                Row,
                "SELECT kid, rendition, boundary_kind, boundary, slot, state, sealed_key
                 FROM periods
                 WHERE stream = $1 AND incarnation = $2 AND rendition = $3
                   AND boundary_kind = $4 AND boundary BETWEEN $5 AND $6",
                of.stream.id.as_str(),
                stored(of.incarnation, "an incarnation")?,
                &*rendition,
                kind,
                first,
                last
            )?;
            for row in rows {
                let row = PeriodRow::try_from(row)?;
                found.insert(row.period.boundary, row);
            }
        }
        Ok(found)
    }

    /// Issues periods of the stream as it was read; those whose boundary is taken stay as they
    /// are. `false` if the stream has changed since, and then nothing is done;
    /// [`StoreError::RetiredMaster`] if a key's seal is one that no server may use any more.
    pub async fn issue(
        &self,
        of: &StreamRow,
        scope: &Scope,
        periods: &[NewPeriod],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut on = self.write(Lock::Stream(&of.stream.id)).await?;
        if !is_as_read(&mut on, of).await? {
            return Ok(false);
        }
        masters::admit(&mut on, periods).await?;
        for period in periods {
            crash::point("issue.begun");
            insert(&mut on, of, scope, period, now).await?;
        }
        crash::point("issue.inserted");
        on.commit().await?;
        crash::point("issue.committed");
        Ok(true)
    }

    /// The stream's period whose key has this kid; none if that is another stream's.
    pub async fn period(&self, of: &StreamRow, kid: Kid) -> Result<Option<PeriodRow>, StoreError> {
        let mut on = self.read().await?;
        let row = fetch_optional!(
            on,
            Row,
            "SELECT kid, rendition, boundary_kind, boundary, slot, state, sealed_key
             FROM periods
             WHERE kid = $1 AND stream = $2 AND incarnation = $3",
            kid.as_bytes().as_slice(),
            of.stream.id.as_str(),
            stored(of.incarnation, "an incarnation")?
        )?;
        row.map(PeriodRow::try_from).transpose()
    }

    /// The key with this kid.
    pub async fn key(&self, kid: Kid) -> Result<Option<KeyRow>, StoreError> {
        let mut on = self.read().await?;
        let row = fetch_optional!(
            on,
            KeyColumns,
            "SELECT kid, stream, state, sealed_key FROM periods WHERE kid = $1",
            kid.as_bytes().as_slice()
        )?;
        row.map(KeyRow::try_from).transpose()
    }

    /// Withdraws a key. `false` if there is none of that kid.
    pub async fn revoke(&self, kid: Kid) -> Result<bool, StoreError> {
        // No stream's lock: whoever holds one for long would put the revocation off.
        let mut on = self.write(Lock::Rows).await?;
        let known = execute!(
            on,
            "UPDATE periods
             SET state = CASE WHEN state = 'destroyed' THEN state ELSE 'revoked' END
             WHERE kid = $1",
            kid.as_bytes().as_slice()
        )?;
        tell(&mut on, &Change::Key(kid)).await?;
        crash::point("revoke.updated");
        on.commit().await?;
        crash::point("revoke.committed");
        Ok(known > 0)
    }
}

/// Whether the stream has not changed since it was read.
pub(super) async fn is_as_read(on: &mut Tx, of: &StreamRow) -> Result<bool, StoreError> {
    let same = fetch_optional!(
        on,
        (i64,),
        "SELECT version FROM streams WHERE stream = $1 AND version = $2 AND removed IS NULL",
        of.stream.id.as_str(),
        stored(of.stream.version, "a version")?
    )?;
    Ok(same.is_some())
}

/// For each kind of boundary the first and the last one.
fn ranges(slots: &[Slot]) -> Result<Vec<(&'static str, i64, i64)>, StoreError> {
    let mut ranges: Vec<(&'static str, i64, i64)> = Vec::new();
    for slot in slots {
        let (kind, at) = columns::boundary_columns(slot.boundary)?;
        match ranges.iter_mut().find(|range| range.0 == kind) {
            Some(range) => *range = (kind, range.1.min(at), range.2.max(at)),
            None => ranges.push((kind, at, at)),
        }
    }
    Ok(ranges)
}

pub(super) async fn insert(
    on: &mut Tx,
    of: &StreamRow,
    scope: &Scope,
    new: &NewPeriod,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rendition = columns::rendition_column(scope);
    let (kind, at) = columns::boundary_columns(new.slot.boundary)?;
    execute!(
        on,
        "INSERT INTO periods (kid, stream, incarnation, rendition, boundary_kind, boundary,
                              slot, state, sealed_key, issued)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (stream, incarnation, rendition, boundary_kind, boundary) DO NOTHING",
        new.kid.as_bytes().as_slice(),
        of.stream.id.as_str(),
        stored(of.incarnation, "an incarnation")?,
        &*rendition,
        kind,
        at,
        new.slot.index,
        columns::state_column(PeriodState::Pending),
        new.sealed_key.as_slice(),
        now.millis()
    )
    .map(|rows| rows > 0)
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) kid: Vec<u8>,
    pub(super) rendition: String,
    boundary_kind: String,
    boundary: i64,
    slot: i64,
    state: String,
    sealed_key: Option<Vec<u8>>,
}

impl TryFrom<Row> for PeriodRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let kid = kid(&row.kid)?;
        let bad = |column| inconsistent(kid, column);
        let boundary = columns::boundary(&row.boundary_kind, row.boundary);
        let period = Period {
            index: row.slot,
            boundary: boundary.ok_or_else(|| bad("boundary"))?,
            kid,
            scope: columns::scope(&row.rendition).ok_or_else(|| bad("rendition"))?,
            state: columns::state(&row.state).ok_or_else(|| bad("state"))?,
        };
        Ok(Self {
            period,
            sealed_key: row.sealed_key,
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct KeyColumns {
    kid: Vec<u8>,
    stream: String,
    state: String,
    sealed_key: Option<Vec<u8>>,
}

impl TryFrom<KeyColumns> for KeyRow {
    type Error = StoreError;

    fn try_from(row: KeyColumns) -> Result<Self, StoreError> {
        let kid = kid(&row.kid)?;
        let stream: Result<StreamId, _> = row.stream.parse();
        let facts = KeyFacts {
            kid,
            stream: stream.map_err(|_| inconsistent(kid, "stream"))?,
            state: columns::state(&row.state).ok_or_else(|| inconsistent(kid, "state"))?,
        };
        Ok(Self {
            facts,
            sealed_key: row.sealed_key,
        })
    }
}

pub(super) fn kid(bytes: &[u8]) -> Result<Kid, StoreError> {
    let bytes = bytes.try_into().map_err(|_| StoreError::Inconsistent {
        table: "periods",
        row: format!("a kid of {} bytes", bytes.len()),
        column: "kid",
    })?;
    Ok(Kid::from_bytes(bytes))
}

pub(super) fn inconsistent(kid: Kid, column: &'static str) -> StoreError {
    StoreError::Inconsistent {
        table: "periods",
        row: kid.to_string(),
        column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::StreamPolicy;
    use crate::store::testing::{Scratch, scratch};

    const NOW: Timestamp = Timestamp::from_millis(0);

    async fn with_stream() -> (Scratch, Store, StreamRow) {
        let (dir, store) = scratch().await;
        let id = "live/a".parse().unwrap();
        store
            .add_stream(&id, StreamPolicy::default(), NOW)
            .await
            .unwrap();
        let row = store.stream(&id).await.unwrap().unwrap();
        (dir, store, row)
    }

    fn new(kid: u8, boundary: Boundary) -> NewPeriod {
        NewPeriod {
            slot: Slot { index: 0, boundary },
            kid: Kid::from_bytes([kid; 16]),
            sealed_key: vec![kid; 8],
        }
    }

    #[tokio::test]
    async fn a_boundary_is_taken_once_in_each_scope() {
        let (_dir, store, row) = with_stream().await;
        let at = [
            Boundary::Segment(5),
            Boundary::Time(Timestamp::from_millis(5)),
        ];
        let own = Scope::Rendition("v0.m3u8".parse().unwrap());
        for (scope, kids) in [
            (&Scope::Stream, [1, 2]),
            (&Scope::Stream, [3, 4]),
            (&own, [5, 6]),
        ] {
            let periods = [new(kids[0], at[0]), new(kids[1], at[1])];
            assert!(store.issue(&row, scope, &periods, NOW).await.unwrap());
        }
        for (scope, kids) in [(&Scope::Stream, [1, 2]), (&own, [5, 6])] {
            let slots = at.map(|boundary| Slot { index: 0, boundary });
            let found = store.periods(&row, scope, &slots).await.unwrap();
            for (boundary, kid) in at.iter().zip(kids) {
                let found = &found[boundary];
                assert_eq!(found.period.kid, Kid::from_bytes([kid; 16]));
                assert_eq!(found.sealed_key, Some(vec![kid; 8]));
                assert_eq!(
                    (&found.period.scope, found.period.boundary),
                    (scope, *boundary)
                );
            }
        }
    }

    #[tokio::test]
    async fn all_of_a_batch_is_issued_or_nothing() {
        let (_dir, store, row) = with_stream().await;
        let twice = [0, u64::MAX].map(|at| new(1, Boundary::Segment(at)));
        let refused = store.issue(&row, &Scope::Stream, &twice, NOW).await;
        assert!(matches!(refused, Err(StoreError::TooLarge(_))));
        assert!(store.key(Kid::from_bytes([1; 16])).await.unwrap().is_none());
        assert!(!store.stream(&row.stream.id).await.unwrap().unwrap().issued);
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_read_is_named() {
        let (_dir, store, row) = with_stream().await;
        let periods = [new(1, Boundary::Segment(0))];
        store
            .issue(&row, &Scope::Stream, &periods, NOW)
            .await
            .unwrap();
        store.forget_checks().await;
        let mut on = store.write(Lock::All).await.unwrap();
        execute!(on, "UPDATE periods SET state = 'undead'").unwrap();
        on.commit().await.unwrap();
        let kid = Kid::from_bytes([1; 16]);
        let expected = format!("inconsistent store: table periods, row {kid}, column state");
        let error = store.key(kid).await.err().unwrap();
        assert_eq!(error.to_string(), expected);
        let slots = [periods[0].slot];
        let error = store
            .periods(&row, &Scope::Stream, &slots)
            .await
            .err()
            .unwrap();
        assert_eq!(error.to_string(), expected);
    }

    #[tokio::test]
    async fn the_oldest_and_the_newest_key_are_samples() {
        let (_dir, store, row) = with_stream().await;
        assert!(store.sample_keys().await.unwrap().is_empty());
        for (kid, seconds) in [(2, 0), (1, 5), (3, 9)] {
            let period = new(kid, Boundary::Segment(kid.into()));
            let now = Timestamp::from_millis(seconds);
            store
                .issue(&row, &Scope::Stream, &[period], now)
                .await
                .unwrap();
        }
        let samples = store.sample_keys().await.unwrap();
        let kids: Vec<u8> = samples
            .iter()
            .map(|row| row.facts.kid.as_bytes()[0])
            .collect();
        assert_eq!(kids, [2, 3]);
    }
}
