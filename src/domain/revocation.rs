//! Whom a revocation is for.
//!
//! Must not know: where revocations are kept, or how they are looked up.

use super::Timestamp;

/// Credentials that are refused from now on. A key is revoked by its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// Every credential of this viewer.
    Viewer(String),
    /// Every credential of this session.
    Session(String),
    /// This one credential, by its own name (`jti`, `cti`, or a digest).
    Token(String),
    /// Every credential that was issued earlier, and those that do not say when they were.
    Before(Timestamp),
}

impl Revoked {
    /// Its kind's name in requests, in the store and in logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Viewer(_) => "viewer",
            Self::Session(_) => "session",
            Self::Token(_) => "token",
            Self::Before(_) => "before",
        }
    }

    /// Who is named, if anybody is.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Viewer(name) | Self::Session(name) | Self::Token(name) => Some(name),
            Self::Before(_) => None,
        }
    }

    /// The moment, if it is one.
    pub fn moment(&self) -> Option<Timestamp> {
        match self {
            Self::Before(moment) => Some(*moment),
            _ => None,
        }
    }

    /// What [`Self::kind`], [`Self::name`] and [`Self::moment`] gave, put together again.
    pub fn from_parts(kind: &str, name: Option<String>, moment: Option<Timestamp>) -> Option<Self> {
        match (kind, name, moment) {
            ("viewer", Some(name), None) => Some(Self::Viewer(name)),
            ("session", Some(name), None) => Some(Self::Session(name)),
            ("token", Some(name), None) => Some(Self::Token(name)),
            ("before", None, Some(moment)) => Some(Self::Before(moment)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_parts_make_it_again() {
        let name = || "alice".to_owned();
        let moment = Timestamp::from_millis(7);
        for one in [
            Revoked::Viewer(name()),
            Revoked::Session(name()),
            Revoked::Token(name()),
            Revoked::Before(moment),
        ] {
            let name = one.name().map(str::to_owned);
            let again = Revoked::from_parts(one.kind(), name, one.moment());
            assert_eq!(again, Some(one));
        }
        for (kind, name, moment) in [
            ("viewer", None, None),
            ("viewer", Some(name()), Some(moment)),
            ("before", Some(name()), None),
            ("key", Some(name()), None),
        ] {
            assert_eq!(Revoked::from_parts(kind, name, moment), None, "{kind}");
        }
    }
}
