//! Progress: what an encryptor reports, checked and noted, and the claims it makes.
//!
//! Must not know: SQL, or what retention makes of the ledger.

use std::time::Duration;

use crate::access::{self, Permit};
use crate::api::{Claim, ProgressReply, ProgressReport, Text};
use crate::domain::{StreamId, Timestamp};
use crate::store::{Heartbeat, Report, Usage};

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
        let (usages, taken) = (usages(report), taken(report));
        let now = self.clock.now();
        let noted = Report {
            beat: heartbeat(report),
            usages: &usages,
            claims: &report.claims,
            taken: &taken,
        };
        let recorded = self.store.record(id, noted, now).await?;
        let recorded = recorded.ok_or(KeysError::UnknownStream)?;
        self.heard(id, recorded.settled.as_ref());
        if recorded.foreign > 0 {
            let (instance, foreign) = (&report.instance, recorded.foreign);
            tracing::warn!(stream = %id, instance, foreign, "reported keys are not the stream's");
        }
        let claim = |(segment, time)| Claim {
            segment,
            time: Text(time),
        };
        Ok(ProgressReply {
            version: recorded.version,
            claims: recorded.claims.into_iter().map(claim).collect(),
            runs: None,
        })
    }
}

fn check(report: &ProgressReport) -> Result<(), KeysError> {
    check_name(&report.instance)?;
    runs::check(report)?;
    let mut periods = report.renditions.iter().flat_map(|one| &one.periods);
    if report.claims.len() > MAX_CLAIMS || report.taken.len() > MAX_CLAIMS {
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
    let renditions = &report.renditions;
    let last = renditions
        .iter()
        .flat_map(|one| &one.periods)
        .map(|period| period.last);
    let times = renditions.iter().filter_map(|one| one.last_time);
    Heartbeat {
        instance: &report.instance,
        acknowledged: report.acknowledged,
        segment: last.max(),
        time: times.map(|Text(time)| time).max(),
        is_leaving: report.leaving,
    }
}

fn taken(report: &ProgressReport) -> Vec<(u64, Timestamp)> {
    let taken = report.taken.iter();
    taken.map(|claim| (claim.segment, claim.time.0)).collect()
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
mod tests;
