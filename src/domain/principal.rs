//! Who a verified credential speaks for.
//!
//! Must not know: how it was verified.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Action, Kid, StreamId, StreamPattern, Timestamp};

/// What sort of credential it was, where rules differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// A viewer's own token.
    Viewer,
    /// A session that such a token was exchanged for.
    Session,
    /// A grant that we wrote into a playlist's URL: never exchangeable for anything wider.
    Grant,
    /// A session's text for URLs: it opens what the session opens, and cannot be renewed.
    SessionGrant,
    /// A grant with which an encryptor checks the key it published; no viewer, so no entitlement.
    Probe,
    /// A packager's or operator's credential.
    Machine,
}

/// A verified credential's meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What sort it is.
    pub kind: PrincipalKind,
    /// Which scheme vouches: the NAME of `[schemes.NAME]`, or one of ours.
    pub scheme: Arc<str>,
    /// Which others vouch for the same viewer, where a session was begun with several tokens.
    pub also: Vec<Arc<str>>,
    /// Who: a viewer's id, or a credential's name.
    pub subject: String,
    /// The viewing session it belongs to, by a name that is no secret; the grants made from one
    /// session have one text.
    pub session: String,
    /// The credential's own name, which is no secret: what a revocation calls it by.
    pub token: String,
    /// Which streams the credential names.
    pub streams: Vec<StreamPattern>,
    /// Which streams its issuer may speak for. A stream must be in both lists: a team's scheme
    /// never opens another team's streams, whatever its tokens name.
    pub within: Vec<StreamPattern>,
    /// What may be done with them.
    pub actions: Vec<Action>,
    /// The one key it opens, if it is that narrow.
    pub kid: Option<Kid>,
    /// When it was issued, where it says so.
    pub issued: Option<Timestamp>,
    /// The client's address, where it was written into the credential.
    pub address: Option<IpAddr>,
    /// How often it may open something at most: a key, a playlist, a session.
    pub uses: Option<u32>,
    /// When it ends; it is checked on every use, also when the verification was cached.
    pub expires: Option<Timestamp>,
}

impl Principal {
    /// Whether it may do `action` at all.
    pub fn may(&self, action: Action) -> bool {
        self.actions.contains(&action)
    }

    /// Whether the scheme of that name vouches for it.
    pub fn is_vouched_by(&self, scheme: &str) -> bool {
        *self.scheme == *scheme || self.also.iter().any(|also| **also == *scheme)
    }

    /// Whether it is for `stream`.
    pub fn covers(&self, stream: &StreamId) -> bool {
        let named = |patterns: &[StreamPattern]| patterns.iter().any(|p| p.matches(stream));
        named(&self.streams) && named(&self.within)
    }

    /// Whether it is for every stream that `pattern` means.
    pub fn encloses(&self, pattern: &StreamPattern) -> bool {
        let named = |patterns: &[StreamPattern]| patterns.iter().any(|p| p.contains(pattern));
        named(&self.streams) && named(&self.within)
    }

    /// Whether it has not ended at `now`. The end itself is outside.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}
