//! Runs: where the numbering goes on after a source has begun its own anew.
//!
//! The first encryptor that asks decides for all: the run, its numbers, its times and the period
//! that begins with it are written in one transaction, and whoever asks later reads them. Must
//! not know: SQL, or how an encryptor knows one run from another.

use std::time::Duration;

use crate::api::{Mark, ProgressReport, Restart, RunMarks, RunView, Text};
use crate::domain::{Era, Position, Run, Schedule, StreamId, Timestamp};
use crate::store::{Appended, NewMark, NewRun, Reach, RunRow, Terms};

use super::announce::PATIENCE;
use super::rotate::{FURTHEST, ahead, cut};
use super::{ATTEMPTS, Keys, KeysError};

/// The most marks of one report.
const MAX_MARKS: usize = 1000;
/// A claim may name a run that is this much newer than the newest known: a store that was put
/// back from a backup has forgotten some.
const FORGOTTEN: u64 = 1000;
/// Up to here a run may be numbered from wherever encryptors say they are. Beyond, only as far as
/// segments can have come since the run before, so that nobody can use the numbers up.
const FREE: u64 = 1 << 52;
/// Segments that a run may be ahead of the time since the one before.
const AHEAD: u64 = 1000;
/// The shortest segments that there are.
const PACE: Duration = Duration::from_millis(50);

impl Keys {
    /// Notes the report's marks and begins the run that it asks for, unless there is one that the
    /// encryptor has not been told of. Gives the newest runs, newest first, where they are asked
    /// for.
    pub(super) async fn sources(
        &self,
        subject: &str,
        id: &StreamId,
        report: &ProgressReport,
    ) -> Result<Option<Vec<RunView>>, KeysError> {
        let marks: Vec<NewMark<'_>> = report.marks.iter().flat_map(new_marks).collect();
        if !marks.is_empty() {
            self.store.note_marks(id, &marks).await?;
        }
        if let Some(restart) = &report.restart {
            self.begin_run(subject, id, restart).await?;
        } else if !report.runs {
            return Ok(None);
        }
        let rows = self.store.runs(id).await?;
        Ok(Some(rows.into_iter().map(view).collect()))
    }

    async fn begin_run(
        &self,
        subject: &str,
        id: &StreamId,
        restart: &Restart,
    ) -> Result<(), KeysError> {
        for attempt in 0..ATTEMPTS {
            let row = self.registered(id).await?;
            let known = self.store.runs(id).await?;
            let newest = known.first().ok_or(KeysError::Busy)?;
            if newest.run.ordinal > restart.after {
                return Ok(());
            }
            if restart.after - newest.run.ordinal > FORGOTTEN {
                return Err(KeysError::Invalid("there is no such run"));
            }
            let now = self.clock.now();
            if attempt == 0 {
                self.allowance.take(subject, 1, now)?;
            }
            let reach = self.store.reach(id, self.lease).await?;
            let output = self.output(id, restart, newest, reach, now).await?;
            let schedule = &row.stream.schedule;
            let times = Times::of(restart, schedule, reach, now);
            let at = Position {
                segment: output,
                time: times.begin,
            };
            let run = Run {
                ordinal: restart.after + 1,
                first: restart.first,
                output,
                discontinuities: restart.discontinuities,
                shift: times.shift,
                version: row.stream.version,
            };
            let era = match restart.partial {
                true => None,
                false => new_era(id, schedule, at, reach, now),
            };
            let marks: Vec<_> = restart
                .marks
                .iter()
                .map(|m| new_mark(run.ordinal, m))
                .collect();
            let new = NewRun {
                run,
                era: era.as_ref(),
                time: times.assigned,
                marks: &marks,
            };
            let version = row.stream.version;
            if self.store.begin_run(id, version, new, now).await? {
                self.signals.send(id);
                let (run, first) = (run.ordinal, run.first);
                tracing::info!(stream = %id, subject, run, first, output, "source restarted");
                if restart.partial {
                    self.cut_beside(id, at).await;
                }
                return Ok(());
            }
        }
        Err(KeysError::Busy)
    }

    /// A cut for a run that begins while other renditions go on: announced as any is, so that it
    /// takes effect where every encryptor knows of it, or not at all. Nobody waits for it here:
    /// the one that asks is among those who must acknowledge it.
    async fn cut_beside(&self, id: &StreamId, begun: Position) {
        match self.announce_cut(id, begun).await {
            Ok(true) => self.signals.send(id),
            Ok(false) => {
                tracing::warn!(stream = %id, "some renditions restarted, and it keeps its period");
            }
            Err(error) => {
                tracing::warn!(stream = %id, %error, "some renditions restarted, and it keeps its period");
            }
        }
    }

    /// Ahead of where the run has begun. Says whether it is announced.
    async fn announce_cut(&self, id: &StreamId, begun: Position) -> Result<bool, KeysError> {
        let row = self.registered(id).await?;
        let (stream, now) = (&row.stream, self.clock.now());
        let is_leased = self.is_leased(id).await?;
        let reported = self.store.reach(id, self.lease).await?;
        let reach = Reach {
            segment: reported.segment.max(Some(begun.segment)),
            time: reported
                .time
                .map(|time| begun.time.map_or(time, |begun| begun.max(time))),
            ..reported
        };
        let (schedule, at) = (&stream.schedule, ahead(reach, now, is_leased));
        let cut = cut(schedule, at, schedule.rule(), (reach, now))?;
        let terms = match is_leased {
            true => Terms::Acknowledged {
                by: now.plus(PATIENCE),
            },
            false => Terms::Unleased,
        };
        let appended = self
            .store
            .append_era(id, stream.version, cut.last(), (terms, now));
        Ok(matches!(appended.await?, Appended::Yes))
    }

    /// The first number that nobody is known to have published.
    async fn output(
        &self,
        id: &StreamId,
        restart: &Restart,
        newest: &RunRow,
        reach: Reach,
        now: Timestamp,
    ) -> Result<u64, KeysError> {
        let since = newest
            .begun
            .map_or(Duration::ZERO, |begun| now.since(begun));
        let paced = u64::try_from(since.as_millis() / PACE.as_millis()).unwrap_or(u64::MAX);
        let begun = newest.run.output.saturating_add(AHEAD);
        let limit = FREE.max(begun.saturating_add(paced)).min(Run::LAST_NUMBER);
        let reported = reach.segment.filter(|last| *last < limit);
        let noted = self.store.furthest(id, limit).await?;
        let after = |last: u64| last + 1;
        let least = newest.run.output.saturating_add(1).max(restart.next);
        let output = least.max(reported.max(noted).map_or(0, after));
        match output <= limit {
            true => Ok(output),
            false => Err(KeysError::Invalid("a run cannot be numbered so far ahead")),
        }
    }
}

/// Refuses what is out of bounds.
pub(super) fn check(report: &ProgressReport) -> Result<(), KeysError> {
    let restart = report.restart.as_ref();
    let asked = restart.map_or(0, |restart| restart.marks.len());
    let noted = report
        .marks
        .iter()
        .map(|run| run.marks.len())
        .sum::<usize>();
    if noted > MAX_MARKS || asked > MAX_MARKS || report.marks.len() > MAX_MARKS {
        return Err(KeysError::Invalid("a report has at most 1000 marks"));
    }
    match restart {
        Some(restart) if restart.marks.is_empty() => {
            Err(KeysError::Invalid("a run is known by a mark at least"))
        }
        Some(restart) if restart.discontinuities > Run::LAST_NUMBER => Err(KeysError::Invalid(
            "a count of discontinuities is out of bounds",
        )),
        _ => Ok(()),
    }
}

/// The programme times of a run that begins.
struct Times {
    /// Where it begins, if its segments have times.
    begin: Option<Timestamp>,
    /// The same where the server says it.
    assigned: Option<Timestamp>,
    /// What the source's own times are put off by.
    shift: Duration,
}

impl Times {
    /// They are past everything reported, so that periods do not come back. A report that is
    /// more than a day ahead does not count.
    fn of(restart: &Restart, schedule: &Schedule, reach: Reach, now: Timestamp) -> Self {
        let own = restart.time.map(|Text(time)| time);
        let bound = now.max(own.unwrap_or(now)).plus(FURTHEST);
        let reported = reach.time.filter(|time| *time <= bound);
        let least = reported.map(|time| time.plus(Duration::from_millis(1)));
        let assigned = Some(least.map_or(now, |least| least.max(now)));
        let assigned = assigned.filter(|_| own.is_none() && schedule.needs_time());
        let shift = match (own, least) {
            (Some(own), Some(least)) => least.since(own),
            _ => Duration::ZERO,
        };
        Self {
            begin: own.map(|own| own.plus(shift)).or(assigned),
            assigned,
            shift,
        }
    }
}

/// A period of its own for the run. Where none can begin, the run goes on under the period that
/// is: its numbers, and with them its IVs, are new all the same.
fn new_era(
    id: &StreamId,
    schedule: &Schedule,
    at: Position,
    reach: Reach,
    now: Timestamp,
) -> Option<Era> {
    match cut(schedule, at, schedule.rule(), (reach, now)) {
        Ok(cut) => Some(*cut.last()),
        Err(error) => {
            tracing::warn!(stream = %id, %error, "a source restarted and keeps its period");
            None
        }
    }
}

fn new_marks(run: &RunMarks) -> impl Iterator<Item = NewMark<'_>> {
    run.marks.iter().map(|mark| new_mark(run.run, mark))
}

fn new_mark(run: u64, mark: &Mark) -> NewMark<'_> {
    NewMark {
        run,
        rendition: &mark.rendition.0,
        segment: mark.segment,
        fingerprint: mark.fingerprint.0,
    }
}

fn view(row: RunRow) -> RunView {
    let RunRow { run, marks, .. } = row;
    let mark = |(rendition, segment, fingerprint)| Mark {
        rendition: Text(rendition),
        segment,
        fingerprint: Text(fingerprint),
    };
    RunView {
        marks: marks.into_iter().map(mark).collect(),
        ..RunView::from(&run)
    }
}

#[cfg(test)]
mod tests;
