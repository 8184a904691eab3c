//! Progress: what an encryptor reports, checked and noted, and the claims it makes.
//!
//! Must not know: SQL, or what retention makes of the ledger.

use std::time::Duration;

use crate::access::{self, Permit};
use crate::api::{Claim, ProgressReply, ProgressReport, RenditionProgress, Text};
use crate::domain::{StreamId, Timestamp};
use crate::store::{Heartbeat, Progressed, Report, Undated, Usage};

use super::{Keys, KeysError, check_name, runs};

/// The most claims of one report.
const MAX_CLAIMS: usize = 1000;
/// The most (rendition, key) pairs of one report.
const MAX_USAGES: usize = 10_000;

impl Keys {
    /// Notes an encryptor's report: its heartbeat, which keys its playlists list (a pending one
    /// is active from then on), and the times of segments that carry none.
    pub async fn progress(
        &self,
        permit: &Permit<access::Progress>,
        report: &ProgressReport,
    ) -> Result<ProgressReply, KeysError> {
        let reply = self.note(permit.stream(), report).await?;
        let runs = self.sources(permit.subject(), permit.stream(), report);
        Ok(ProgressReply {
            runs: runs.await?,
            ..reply
        })
    }

    pub(super) async fn note(
        &self,
        id: &StreamId,
        report: &ProgressReport,
    ) -> Result<ProgressReply, KeysError> {
        check(report)?;
        let (usages, undated, taken) = (usages(report), undated(report), taken(report));
        let renditions: Vec<_> = segmented(report).filter_map(progressed).collect();
        let now = self.clock.now();
        let noted = Report {
            beat: heartbeat(report),
            usages: &usages,
            renditions: &renditions,
            claims: &undated,
            taken: &taken,
        };
        let recorded = self.store.record(id, noted, now).await?;
        let recorded = recorded.ok_or(KeysError::UnknownStream)?;
        self.heard(id, recorded.settled.as_ref());
        if recorded.foreign > 0 {
            let (instance, foreign) = (&report.instance, recorded.foreign);
            tracing::warn!(stream = %id, instance, foreign, "reported keys are not the stream's");
        }
        let asked = undated
            .iter()
            .chain(taken.iter().map(|(undated, _)| undated));
        let claim = |(undated, time): (&Undated<'_>, Timestamp)| Claim {
            rendition: undated.rendition.cloned().map(Text),
            segment: undated.segment,
            time: Text(time),
        };
        Ok(ProgressReply {
            version: recorded.version,
            claims: asked.zip(recorded.claims).map(claim).collect(),
            runs: None,
        })
    }
}

fn check(report: &ProgressReport) -> Result<(), KeysError> {
    check_name(&report.instance)?;
    runs::check(report)?;
    let mut periods = report.renditions.iter().flat_map(|one| &one.periods);
    let undated = report.undated.iter().map(|one| one.segments.len());
    let claims = report.claims.len().saturating_add(undated.sum());
    if claims > MAX_CLAIMS || report.taken.len() > MAX_CLAIMS {
        Err(KeysError::Invalid("a report makes at most 1000 claims"))
    } else if periods.clone().count() > MAX_USAGES {
        Err(KeysError::Invalid("a report names at most 10000 periods"))
    } else if periods.any(|one| one.first > one.last) {
        Err(KeysError::Invalid(
            "a period's first segment is after its last",
        ))
    } else {
        Ok(())
    }
}

fn heartbeat(report: &ProgressReport) -> Heartbeat<'_> {
    let last = segmented(report).filter_map(last);
    let times = segmented(report).filter_map(|one| one.last_time);
    Heartbeat {
        instance: &report.instance,
        acknowledged: report.acknowledged,
        segment: last.max(),
        time: times.map(|Text(time)| time).max(),
        is_leaving: report.leaving,
    }
}

/// The renditions whose numbers are those of segments. I-frames are many more: a stream that went by
/// their numbers would be far ahead of itself.
fn segmented(report: &ProgressReport) -> impl Iterator<Item = &RenditionProgress> {
    report.renditions.iter().filter(|one| !one.iframes)
}

fn last(one: &RenditionProgress) -> Option<u64> {
    one.periods.iter().map(|period| period.last).max()
}

fn progressed(one: &RenditionProgress) -> Option<Progressed<'_>> {
    Some(Progressed {
        rendition: &one.rendition.0,
        segment: last(one)?,
        time: one.last_time.map(|Text(time)| time),
        is_kept: one.kept,
    })
}

fn undated(report: &ProgressReport) -> Vec<Undated<'_>> {
    let of_any = report.claims.iter().map(|segment| Undated {
        rendition: None,
        segment: *segment,
    });
    let of_each = report.undated.iter().flat_map(|one| {
        one.segments.iter().map(|segment| Undated {
            rendition: Some(&one.rendition.0),
            segment: *segment,
        })
    });
    of_any.chain(of_each).collect()
}

fn taken(report: &ProgressReport) -> Vec<(Undated<'_>, Timestamp)> {
    let taken = report.taken.iter().map(|claim| {
        let undated = Undated {
            rendition: claim.rendition.as_ref().map(|Text(rendition)| rendition),
            segment: claim.segment,
        };
        (undated, claim.time.0)
    });
    taken.collect()
}

fn usages(report: &ProgressReport) -> Vec<Usage<'_>> {
    let mut usages = Vec::new();
    for one in &report.renditions {
        usages.extend(one.periods.iter().map(|period| Usage {
            kid: period.kid.0,
            rendition: &one.rendition.0,
            first: period.first,
            last: period.last,
            duration: Duration::from_millis(one.duration_ms),
            is_kept: one.kept,
        }));
    }
    usages
}

#[cfg(test)]
mod apart;
#[cfg(test)]
mod tests;
