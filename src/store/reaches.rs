//! How far each rendition of a stream has come, by what encryptors reported of it.
//!
//! Renditions number their segments at speeds of their own. Must not know: what retention or a cut
//! makes of it.

use crate::domain::{Rendition, StreamId, Timestamp};

use super::columns::{loaded, stored};
use super::link::{Tx, execute, fetch_all};
use super::{Store, StoreError};

/// Renditions of a stream that are noted.
const RENDITIONS_NOTED: i64 = 256;

/// How far a rendition is reported to have come.
#[derive(Debug, Clone, Copy)]
pub struct Progressed<'a> {
    /// The rendition.
    pub rendition: &'a Rendition,
    /// Its last published segment.
    pub segment: u64,
    /// That one's programme time, if it has one.
    pub time: Option<Timestamp>,
    /// Whether its playlist is kept for good, or has ended: no key goes for want of it.
    pub is_kept: bool,
}

/// How far a rendition has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenditionReach {
    /// The rendition.
    pub rendition: Rendition,
    /// The furthest segment that was reported of it.
    pub segment: u64,
    /// That one's programme time, if it has one.
    pub time: Option<Timestamp>,
    /// When it was first reported.
    pub moved: Timestamp,
}

impl Store {
    /// How far each of the stream's renditions has come, those that are gone too.
    pub async fn reaches(&self, stream: &StreamId) -> Result<Vec<RenditionReach>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            (String, i64, Option<i64>, i64),
            "SELECT rendition, segment, time, moved FROM reaches WHERE stream = $1
             ORDER BY rendition",
            stream.as_str()
        )?;
        let reach = |(rendition, segment, time, moved): (String, i64, Option<i64>, i64)| {
            Some(RenditionReach {
                rendition: rendition.parse().ok()?,
                segment: loaded(segment),
                time: time.map(Timestamp::from_millis),
                moved: Timestamp::from_millis(moved),
            })
        };
        Ok(rows.into_iter().filter_map(reach).collect())
    }
}

/// Notes that the rendition has come further; one that has not is as it was. More renditions than a
/// stream has are left out, and those that nobody waits for.
pub(super) async fn note(
    on: &mut Tx,
    stream: &StreamId,
    progressed: &Progressed<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if progressed.is_kept {
        execute!(
            on,
            "DELETE FROM reaches WHERE stream = $1 AND rendition = $2",
            stream.as_str(),
            progressed.rendition.as_str()
        )?;
        return Ok(());
    }
    execute!(
        on,
        "INSERT INTO reaches (stream, rendition, segment, time, moved)
         SELECT $1, $2, $3, $4, $5
         WHERE (SELECT count(*) FROM reaches r WHERE r.stream = $1) < $6
            OR EXISTS (SELECT 1 FROM reaches r WHERE r.stream = $1 AND r.rendition = $2)
         ON CONFLICT (stream, rendition) DO UPDATE SET
            segment = excluded.segment, time = excluded.time, moved = excluded.moved
         WHERE excluded.segment > reaches.segment",
        stream.as_str(),
        progressed.rendition.as_str(),
        stored(progressed.segment, "a segment number")?,
        progressed.time.map(Timestamp::millis),
        now.millis(),
        RENDITIONS_NOTED
    )?;
    Ok(())
}
