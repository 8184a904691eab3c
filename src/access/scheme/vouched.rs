//! What a token vouches for that looks at the request, before the instance's own limits.
//!
//! Must not know: how it was verified, or the clock.

use crate::crypto::hex_of;
use std::net::IpAddr;
use std::time::Duration;

use super::request::plain;
use crate::crypto::sha256;
use crate::domain::{StreamId, StreamPattern, Timestamp};

/// Who may see what, from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::access) struct Vouched {
    pub(super) subject: String,
    /// The viewing session's name, which is no secret.
    pub(super) session: String,
    pub(super) streams: Vec<StreamPattern>,
    pub(super) start: Option<Timestamp>,
    /// The first instant at which it is over.
    pub(super) expires: Option<Timestamp>,
    pub(super) issued: Option<Timestamp>,
    /// The client's address, where the token is for that alone: what is made of it is too.
    pub(super) address: Option<IpAddr>,
    /// How often it may open something at most.
    pub(super) uses: Option<u32>,
    /// Whether what is made of it would be asked less than it is itself: then it opens keys, and
    /// nothing is made of it.
    pub(super) is_for_keys_alone: bool,
}

/// The last second of a legacy token counts whole.
pub(in crate::access) const LAST_SECOND: Duration = Duration::from_secs(1);

impl Vouched {
    /// A token that names nothing but the content it is shown for, percent-encoded or not. A path that
    /// can be no stream's opens none.
    pub(super) fn for_content(stream: &str, session: String) -> Self {
        let stream = plain(stream).parse::<StreamId>().ok();
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
            expires: None,
            issued: None,
            address: None,
            uses: None,
            is_for_keys_alone: false,
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

    /// Both ends included, in whole seconds, no leeway.
    #[must_use]
    pub(super) fn between(self, start: Option<Timestamp>, end: Option<Timestamp>) -> Self {
        self.spanning(start, end.map(|end| end.plus(LAST_SECOND)))
    }

    /// From `start` on, that instant included, to `expires`, that instant excluded.
    #[must_use]
    pub(super) fn spanning(mut self, start: Option<Timestamp>, expires: Option<Timestamp>) -> Self {
        (self.start, self.expires) = (start, expires);
        self
    }

    /// Whether `now` is within its time.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        let has_come = self.start.is_none_or(|start| start <= now);
        has_come && self.expires.is_none_or(|end| now < end)
    }

    #[must_use]
    pub(super) fn issued(mut self, issued: Option<Timestamp>) -> Self {
        self.issued = issued;
        self
    }

    /// For the address that it was shown from and no other.
    #[must_use]
    pub(super) fn bound_to(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }

    #[must_use]
    pub(super) fn for_keys_alone(mut self, is_so: bool) -> Self {
        self.is_for_keys_alone = is_so;
        self
    }

    #[must_use]
    pub(super) fn for_uses(mut self, uses: Option<u32>) -> Self {
        self.uses = uses;
        self
    }
}

/// A name for the session of a token: a digest, since the token is a secret. `token` is its text as signers
/// write it, whatever was received: who could spell one token in two ways would be two viewers, of whom a
/// revocation meets one.
pub(super) fn name_of(token: &str) -> String {
    digest_name(token.as_bytes())
}

/// The same of what is not text.
pub(super) fn digest_name(bytes: &[u8]) -> String {
    hex_of(&sha256(bytes)[..NAME_BYTES])
}

/// How much of a digest is a name.
const NAME_BYTES: usize = 12;

/// Whether a text may be such a name.
pub(super) fn is_digest_name(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 2 * NAME_BYTES && text.bytes().all(is_digit)
}
