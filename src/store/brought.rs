//! Keys whose packager brought a kid. One (stream, incarnation, brought kid), one key, for ever.
//!
//! The key is a row of `periods` like any other, so that delivery, revocation, sealing and backups
//! know no difference; what its packager said of its period stands beside it. Must not know: how a
//! key is sealed, or when one is over.

use crate::crash;
use crate::domain::{Boundary, BroughtKid, Kid, Scope, Slot, Timestamp};

use super::columns::{rendition_column, stored};
use super::link::{Lent, Tx, execute, fetch_optional};
use super::periods::{Row, insert, is_as_read};
use super::{Lock, NewPeriod, PeriodRow, Store, StoreError, StreamRow, masters};

/// Such periods lie nowhere in the stream's own schedule.
const NOWHERE: Slot = Slot {
    index: 0,
    boundary: Boundary::Segment(0),
};

/// An issued key, and what its packager said of its period.
pub struct BroughtRow {
    /// Its period.
    pub row: PeriodRow,
    /// The period's index.
    pub ordinal: Option<i64>,
    /// The period's end.
    pub ends: Option<Timestamp>,
}

/// A key to be issued, or one that is issued and of which something new was said.
pub struct NewBrought {
    /// The packager's name for it.
    pub brought: BroughtKid,
    /// Ours, if it is to be issued.
    pub kid: Kid,
    /// The key, sealed for table `periods`, row `kid`, column `sealed_key`.
    pub sealed_key: Vec<u8>,
    /// The period's index, as far as said.
    pub ordinal: Option<i64>,
    /// The period's end, as far as said.
    pub ends: Option<Timestamp>,
}

/// What decides when such a key is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BroughtLife {
    /// The end of its period.
    pub ends: Option<Timestamp>,
    /// When a period two or more after it was first asked for, by their indexes.
    pub passed: Option<Timestamp>,
}

impl Store {
    /// The stream's key with the packager's kid, if it was issued.
    pub async fn brought(
        &self,
        of: &StreamRow,
        brought: BroughtKid,
    ) -> Result<Option<BroughtRow>, StoreError> {
        let scope = rendition_column(&Scope::Brought(brought)).into_owned();
        let mut on = self.read().await?;
        let row = fetch_optional!(
            on,
            Columns,
            "SELECT p.kid, p.rendition, p.boundary_kind, p.boundary, p.slot, p.state, p.sealed_key,
                    b.ordinal, b.ends
             FROM periods p JOIN brought b ON b.kid = p.kid
             WHERE p.stream = $1 AND p.incarnation = $2 AND p.rendition = $3",
            of.stream.id.as_str(),
            stored(of.incarnation, "an incarnation")?,
            scope.as_str()
        )?;
        row.map(BroughtRow::try_from).transpose()
    }

    /// Issues those keys of the stream, as it was read, that are not issued, and notes what is said
    /// of all of them. `false` if the stream has changed since, and then nothing is done;
    /// [`StoreError::RetiredMaster`] as for [`Store::issue`].
    pub async fn issue_brought(
        &self,
        of: &StreamRow,
        keys: Vec<NewBrought>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut on = self.write(Lock::Stream(&of.stream.id)).await?;
        if !is_as_read(&mut on, of).await? {
            return Ok(false);
        }
        for key in keys {
            put(&mut on, of, key, now).await?;
        }
        crash::point("brought.inserted");
        on.commit().await?;
        Ok(true)
    }
}

async fn put(
    on: &mut Tx,
    of: &StreamRow,
    key: NewBrought,
    now: Timestamp,
) -> Result<(), StoreError> {
    let period = [NewPeriod {
        slot: NOWHERE,
        kid: key.kid,
        sealed_key: key.sealed_key,
    }];
    masters::admit(on, &period).await?;
    let scope = Scope::Brought(key.brought);
    let column = rendition_column(&scope);
    let [period] = &period;
    insert(on, of, &scope, period, now).await?;
    // Whoever won the race for the kid, what this one says of it is noted.
    execute!(
        on,
        "INSERT INTO brought (kid, stream, incarnation, ordinal, ends, noted)
         SELECT p.kid, p.stream, p.incarnation, $4, $5, $6 FROM periods p
         WHERE p.stream = $1 AND p.incarnation = $2 AND p.rendition = $3
         ON CONFLICT (kid) DO UPDATE SET
            ordinal = coalesce(excluded.ordinal, brought.ordinal),
            ends = coalesce(excluded.ends, brought.ends)",
        of.stream.id.as_str(),
        stored(of.incarnation, "an incarnation")?,
        &*column,
        key.ordinal,
        key.ends.map(Timestamp::millis),
        now.millis()
    )?;
    // A sweep that read it before decided by what was said before.
    execute!(
        on,
        "UPDATE periods SET look = CASE WHEN look = 0 THEN 1 ELSE 0 END
         WHERE stream = $1 AND incarnation = $2 AND rendition = $3
           AND state IN ('pending', 'active')",
        of.stream.id.as_str(),
        stored(of.incarnation, "an incarnation")?,
        &*column
    )
    .map(drop)
}

/// What was said of the key's period, and of those after it.
pub(super) async fn life(on: &mut Lent, kid: Kid) -> Result<BroughtLife, StoreError> {
    let row = fetch_optional!(
        on,
        (Option<i64>, Option<i64>),
        "SELECT b.ends,
                (SELECT min(c.noted) FROM brought c
                 WHERE c.stream = b.stream AND c.incarnation = b.incarnation
                   AND c.ordinal >= b.ordinal + 2)
         FROM brought b WHERE b.kid = $1",
        kid.as_bytes().as_slice()
    )?;
    let (ends, passed) = row.unwrap_or_default();
    Ok(BroughtLife {
        ends: ends.map(Timestamp::from_millis),
        passed: passed.map(Timestamp::from_millis),
    })
}

#[derive(sqlx::FromRow)]
struct Columns {
    #[sqlx(flatten)]
    row: Row,
    ordinal: Option<i64>,
    ends: Option<i64>,
}

impl TryFrom<Columns> for BroughtRow {
    type Error = StoreError;

    fn try_from(columns: Columns) -> Result<Self, StoreError> {
        Ok(Self {
            row: columns.row.try_into()?,
            ordinal: columns.ordinal,
            ends: columns.ends.map(Timestamp::from_millis),
        })
    }
}
