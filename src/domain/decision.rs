//! What may be asked, and why it may be refused.
//!
//! Must not know: HTTP. `server/error.rs` alone turns a [`Denied`] into a status.

use std::fmt;
use std::str::FromStr;

/// Something a credential may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Fetch one key as a viewer.
    Deliver,
    /// Fetch a viewer's playlist.
    Play,
    /// Register, change or remove a stream.
    Register,
    /// Read a stream's registration.
    Read,
    /// Lease the coming periods with their keys.
    Lease,
    /// Cut to a new key.
    Rotate,
    /// Report progress and make claims.
    Progress,
    /// Send a stream to a media server.
    Publish,
    /// Revoke keys and use the other operator routes.
    Operate,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 9] = [
        Self::Deliver,
        Self::Play,
        Self::Register,
        Self::Read,
        Self::Lease,
        Self::Rotate,
        Self::Progress,
        Self::Publish,
        Self::Operate,
    ];
    /// What a packager does in its daily work.
    pub const PACKAGER: [Self; 5] = [
        Self::Register,
        Self::Read,
        Self::Lease,
        Self::Rotate,
        Self::Progress,
    ];
    /// What a viewer does.
    pub const VIEWER: [Self; 2] = [Self::Deliver, Self::Play];

    /// Its name in configuration, claims and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Play => "play",
            Self::Register => "register",
            Self::Read => "read",
            Self::Lease => "lease",
            Self::Rotate => "rotate",
            Self::Progress => "progress",
            Self::Publish => "publish",
            Self::Operate => "operate",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no action: deliver, play, register, read, lease, rotate, progress, publish, \
         operate"
)]
pub struct ActionError(String);

impl FromStr for Action {
    type Err = ActionError;

    fn from_str(text: &str) -> Result<Self, ActionError> {
        let found = Self::ALL.into_iter().find(|action| action.as_str() == text);
        found.ok_or_else(|| ActionError(text.to_owned()))
    }
}

/// The precise reason of a refusal. It goes to the log and the audit trail; the client sees
/// one of few public answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nothing was presented.
    #[error("no credential was presented")]
    NoCredential,
    /// Something was presented and nothing of it verifies.
    #[error("no presented credential verifies: {}", .0.sentence)]
    BadCredential(Flaw),
    /// The credential is good and is not for this stream.
    #[error("the credential is not for this stream")]
    WrongStream,
    /// The credential is good and does not allow this action.
    #[error("the credential does not allow '{0}'")]
    WrongAction(Action),
    /// The stream's policy asks for other schemes than those that vouch for the viewer.
    #[error("the stream's policy does not accept the credential: {0}")]
    NotAccepted(&'static str),
    /// The stream's policy allows other pages than the one that asks.
    #[error("the stream's policy does not allow the page that asks: {0}")]
    WrongPage(&'static str),
    /// The viewer has as many sessions as allowed.
    #[error("the viewer has as many sessions as allowed")]
    TooManySessions,
    /// A newer session of the same viewer has the slot of this one.
    #[error("a newer session of the viewer has taken this one's place")]
    Displaced,
    /// The client's address is not the one that the credential is bound to.
    #[error("the client's address is not the one that the credential is bound to")]
    WrongAddress,
    /// The viewer has no right to the stream.
    #[error("the viewer is not entitled to the stream")]
    NotEntitled,
    /// The credential is good and was withdrawn; by what kind of revocation.
    #[error("the credential is revoked by {0}")]
    Revoked(&'static str),
    /// No such key, or a foreign one: the two are not told apart.
    #[error("no such key for this credential")]
    UnknownKey,
    /// The key is no longer delivered.
    #[error("the key is retired, revoked or destroyed")]
    KeyGone,
    /// The decision could not be made; nothing is delivered.
    #[error("the decision could not be made: {0}")]
    Undecided(&'static str),
}

/// Why what was presented does not verify. It names the fault, never a part of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flaw {
    /// A word for programs.
    pub code: &'static str,
    /// The same for people.
    pub sentence: &'static str,
}

impl Denied {
    /// Whether an app may tell its viewer, who can end another session.
    pub fn is_viewers_to_mend(&self) -> bool {
        matches!(self, Self::TooManySessions | Self::Displaced)
    }

    /// The word that an app may have for its viewer, whose own session or right it is about: it tells nothing
    /// of streams, keys or other viewers.
    pub fn viewers_word(&self) -> Option<&'static str> {
        let is_viewers = matches!(self, Self::NotEntitled | Self::Revoked(_));
        (is_viewers || self.is_viewers_to_mend()).then(|| self.code())
    }

    /// The reason as a word for programs: in the audit trail, and where it is explained.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCredential => "no_token",
            Self::BadCredential(flaw) => flaw.code,
            Self::WrongStream => "stream",
            Self::WrongAction(_) => "action",
            Self::NotAccepted(_) => "policy",
            Self::WrongPage(_) => "page",
            Self::TooManySessions => "too_many_sessions",
            Self::Displaced => "displaced",
            Self::WrongAddress => "ip",
            Self::NotEntitled => "not_entitled",
            Self::Revoked(_) => "revoked",
            Self::UnknownKey => "unknown_key",
            Self::KeyGone => "key_gone",
            Self::Undecided(_) => "undecided",
        }
    }
}
