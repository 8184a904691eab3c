//! What each layer's refusals and failures are to the public.
//!
//! Must not know: statuses; a code has one.

use std::fmt;

use super::{Code, Failure, Refusal};
use crate::access::RevokeError;
use crate::access::audit::Overflow;
use crate::domain::Denied;
use crate::keys::KeysError;

const NESTED: &str = "this id and a registered stream's lie one below the other";

impl Failure {
    /// Adds what the caller may know, unless more is known already.
    #[must_use]
    pub(in crate::server) fn or_detail(self, detail: &dyn fmt::Display) -> Self {
        match self.detail {
            Some(_) => self,
            None => self.detail(detail),
        }
    }

    /// What the caller is told.
    pub(in crate::server) fn told(&self) -> &str {
        self.detail.as_deref().unwrap_or(self.code.row().2)
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::NoCredential | Denied::BadCredential(_) => Code::Unauthorized,
            Denied::WrongStream
            | Denied::WrongAction(_)
            | Denied::NotAccepted(_)
            | Denied::WrongPage(_)
            | Denied::WrongAddress
            | Denied::NotEntitled
            | Denied::TooManySessions
            | Denied::Displaced
            | Denied::Revoked(_) => Code::Forbidden,
            Denied::UnknownKey => Code::NotFound,
            Denied::KeyGone => Code::Gone,
            Denied::Undecided(_) => Code::Unavailable,
        };
        let mut failure = Self::new(code).reason(&denied);
        failure.detail = denied.is_viewers_to_mend().then(|| denied.to_string());
        failure.refusal = Some(Box::new(Refusal {
            denied,
            who: None,
            stream: None,
            policy: None,
        }));
        failure
    }
}

impl Failure {
    /// What an app may have of a refusal for its viewer.
    pub(super) fn word(&self) -> Option<&'static str> {
        let refusal = self.refusal.as_ref();
        let refusal = refusal.filter(|_| self.code == Code::Forbidden)?;
        refusal.denied.viewers_word()
    }
}

impl From<RevokeError> for Failure {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Full => Self::new(Code::Conflict).detail(&error),
            RevokeError::Spent => Self::new(Code::TooMany).detail(&error),
            RevokeError::Unavailable(error) => Self::store(&error),
        }
    }
}

impl From<Overflow> for Failure {
    fn from(_: Overflow) -> Self {
        Self::new(Code::Unavailable).reason(&"the audit trail has no room")
    }
}

impl From<KeysError> for Failure {
    fn from(error: KeysError) -> Self {
        use KeysError as E;
        match error {
            E::UnknownStream => Self::new(Code::NotFound).detail(&error),
            E::Gone => Self::new(Code::Gone).reason(&error),
            // The other stream may be one that the caller has no right to know of.
            E::Nested(_) => Self::new(Code::Conflict).detail(&NESTED).reason(&error),
            E::Conflict(_) => Self::new(Code::Conflict).detail(&error),
            E::Unreachable(ref missed) => Self::unreachable(&error, missed.clone()),
            E::Invalid(_) => Self::bad_request(&error),
            E::TooMany => Self::new(Code::TooMany).detail(&error),
            E::Busy | E::Ring(_) | E::Stale | E::Unavailable(_) => {
                Self::new(Code::Unavailable).reason(&error)
            }
        }
    }
}
