//! Entitlements: `/v1/entitlements…` of the ops listener, and what an entitlement service sends.
//!
//! Must not know: whose credential may do what.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::Text;
use crate::domain::{StreamId, StreamPattern, Timestamp};

/// What a viewer may watch: `PUT /v1/entitlements/{viewer}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntitlementRequest {
    /// Patterns of streams, 1 to 64.
    pub streams: Vec<Text<StreamPattern>>,
    /// From when on. Default: at once.
    #[serde(default)]
    pub from: Option<Text<Timestamp>>,
    /// Up to when. Default: until it is taken back.
    #[serde(default)]
    pub until: Option<Text<Timestamp>>,
    /// How many sessions the viewer may have at once. Default: as the stream's policy has it.
    #[serde(default)]
    pub max_sessions: Option<NonZeroU32>,
    /// At most 256 bytes for whoever reads it later.
    #[serde(default)]
    pub note: String,
}

/// What a viewer may watch, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntitlementView {
    /// The viewer, by the name that tokens have.
    pub viewer: String,
    /// By pattern.
    pub entitlements: Vec<EntitledStreams>,
}

/// The streams of one pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntitledStreams {
    /// The pattern.
    pub streams: Text<StreamPattern>,
    /// From when on.
    pub from: Option<Text<Timestamp>>,
    /// Up to when.
    pub until: Option<Text<Timestamp>>,
    /// How many sessions the viewer may have at once.
    pub max_sessions: Option<u32>,
    /// What was written beside it.
    pub note: String,
    /// When it was written last.
    pub changed: Text<Timestamp>,
}

/// A page of `GET /v1/entitlements`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntitlementList {
    /// Viewers in the order of their names' bytes.
    pub viewers: Vec<EntitlementView>,
    /// What to ask for as `after` next; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `POST /v1/entitlements/invalidate`: what the source said counts no more. At least one of the two;
/// both: of that viewer at that stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvalidationRequest {
    /// The viewer, by the name that tokens have.
    #[serde(default)]
    pub viewer: Option<String>,
    /// The stream.
    #[serde(default)]
    pub stream: Option<Text<StreamId>>,
}
