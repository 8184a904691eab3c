//! The one error body: RFC 9457 `application/problem+json`.
//!
//! Must not know: which error maps to which status; that table is the server's.

use serde::{Deserialize, Serialize};

use super::Unreachable;

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank`-style URI reference that names the kind: `urn:hlskey:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short, fixed sentence for the kind.
    pub title: String,
    /// The HTTP status, again.
    pub status: u16,
    /// A stable snake_case name for programs.
    pub code: String,
    /// What was wrong with this request, where the caller may know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Of a viewer's refusal, where an app may tell: `too_many_sessions`, `displaced`, `not_entitled`, `revoked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// With the code `encryptors_unreachable`: whom a cut would have had to wait for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreachable: Vec<Unreachable>,
    /// Names the request in the logs.
    pub request_id: String,
}
