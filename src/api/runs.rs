//! What an encryptor saw of a source's numbering, and the runs that the server made of it.
//!
//! Must not know: how an encryptor notices, or how the server decides.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Text;
use crate::domain::{Fingerprint, Rendition, Run, Timestamp};

/// What a published segment was made of, so that others know the source's run by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The rendition.
    pub rendition: Text<Rendition>,
    /// The source's number of the segment.
    pub segment: u64,
    /// Of its clear bytes.
    pub fingerprint: Text<Fingerprint>,
}

/// Marks of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunMarks {
    /// The run; 0 is the one that the stream began with.
    pub run: u64,
    /// At most 1000 in a report.
    pub marks: Vec<Mark>,
}

/// A source began its numbering anew, and what it lists now is in none of the runs so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// The newest run that the encryptor was told of. Where the server knows a newer one, no run
    /// begins: the encryptor looks whether that is the one.
    pub after: u64,
    /// The source's number of the first segment of the new run.
    pub first: u64,
    /// The lowest number that the encryptor has not published in any rendition.
    pub next: u64,
    /// The first segment's programme time, if it carries one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Text<Timestamp>>,
    /// What the source's EXT-X-DISCONTINUITY-SEQUENCE is to be raised by.
    #[serde(default)]
    pub discontinuities: u64,
    /// By what others know the run; at least one and at most 1000.
    pub marks: Vec<Mark>,
    /// Whether other renditions of the source go on as before. What they publish is not to change
    /// before every encryptor has heard of it, so no period begins with the run.
    #[serde(default)]
    pub partial: bool,
}

/// A run as the server decided it; it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    /// Its place among the runs of the stream.
    pub run: u64,
    /// The source's number of its first segment.
    pub first: u64,
    /// The published number of that segment; those that follow count on from it.
    pub output: u64,
    /// What the source's EXT-X-DISCONTINUITY-SEQUENCE is raised by.
    pub discontinuities: u64,
    /// What the source's programme times are put off by where periods go by them, in
    /// milliseconds.
    pub shift_ms: u64,
    /// The schedule's version since the run began; an older schedule does not place it.
    pub version: u64,
    /// What is known of its segments, the newest of each rendition.
    pub marks: Vec<Mark>,
}

impl From<&Run> for RunView {
    fn from(run: &Run) -> Self {
        Self {
            run: run.ordinal,
            first: run.first,
            output: run.output,
            discontinuities: run.discontinuities,
            shift_ms: u64::try_from(run.shift.as_millis()).unwrap_or(u64::MAX),
            version: run.version,
            marks: Vec::new(),
        }
    }
}

impl From<&RunView> for Run {
    fn from(view: &RunView) -> Self {
        Self {
            ordinal: view.run,
            first: view.first,
            output: view.output,
            discontinuities: view.discontinuities,
            shift: Duration::from_millis(view.shift_ms),
            version: view.version,
        }
    }
}
