//! Runs of a stream's source, and the marks by which encryptors know them.
//!
//! Must not know: when a run begins, or where it is numbered from.

use std::time::Duration;

use crate::crash;
use crate::domain::{Era, Fingerprint, Rendition, Run, StreamId, Timestamp};

use super::changes::{Change, tell};
use super::columns::{loaded, stored};
use super::link::{Tx, execute, fetch_all, fetch_optional};
use super::{
    Lock, Patience, Settled, Store, StoreError, Undated, announced, claims, leases, streams,
};

/// The runs that are told, the newest; older ones' marks go.
const RUNS_TOLD: i64 = 4;
/// The runs of a stream that are remembered.
const RUNS_KEPT: i64 = 256;
/// Marks of a rendition that are kept, the highest numbers.
const MARKS_KEPT: i64 = 64;
/// Marks of a run that are kept, of all renditions.
const MARKS_AT_MOST: i64 = 16_384;

/// A run with what is known of its segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The run.
    pub run: Run,
    /// When it began; `None` for the first.
    pub begun: Option<Timestamp>,
    /// What its segments were made of, by rendition and the source's number.
    pub marks: Vec<(Rendition, u64, Fingerprint)>,
}

/// What a segment was made of.
#[derive(Debug, Clone, Copy)]
pub struct NewMark<'a> {
    /// The run, by its ordinal.
    pub run: u64,
    /// The rendition.
    pub rendition: &'a Rendition,
    /// The source's number.
    pub segment: u64,
    /// Of its clear bytes.
    pub fingerprint: Fingerprint,
}

/// A run that is to begin.
#[derive(Debug, Clone, Copy)]
pub struct NewRun<'a> {
    /// The run; its version is the stream's after this.
    pub run: Run,
    /// The period that begins with it.
    pub era: Option<&'a Era>,
    /// The programme time of its first segment, where the server says it.
    pub time: Option<Timestamp>,
    /// By what it is known.
    pub marks: &'a [NewMark<'a>],
}

impl Store {
    /// The newest runs of the stream, newest first; never none.
    pub async fn runs(&self, id: &StreamId) -> Result<Vec<RunRow>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            Row,
            "SELECT run, first, output, discontinuities, shift, version, begun FROM runs
             WHERE stream = $1 ORDER BY run DESC LIMIT $2",
            id.as_str(),
            RUNS_TOLD
        )?;
        let mut runs: Vec<RunRow> = rows.into_iter().map(RunRow::from).collect();
        if runs.len() < usize::try_from(RUNS_TOLD).unwrap_or(0) {
            runs.push(RunRow::initial());
        }
        let marks = fetch_all!(
            on,
            (i64, String, i64, Vec<u8>),
            "SELECT run, rendition, segment, fingerprint FROM marks
             WHERE stream = $1 ORDER BY run, rendition, segment",
            id.as_str()
        )?;
        for (run, rendition, segment, fingerprint) in marks {
            let own = runs.iter_mut().find(|row| row.run.ordinal == loaded(run));
            if let Some(own) = own {
                own.marks.push(mark(&rendition, segment, &fingerprint)?);
            }
        }
        Ok(runs)
    }

    /// The highest published number that the stream's keys were ever reported for, below `bound`.
    pub async fn furthest(&self, id: &StreamId, bound: u64) -> Result<Option<u64>, StoreError> {
        let mut on = self.read().await?;
        let row = fetch_optional!(
            on,
            (Option<i64>,),
            "SELECT max(u.last) FROM usages u JOIN periods p ON p.kid = u.kid
             JOIN streams s ON s.stream = p.stream AND s.incarnation = p.incarnation
             WHERE p.stream = $1 AND u.last < $2",
            id.as_str(),
            stored(bound, "a segment number")?
        )?;
        Ok(row.and_then(|(last,)| last).map(loaded))
    }

    /// Begins a run of the stream of that version; `false` if it has changed since, and then
    /// nothing is done.
    pub async fn begin_run(
        &self,
        id: &StreamId,
        version: u64,
        new: NewRun<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut on = self.write(Lock::Stream(id)).await?;
        // What is announced is the last era, and would not be any more.
        leases::heal(&mut on, id, now).await?;
        let settled = announced::settle(&mut on, id, now, Patience::RanOut).await?;
        if let Some(Settled::TakenBack(_)) = settled {
            on.commit().await?;
            return Ok(false);
        }
        if !streams::append(&mut on, id, version, new.era).await? {
            return Ok(false);
        }
        let run = Run {
            version: version.saturating_add(1),
            ..new.run
        };
        insert(&mut on, id, &run, now).await?;
        crash::point("run.inserted");
        note(&mut on, id, new.marks).await?;
        if let Some(time) = new.time {
            let begins = Undated {
                rendition: None,
                segment: run.output,
            };
            claims::assign(&mut on, id, &[begins], &[], time).await?;
        }
        forget_old(&mut on, id, stored(run.ordinal, "a run")?).await?;
        tell(&mut on, &Change::Stream(id.clone())).await?;
        on.commit().await?;
        crash::point("run.committed");
        Ok(true)
    }

    /// Notes what segments were made of, where nobody noted otherwise. Marks of runs that do not
    /// exist, or are old, are passed over.
    pub async fn note_marks(&self, id: &StreamId, marks: &[NewMark<'_>]) -> Result<(), StoreError> {
        let mut on = self.write(Lock::Stream(id)).await?;
        note(&mut on, id, marks).await?;
        on.commit().await
    }
}

/// A row of `runs`.
#[derive(sqlx::FromRow)]
struct Row {
    run: i64,
    first: i64,
    output: i64,
    discontinuities: i64,
    shift: i64,
    version: i64,
    begun: i64,
}

impl From<Row> for RunRow {
    fn from(row: Row) -> Self {
        Self {
            run: Run {
                ordinal: loaded(row.run),
                first: loaded(row.first),
                output: loaded(row.output),
                discontinuities: loaded(row.discontinuities),
                shift: Duration::from_millis(loaded(row.shift)),
                version: loaded(row.version),
            },
            begun: Some(Timestamp::from_millis(row.begun)),
            marks: Vec::new(),
        }
    }
}

impl RunRow {
    fn initial() -> Self {
        Self {
            run: Run::INITIAL,
            begun: None,
            marks: Vec::new(),
        }
    }
}

fn mark(
    rendition: &str,
    segment: i64,
    fingerprint: &[u8],
) -> Result<(Rendition, u64, Fingerprint), StoreError> {
    let bad = |column| StoreError::Inconsistent {
        table: "marks",
        row: format!("{rendition} {segment}"),
        column,
    };
    let bytes = fingerprint.try_into().map_err(|_| bad("fingerprint"))?;
    let rendition = rendition.parse().map_err(|_| bad("rendition"))?;
    Ok((rendition, loaded(segment), Fingerprint::from_bytes(bytes)))
}

async fn insert(on: &mut Tx, id: &StreamId, run: &Run, now: Timestamp) -> Result<(), StoreError> {
    let shift = u64::try_from(run.shift.as_millis()).unwrap_or(u64::MAX);
    execute!(
        on,
        "INSERT INTO runs (stream, run, first, output, discontinuities, shift, version, begun)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        id.as_str(),
        stored(run.ordinal, "a run")?,
        stored(run.first, "a segment number")?,
        stored(run.output, "a segment number")?,
        stored(run.discontinuities, "a count of discontinuities")?,
        stored(shift, "a shift")?,
        stored(run.version, "a version")?,
        now.millis()
    )
    .map(drop)
}

async fn note(on: &mut Tx, id: &StreamId, marks: &[NewMark<'_>]) -> Result<(), StoreError> {
    for mark in marks {
        let (run, rendition) = (stored(mark.run, "a run")?, mark.rendition.as_str());
        execute!(
            on,
            "INSERT INTO marks (stream, run, rendition, segment, fingerprint)
             SELECT $1, $2, $3, $4, $5
             WHERE ($2 = 0 OR EXISTS (SELECT 1 FROM runs r WHERE r.stream = $1 AND r.run = $2))
               AND $2 > (SELECT coalesce(max(n.run), 0) FROM runs n WHERE n.stream = $1) - $6
               AND (SELECT count(*) FROM marks m WHERE m.stream = $1 AND m.run = $2) < $7
             ON CONFLICT (stream, run, rendition, segment) DO NOTHING",
            id.as_str(),
            run,
            rendition,
            stored(mark.segment, "a segment number")?,
            mark.fingerprint.as_bytes().as_slice(),
            RUNS_TOLD,
            MARKS_AT_MOST
        )?;
        execute!(
            on,
            "DELETE FROM marks WHERE stream = $1 AND run = $2 AND rendition = $3 AND segment <= (
                SELECT m.segment FROM marks m
                WHERE m.stream = $1 AND m.run = $2 AND m.rendition = $3
                ORDER BY m.segment DESC LIMIT 1 OFFSET $4
             )",
            id.as_str(),
            run,
            rendition,
            MARKS_KEPT
        )?;
    }
    Ok(())
}

async fn forget_old(on: &mut Tx, id: &StreamId, newest: i64) -> Result<(), StoreError> {
    execute!(
        on,
        "DELETE FROM marks WHERE stream = $1 AND run <= $2",
        id.as_str(),
        newest - RUNS_TOLD
    )?;
    execute!(
        on,
        "DELETE FROM runs WHERE stream = $1 AND run <= $2",
        id.as_str(),
        newest - RUNS_KEPT
    )
    .map(drop)
}
