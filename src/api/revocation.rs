//! Revocation: `POST`/`GET /v1/revocations`.
//!
//! Must not know: how a revocation is kept, or whom it reaches.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Text;
use crate::domain::{Kid, Revoked, StreamId, Timestamp};

/// The longest name that is looked for, in bytes: no token is longer.
const MAX_NAME: usize = 8 * 1024;
/// The longest name of a scheme, in bytes.
const MAX_SCHEME: usize = 256;
/// The longest note, in bytes.
const MAX_NOTE: usize = 1024;
/// How far ahead of the clock a moment may lie, since issuers' clocks may be.
const AHEAD: Duration = Duration::from_secs(3600);

/// The body of `POST /v1/revocations`: one of the first five, and what else is to be said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RevocationRequest {
    /// Every credential of this viewer.
    pub viewer: Option<String>,
    /// Every credential of this session.
    pub session: Option<String>,
    /// One credential, by its own name.
    pub token: Option<String>,
    /// One key, for good.
    pub key: Option<Text<Kid>>,
    /// Every credential that was issued earlier, or does not say when.
    pub before: Option<Text<Timestamp>>,
    /// Only credentials of this scheme: the NAME of `[schemes.NAME]`.
    pub scheme: Option<String>,
    /// When it ends. Without, when it is lifted.
    pub until: Option<Text<Timestamp>>,
    /// Why, for people.
    pub note: Option<String>,
}

/// What is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawn {
    /// A key.
    Key(Kid),
    /// Credentials.
    Credentials(Revoked),
}

/// A request that contradicts itself or is out of bounds. The message may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// Nothing, or more than one thing, is named.
    #[error("exactly one of viewer, session, token, key and before is to be said")]
    NotOne,
    /// A name is empty, too long, or has a NUL in it.
    #[error("{0} is 1 to {1} bytes without a NUL")]
    Name(&'static str, usize),
    /// A key has no scheme and comes back to nobody.
    #[error("a key is revoked for every scheme and for good: no scheme, no until")]
    KeyTerms,
    /// It would have ended already.
    #[error("until is to come")]
    Ended,
    /// Everything would be refused that is issued until then.
    #[error("before is at most an hour ahead of the server's clock")]
    Ahead,
}

impl RevocationRequest {
    /// What is withdrawn, as asked at `now`.
    pub fn withdrawn(&self, now: Timestamp) -> Result<Withdrawn, RevocationError> {
        check("scheme", self.scheme.as_deref(), MAX_SCHEME)?;
        check(
            "note",
            self.note.as_deref().filter(|it| !it.is_empty()),
            MAX_NOTE,
        )?;
        if self.until.is_some_and(|until| until.0 <= now) {
            return Err(RevocationError::Ended);
        }
        let name = |what, name: &Option<String>, make: fn(String) -> Revoked| match name {
            None => Ok(None),
            Some(name) => check(what, Some(name), MAX_NAME)
                .map(|()| Some(Withdrawn::Credentials(make(name.clone())))),
        };
        let named = [
            name("viewer", &self.viewer, Revoked::Viewer)?,
            name("session", &self.session, Revoked::Session)?,
            name("token", &self.token, Revoked::Token)?,
            self.key()?,
            self.moment(now)?,
        ];
        let mut named = named.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(RevocationError::NotOne),
        }
    }

    fn key(&self) -> Result<Option<Withdrawn>, RevocationError> {
        match self.key {
            Some(_) if self.scheme.is_some() || self.until.is_some() => {
                Err(RevocationError::KeyTerms)
            }
            key => Ok(key.map(|kid| Withdrawn::Key(kid.0))),
        }
    }

    fn moment(&self, now: Timestamp) -> Result<Option<Withdrawn>, RevocationError> {
        match self.before {
            Some(before) if before.0 > now.plus(AHEAD) => Err(RevocationError::Ahead),
            before => Ok(before.map(|at| Withdrawn::Credentials(Revoked::Before(at.0)))),
        }
    }
}

fn check(what: &'static str, text: Option<&str>, most: usize) -> Result<(), RevocationError> {
    let is_good = |text: &str| (1..=most).contains(&text.len()) && !text.contains('\0');
    match text.is_none_or(is_good) {
        true => Ok(()),
        false => Err(RevocationError::Name(what, most)),
    }
}

/// The answer to `POST /v1/revocations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationReply {
    /// What lifts it again; `null` for a key, which nothing does.
    pub id: Option<String>,
    /// Seconds from now until the last picture at the latest; `null`: there is no such end, and
    /// [`Because::advice`] says what makes one.
    pub worst_case_seconds: Option<u64>,
    /// What they are made of.
    pub because: Because,
}

/// Spans that follow on each other, in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// Until every server has heard, or has had no news for too long and refuses everybody.
    pub news_seconds: u64,
    /// Then, until the last segment is published under a key that was given out before; `null`: for
    /// as long as the stream keeps its key.
    pub key_seconds: Option<u64>,
    /// Then, until the last player that plays on has shown that segment.
    pub playlist_seconds: u64,
    /// The stream that takes longest; `null` if none has keys.
    pub stream: Option<Text<StreamId>>,
    /// Whether something is assumed of that stream, since no encryptor reports it.
    pub assumed: bool,
    /// What to do where there is no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// One revocation that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationView {
    /// What lifts it.
    pub id: String,
    /// The viewer, if that is who is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer: Option<String>,
    /// The session, if that is what is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The token, if that is what is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The moment before which everything is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Text<Timestamp>>,
    /// The scheme whose credentials it is for; without, every scheme's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// When it ends; without, when it is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Text<Timestamp>>,
    /// When it was made.
    pub made: Text<Timestamp>,
    /// Whose credential made it.
    pub by: String,
    /// Why.
    pub note: String,
}

/// The answer to `GET /v1/revocations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationList {
    /// In the order of making; the next page comes after the last one's id.
    pub revocations: Vec<RevocationView>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const KID: &str = "0b5f3f0e-1c9c-4f7e-9d3a-000000000001";

    fn asked(body: &Value) -> Result<Withdrawn, RevocationError> {
        let request: RevocationRequest = serde_json::from_value(body.clone()).unwrap();
        request.withdrawn(NOW)
    }

    #[test]
    fn one_thing_is_withdrawn() {
        let revoked = |revoked| Ok(Withdrawn::Credentials(revoked));
        let text = || "é/1".to_owned();
        let cases = [
            (json!({"viewer": "é/1"}), revoked(Revoked::Viewer(text()))),
            (json!({"session": "é/1"}), revoked(Revoked::Session(text()))),
            (json!({"token": "é/1"}), revoked(Revoked::Token(text()))),
            (
                json!({"key": KID}),
                Ok(Withdrawn::Key(KID.parse().unwrap())),
            ),
            (
                json!({"before": "2027-01-15T08:00:00Z"}),
                revoked(Revoked::Before(NOW)),
            ),
            (
                json!({"before": "2027-01-15T09:00:00Z"}),
                revoked(Revoked::Before(NOW.plus(AHEAD))),
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(asked(&body), expected, "{body}");
        }
    }

    #[test]
    fn what_is_unclear_is_refused() {
        use RevocationError::{Ahead, Ended, KeyTerms, Name, NotOne};
        let long = "a".repeat(MAX_NAME + 1);
        let cases = [
            (json!({}), NotOne),
            (json!({"note": "why"}), NotOne),
            (json!({"viewer": "a", "session": "a"}), NotOne),
            (json!({"key": KID, "token": "a"}), NotOne),
            (json!({"viewer": ""}), Name("viewer", MAX_NAME)),
            (json!({"session": "a\0"}), Name("session", MAX_NAME)),
            (json!({"token": long}), Name("token", MAX_NAME)),
            (json!({"viewer": "a", "scheme": ""}), Name("scheme", 256)),
            (json!({"viewer": "a", "note": long}), Name("note", 1024)),
            (json!({"key": KID, "scheme": "a"}), KeyTerms),
            (
                json!({"key": KID, "until": "2027-01-15T08:00:01Z"}),
                KeyTerms,
            ),
            (
                json!({"viewer": "a", "until": "2027-01-15T08:00:00Z"}),
                Ended,
            ),
            (json!({"before": "2027-01-15T09:00:00.001Z"}), Ahead),
        ];
        for (body, expected) in cases {
            assert_eq!(asked(&body), Err(expected), "{body}");
        }
        for bad in [
            json!({"viewer": "a", "untill": "2027-01-15T08:00:00Z"}),
            json!({"viewer": 7}),
            json!({"key": "a"}),
            json!({"before": "yesterday"}),
        ] {
            assert!(serde_json::from_value::<RevocationRequest>(bad).is_err());
        }
    }
}
