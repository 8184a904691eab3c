//! The audit trail: `GET /v1/audit` and `GET /v1/explain/{request_id}`.
//!
//! Must not know: how a row is kept, or what is found out.

use serde::{Deserialize, Serialize};

/// One row. What is not known of it is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditView {
    /// When it was; of an aggregate, when it began.
    pub time: String,
    /// `refused`, `delivered` or `changed`.
    pub kind: String,
    /// The request's id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// What was asked for or done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// Why, a word for programs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The scheme that vouched.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scheme: String,
    /// The viewer, or the credential's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub viewer: String,
    /// The session.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub session: String,
    /// The token's id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// The stream.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stream: String,
    /// The key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kid: String,
    /// The client's address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// The policy that decided.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// How many times.
    pub count: i64,
    /// More.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<serde_json::Value>,
    /// The row's chain; empty where it is not one of the trail.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub chain: String,
    /// Its number there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
}

/// The answer of `GET /v1/audit`: rows, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditList {
    /// The rows.
    pub rows: Vec<AuditView>,
    /// What to ask for the next page with, as `after`; `null` at the end.
    pub next: Option<String>,
}

/// The answer of `GET /v1/explain/{request_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplanationView {
    /// What was decided.
    #[serde(flatten)]
    pub decision: AuditView,
    /// What each instance makes of what was shown, as far as the request is remembered.
    pub tried: Vec<TriedView>,
}

/// What one instance makes of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedView {
    /// The instance.
    pub scheme: String,
    /// What it is.
    pub kind: String,
    /// A word for programs.
    pub reason: String,
    /// The same for people.
    pub sentence: String,
    /// The text that is hashed, secrets masked.
    pub canonical: Option<String>,
    /// The beginning of the hash that came.
    pub received: Option<String>,
    /// What else was found out.
    pub hints: Vec<HintView>,
    /// Where the text that the signer hashed parts from the right one.
    pub difference: Option<DifferenceView>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HintView {
    /// A word for programs.
    pub code: String,
    /// What to do about it.
    pub sentence: String,
}

/// Where two texts part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceView {
    /// Characters before it.
    pub at: usize,
    /// What is right.
    pub right: String,
    /// What the signer hashed.
    pub hashed: String,
}
