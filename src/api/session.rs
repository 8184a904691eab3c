//! `/v1/sessions`: what a viewer's token is exchanged for.
//!
//! Must not know: how a session is signed.

use serde::{Deserialize, Serialize};

use super::Text;
use crate::domain::{StreamId, StreamPattern, Timestamp};

/// The body of `POST /v1/sessions`, which may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// For this stream alone. Needed where the token signs a stream's URL, and where a policy requires
    /// several tokens.
    pub stream: Option<Text<StreamId>>,
}

/// A session begun or renewed; its cookie stands in the header.
#[derive(Debug, Clone, Serialize)]
pub struct SessionView {
    /// Its name, which is no secret.
    pub session: String,
    /// Opens what the session opens, in a URL (`?token=`) or as bearer; it is not renewable.
    pub grant: String,
    /// When both end, RFC 3339.
    pub expires: Text<Timestamp>,
    /// The long-lived `hdntl` token that an EdgeAuth token was exchanged for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hdntl: Option<String>,
}

/// The answer of `GET /v1/sessions/current`.
#[derive(Debug, Clone, Serialize)]
pub struct CurrentSessionView {
    /// Its name.
    pub session: String,
    /// The viewer.
    pub viewer: String,
    /// What it opens.
    pub streams: Vec<Text<StreamPattern>>,
    /// When it ends, RFC 3339.
    pub expires: Option<Text<Timestamp>>,
}
