//! The lease and the cut: `GET …/schedule`, `POST …/rotate`.
//!
//! Must not know: how periods are issued.

use serde::{Deserialize, Serialize};

use super::{IvSpec, KeyScopeSpec, RotationSpec, Text, WireKey};
use crate::domain::{Boundary, Era, Holder, Kid, PeriodState, RotationError, StreamId, Timestamp};

/// `{"segment": n}` or `{"time": "2026-11-22T02:22:10.000Z"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BoundarySpec {
    /// At this media sequence number.
    Segment(u64),
    /// At the first segment that begins then or later.
    Time(Text<Timestamp>),
}

/// One stretch of the schedule under one rule, from which an encryptor places its segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EraView {
    /// Where it begins; the first era also covers everything before.
    pub start: BoundarySpec,
    /// The index of its first period.
    pub base: i64,
    /// Its rule.
    pub rotation: RotationSpec,
}

/// `"pending"`, `"active"`, `"retired"`, `"revoked"`, `"destroyed"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// Issued, not used yet.
    Pending,
    /// In use.
    Active,
    /// Past its retention.
    Retired,
    /// Withdrawn.
    Revoked,
    /// Gone.
    Destroyed,
}

/// One leased period with its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodView {
    /// Its place in the schedule.
    pub index: i64,
    /// Its key's public name.
    pub kid: Text<Kid>,
    /// Where it begins.
    pub boundary: BoundarySpec,
    /// Where the next one begins, if that is in sight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<BoundarySpec>,
    /// How far its key's life has come.
    pub state: StateName,
    /// The key, base64.
    pub key: WireKey,
    /// What `EXT-X-KEY` says: absolute, the same for ever.
    pub uri: String,
    /// A narrow grant with which the encryptor fetches `uri?token=…` as a player would, to check
    /// the key as served before a playlist names it.
    pub probe: String,
}

/// `GET /v1/streams/{stream}/schedule?from=&count=`: the lease.
///
/// Query: `from` (index, default: the period of now), `count` (1–1000, default: to cover the
/// lease), `rendition` (needed when `key_scope` is `rendition`), `known` and `wait` (hold the
/// answer up to `wait` seconds while the version is still `known`; whoever
/// knows one never registers the stream by template), `instance` (the encryptor's name, as in its
/// reports: it holds a lease from now on, and a cut waits for it), `kid` (the period of that key
/// alone, however long ago it was; nothing is issued or held).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleView {
    /// The stream.
    pub stream: Text<StreamId>,
    /// Counts the changes; acknowledged in progress reports.
    pub version: u64,
    /// Whether renditions share a key.
    pub key_scope: KeyScopeSpec,
    /// Where IVs come from.
    pub iv: IvSpec,
    /// The schedule's eras, first to last.
    pub eras: Vec<EraView>,
    /// The leased periods, in order.
    pub periods: Vec<PeriodView>,
    /// The server's time.
    pub now: Text<Timestamp>,
    /// When the lease of the encryptor that asked ends; nobody's without `instance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_end: Option<Text<Timestamp>>,
}

/// The body of `POST …/rotate`; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RotateRequest {
    /// Do not wait for encryptors that cannot be reached.
    pub now: bool,
}

/// When a cut takes effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateReply {
    /// The stream.
    pub stream: Text<StreamId>,
    /// The schedule's version with the cut in it.
    pub version: u64,
    /// The first period under the new key.
    pub index: i64,
    /// Where it begins.
    pub boundary: BoundarySpec,
    /// Encryptors that nobody waited for: each may go on under the old key until its lease ends.
    #[serde(default)]
    pub unreachable: Vec<Unreachable>,
}

/// An encryptor that holds a lease and does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreachable {
    /// Its name.
    pub instance: String,
    /// When its lease ends.
    pub lease_end: Text<Timestamp>,
}

impl From<&Holder> for Unreachable {
    fn from(holder: &Holder) -> Self {
        Self {
            instance: holder.instance.clone(),
            lease_end: Text(holder.lease_end),
        }
    }
}

impl From<Boundary> for BoundarySpec {
    fn from(boundary: Boundary) -> Self {
        match boundary {
            Boundary::Segment(segment) => Self::Segment(segment),
            Boundary::Time(time) => Self::Time(Text(time)),
        }
    }
}

impl From<BoundarySpec> for Boundary {
    fn from(spec: BoundarySpec) -> Self {
        match spec {
            BoundarySpec::Segment(segment) => Self::Segment(segment),
            BoundarySpec::Time(Text(time)) => Self::Time(time),
        }
    }
}

impl From<&Era> for EraView {
    fn from(era: &Era) -> Self {
        Self {
            start: era.start.into(),
            base: era.base,
            rotation: era.rule.into(),
        }
    }
}

impl TryFrom<&EraView> for Era {
    type Error = RotationError;

    fn try_from(view: &EraView) -> Result<Self, RotationError> {
        let rule = (&view.rotation).try_into()?;
        Ok(Self {
            start: view.start.into(),
            base: view.base,
            rule,
        })
    }
}

impl From<PeriodState> for StateName {
    fn from(state: PeriodState) -> Self {
        match state {
            PeriodState::Pending => Self::Pending,
            PeriodState::Active => Self::Active,
            PeriodState::Retired => Self::Retired,
            PeriodState::Revoked => Self::Revoked,
            PeriodState::Destroyed => Self::Destroyed,
        }
    }
}
