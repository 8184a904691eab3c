//! When a run that is to end has come to its end, and whether that is a success.
//!
//! Must not know: how the work is done.

use std::path::Path;
use std::time::Duration;

use super::engine::{Engine, Standing};
use super::error::EncryptorError;
use super::event::StallReason;
use super::lease::Lease;
use super::notices::Stall;
use crate::domain::Timestamp;

/// How long a run without an end of its own is waited for.
const SERVER: Duration = Duration::from_secs(60);
/// A file that is not whole by then is not going to be.
const FILE: Duration = Duration::from_secs(5);
/// So many segments are told by their numbers.
const MAX_TOLD: usize = 20;

/// Says how a run with `once` has ended, if it has.
pub(super) fn ended(
    standing: &Standing,
    source: &Path,
    now: Timestamp,
) -> Option<Result<(), EncryptorError>> {
    if standing.found == 0 && standing.stalls.is_empty() {
        return Some(Err(EncryptorError::NothingFound(source.to_owned())));
    }
    if standing.complete {
        return Some(Ok(()));
    }
    let causes = standing.stalls.iter();
    let mut causes = causes.filter(|(_, stall, _)| stall.reason != StallReason::Children);
    let is_over = |(_, stall, since): &(String, Stall, Timestamp)| {
        let patience = patience(stall.reason, standing.live_patience);
        now.since(*since) >= patience
    };
    let hopeless = !standing.stalls.is_empty() && standing.under_way == 0 && causes.all(is_over);
    hopeless.then(|| Err(EncryptorError::Unfinished(sentences(standing))))
}

impl Engine {
    /// That all is listed does not say that all is there: what was given up is a gap, and what an
    /// earlier run published may have been corrected since.
    pub(super) fn whole(&mut self, lease: Option<&Lease>) -> Result<(), EncryptorError> {
        let given_up = self.tracks.values().flat_map(|track| {
            let sentence = |msn| format!("{} segment {msn}", track.at);
            track.unpublished().map(sentence)
        });
        let given_up = shortened(given_up.collect());
        if !given_up.is_empty() {
            return Err(EncryptorError::Gaps(given_up));
        }
        let corrected = shortened(self.corrected(lease));
        match corrected.is_empty() {
            true => Ok(()),
            false => Err(EncryptorError::Corrected(corrected)),
        }
    }
}

fn shortened(mut segments: Vec<String>) -> Vec<String> {
    let more = segments.len().saturating_sub(MAX_TOLD);
    segments.truncate(MAX_TOLD);
    segments.extend((more > 0).then(|| format!("{more} more")));
    segments
}

/// How long to hope. `live` is what a live list may take to make up a missing file.
fn patience(reason: StallReason, live: Duration) -> Duration {
    use StallReason as R;
    match reason {
        R::Missing | R::Empty | R::Growing | R::Truncated | R::Section => FILE + live,
        R::Unreadable | R::NotReadable | R::Shortened => FILE + live,
        R::Unclaimed | R::Restarted | R::LeaseEnded | R::NoKey | R::KeyNotServed | R::Sink => {
            SERVER
        }
        _ => Duration::ZERO,
    }
}

fn sentences(standing: &Standing) -> Vec<String> {
    let sentence = |(subject, stall, _): &(String, Stall, Timestamp)| match stall.msn {
        Some(msn) => format!("{subject} segment {msn}: {}", stall.detail),
        None => format!("{subject}: {}", stall.detail),
    };
    standing.stalls.iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_given_time_to_number_a_restarted_source() {
        let begun = Timestamp::from_millis(0);
        let standing = |reason| {
            let detail = String::new();
            let msn = None;
            let stall = Stall {
                msn,
                reason,
                detail,
            };
            Standing {
                found: 1,
                complete: false,
                stalls: vec![("i.m3u8".to_owned(), stall, begun)],
                under_way: 0,
                live_patience: Duration::ZERO,
            }
        };
        let ended = |reason, after| {
            let now = begun.plus(after);
            ended(&standing(reason), Path::new("/in"), now).is_some()
        };
        let almost = SERVER.saturating_sub(Duration::from_millis(1));
        assert!(!ended(StallReason::Restarted, almost));
        assert!(ended(StallReason::Restarted, SERVER));
        assert!(ended(StallReason::Finished, Duration::ZERO));
    }
}
