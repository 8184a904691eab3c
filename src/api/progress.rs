//! The encryptor's heartbeat and claims: `POST /v1/streams/{stream}/progress`.
//!
//! Must not know: what retention makes of it.

use serde::{Deserialize, Serialize};

use super::{Restart, RunMarks, RunView, Text};
use crate::domain::{Kid, Rendition, Timestamp};

/// What one encryptor did, and what it asks the server to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgressReport {
    /// Names the encryptor; 1–64 of `[A-Za-z0-9._-]`.
    pub instance: String,
    /// The schedule version it follows.
    pub acknowledged: u64,
    /// What each rendition's published playlist lists now.
    #[serde(default)]
    pub renditions: Vec<RenditionProgress>,
    /// Segment numbers of a live source without `PROGRAM-DATE-TIME`, for which the server says
    /// the time, whichever rendition's they are; at most 1000 with those of `undated`.
    #[serde(default)]
    pub claims: Vec<u64>,
    /// The same for each rendition: one whose numbers run at a speed of their own gets times of its
    /// own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undated: Vec<UndatedSegments>,
    /// Times that it took from its clock while the server was away, noted where nobody claimed
    /// otherwise; at most 1000. The reply tells the times in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<Claim>,
    /// The encryptor ends and gives its lease up: nobody waits for it any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub leaving: bool,
    /// What newly published segments were made of, by the runs that they are in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<RunMarks>,
    /// The source began its numbering anew: asks for a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// Asks for the newest runs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub runs: bool,
}

/// A rendition's segments that want a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndatedSegments {
    /// Its playlist's path.
    pub rendition: Text<Rendition>,
    /// Their published numbers.
    pub segments: Vec<u64>,
}

/// One rendition's published playlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenditionProgress {
    /// Its playlist's path.
    pub rendition: Text<Rendition>,
    /// The last segment's programme time, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_time: Option<Text<Timestamp>>,
    /// How long the playlist is, in milliseconds: a key that left it is wanted that long still.
    #[serde(default)]
    pub duration_ms: u64,
    /// Nothing ever leaves the playlist: it is VOD or EVENT, or has ended. Its keys stay as long
    /// as the stream.
    #[serde(default, skip_serializing_if = "is_false")]
    pub kept: bool,
    /// It is an I-frame playlist: its numbers are of I-frames, and say nothing of how far the stream
    /// has come.
    #[serde(default, skip_serializing_if = "is_false")]
    pub iframes: bool,
    /// The periods that the playlist lists.
    pub periods: Vec<PeriodUse>,
}

/// Which segments of a listing a period's key encrypts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodUse {
    /// The key.
    pub kid: Text<Kid>,
    /// The first listed segment under it.
    pub first: u64,
    /// The last listed segment under it.
    pub last: u64,
}

/// The server's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressReply {
    /// The schedule's version now; a higher one than acknowledged asks for a new lease.
    pub version: u64,
    /// The decided claims, in the order asked: those of `claims`, of `undated`, of `taken`.
    pub claims: Vec<Claim>,
    /// The newest runs, newest first, if the report asked for them or for a new one; run 0, which
    /// every stream begins with, stands among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Vec<RunView>>,
}

/// A segment's assigned programme time. First writer wins; it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Whose it is, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendition: Option<Text<Rendition>>,
    /// The segment's published number.
    pub segment: u64,
    /// When it is taken to begin.
    pub time: Text<Timestamp>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}
