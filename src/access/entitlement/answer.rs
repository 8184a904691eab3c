//! What is asked of a source, and what it may say.
//!
//! Must not know: any source, or how long an answer is remembered.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use equivalent::Equivalent;

use crate::domain::{Denied, Principal, StreamId, Timestamp};

/// Whether a viewer may watch a stream.
#[derive(Debug, Clone, Copy)]
pub(in crate::access) struct Question<'a> {
    /// Who.
    pub(in crate::access) viewer: &'a str,
    /// Which scheme vouches for that name: two issuers may each have an `alice`.
    pub(in crate::access) scheme: &'a Arc<str>,
    /// What.
    pub(in crate::access) stream: &'a StreamId,
    /// In which viewing session; the answer is remembered for all of the viewer's.
    pub(in crate::access) session: &'a str,
    /// From where, where that is known; remembered likewise.
    pub(in crate::access) ip: Option<IpAddr>,
}

impl<'a> Question<'a> {
    /// Whether `who`, who asks from `ip`, may watch `stream`.
    pub(in crate::access) fn of(
        who: &'a Principal,
        stream: &'a StreamId,
        ip: Option<IpAddr>,
    ) -> Self {
        Self {
            viewer: &who.subject,
            scheme: &who.scheme,
            stream,
            session: &who.session,
            ip,
        }
    }

    pub(super) fn keep(self) -> Kept {
        Kept {
            viewer: self.viewer.to_owned(),
            scheme: Arc::clone(self.scheme),
            stream: self.stream.clone(),
            session: self.session.to_owned(),
            ip: self.ip,
        }
    }
}

/// A question, kept to be put again. Viewer, scheme and stream are what it is known by.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) viewer: String,
    pub(super) scheme: Arc<str>,
    pub(super) stream: StreamId,
    pub(super) session: String,
    pub(super) ip: Option<IpAddr>,
}

impl Kept {
    pub(super) fn question(&self) -> Question<'_> {
        Question {
            viewer: &self.viewer,
            scheme: &self.scheme,
            stream: &self.stream,
            session: &self.session,
            ip: self.ip,
        }
    }

    /// Bytes of text in it.
    pub(super) fn size(&self) -> usize {
        self.viewer.len() + self.stream.as_str().len() + self.session.len()
    }
}

impl Hash for Question<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.viewer, &**self.scheme, self.stream).hash(state);
    }
}

impl PartialEq for Question<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (viewer, scheme) = (self.viewer, &**self.scheme);
        (viewer, scheme, self.stream) == (other.viewer, &**other.scheme, other.stream)
    }
}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.question().hash(state);
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.question() == other.question()
    }
}

impl Eq for Kept {}

impl Equivalent<Arc<Kept>> for Question<'_> {
    fn equivalent(&self, key: &Arc<Kept>) -> bool {
        *self == key.question()
    }
}

/// What a source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) allow: bool,
    /// For how long, as the source has it.
    pub(super) ttl: Option<Duration>,
    /// The wall time at which a yes ends, whatever the clock does meanwhile.
    pub(super) ends: Option<Timestamp>,
    /// How many sessions the viewer may have at once, if the source has a say in it.
    pub(super) max_sessions: Option<u32>,
}

impl Answer {
    /// No, for as long as the configuration has it.
    pub(super) const NO: Self = Self {
        allow: false,
        ttl: None,
        ends: None,
        max_sessions: None,
    };

    /// Whether its own end has not come.
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        self.ends.is_none_or(|ends| now < ends)
    }
}

/// What a yes brings with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::access) struct Entitled {
    /// How many sessions the viewer may have at once, if the source has a say in it.
    pub(in crate::access) max_sessions: Option<u32>,
}

impl TryFrom<Answer> for Entitled {
    type Error = Denied;

    fn try_from(answer: Answer) -> Result<Self, Denied> {
        let max_sessions = answer.max_sessions;
        let entitled = Self { max_sessions };
        answer.allow.then_some(entitled).ok_or(Denied::NotEntitled)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// More questions wait than may.
    Crowded,
    /// It failed so often that it is left alone for a while.
    Paused,
    /// It took too long.
    Late,
    /// It failed, or answered what is none.
    Broken,
}

impl Failure {
    /// Its name in metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crowded => "crowded",
            Self::Paused => "paused",
            Self::Late => "late",
            Self::Broken => "failed",
        }
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Self {
        Self::Undecided(match failure {
            Failure::Crowded => "too many questions wait for the entitlement source",
            Failure::Paused => "the entitlement source fails, and is left alone for a while",
            Failure::Late => "the entitlement source takes too long",
            Failure::Broken => "the entitlement source fails",
        })
    }
}
