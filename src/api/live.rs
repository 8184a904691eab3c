//! Live sessions on the wire: counts by stream, and a list.
//!
//! Must not know: where they are kept.

use serde::Serialize;

/// The answer of `GET /v1/viewers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Viewers {
    /// Streams that somebody watches, in their order.
    pub streams: Vec<StreamViewers>,
    /// Their sum.
    pub total: u64,
}

/// How many watch a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamViewers {
    /// The stream.
    pub stream: String,
    /// Its live sessions.
    pub viewers: u64,
}

/// The answer of `GET /v1/sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveSessions {
    /// By scheme, session and viewer.
    pub sessions: Vec<LiveSession>,
    /// What `after` of the next question is, if there may be more.
    pub next: Option<String>,
}

/// A live session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveSession {
    /// Which scheme vouches for it.
    pub scheme: String,
    /// Its name.
    pub session: String,
    /// Whose it is.
    pub viewer: String,
    /// What it watched last.
    pub stream: String,
    /// The address that it came from last, if that is known.
    pub address: Option<String>,
    /// Since when it is live, RFC 3339.
    pub started: String,
    /// When it was seen last, RFC 3339.
    pub seen: String,
    /// When it must be over, RFC 3339, if it lost its slot to a newer one.
    pub displaced: Option<String>,
}
