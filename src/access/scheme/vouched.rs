//! What a legacy token vouches for, before the instance's own limits.
//!
//! Must not know: how it was verified, or the clock.

use std::time::Duration;

use super::tilde::hex_of;
use crate::crypto::sha256;
use crate::domain::{StreamId, StreamPattern, Timestamp};

/// Who may see what, from when to when: both ends included, in whole seconds, no leeway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::access) struct Vouched {
    pub(super) subject: String,
    /// The viewing session's name, which is no secret.
    pub(super) session: String,
    pub(super) streams: Vec<StreamPattern>,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
}

/// The last second counts whole.
pub(in crate::access) const LAST_SECOND: Duration = Duration::from_secs(1);

impl Vouched {
    /// A token that names nothing but the content it is shown for. A path that can be no stream's
    /// opens none.
    pub(super) fn for_content(stream: &str, session: String) -> Self {
        let stream = stream.parse::<StreamId>().ok();
        Self::for_streams(
            stream
                .as_ref()
                .map(StreamPattern::from)
                .into_iter()
                .collect(),
            session,
        )
    }

    /// A token that names streams itself.
    pub(super) fn for_streams(streams: Vec<StreamPattern>, session: String) -> Self {
        Self {
            subject: session.clone(),
            session,
            streams,
            start: None,
            end: None,
        }
    }

    /// The viewer, where the token names one. Without, each token is a viewer of its own.
    #[must_use]
    pub(super) fn speaking_for(mut self, subject: Option<&str>) -> Self {
        if let Some(subject) = subject {
            subject.clone_into(&mut self.subject);
        }
        self
    }

    #[must_use]
    pub(super) fn between(mut self, start: Option<Timestamp>, end: Option<Timestamp>) -> Self {
        (self.start, self.end) = (start, end);
        self
    }

    /// Whether `now` is within its time.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        let has_come = self.start.is_none_or(|start| start <= now);
        has_come && self.expires().is_none_or(|end| now < end)
    }

    /// The first instant at which it is over.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.end.map(|end| end.plus(LAST_SECOND))
    }
}

/// A name for the session of a token: a digest, since the token is a secret.
pub(super) fn name_of(token: &str) -> String {
    hex_of(&sha256(token.as_bytes())[..12])
}
