//! The one error table: every public answer that is not a success, as RFC 9457 documents.
//!
//! The only file that names a status. Must not know: routes, or what was asked for.

mod causes;
mod head;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;

use crate::api::{Problem, Unreachable};
use crate::domain::{Denied, Principal, RequestId, StreamId};

/// A public answer. Many internal reasons share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Timeout,
    Conflict,
    EncryptorsUnreachable,
    Gone,
    BodyTooLarge,
    NotJson,
    RangeNotSatisfiable,
    Misdirected,
    Unprocessable,
    HeadTooLarge,
    TooMany,
    TooManyRefusals,
    Internal,
    Unavailable,
    NoRoom,
}

impl Code {
    #[cfg(test)]
    pub(super) const ALL: [Self; 20] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::Conflict,
        Self::EncryptorsUnreachable,
        Self::Gone,
        Self::BodyTooLarge,
        Self::NotJson,
        Self::RangeNotSatisfiable,
        Self::Misdirected,
        Self::Unprocessable,
        Self::HeadTooLarge,
        Self::TooMany,
        Self::TooManyRefusals,
        Self::Internal,
        Self::Unavailable,
        Self::NoRoom,
    ];

    /// Its stable name for programs and metrics.
    pub(super) fn name(self) -> &'static str {
        self.row().0
    }

    /// The status it is answered with.
    pub(super) fn status(self) -> StatusCode {
        self.row().1
    }

    /// Name, status, title.
    fn row(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadRequest => ("bad_request", S::BAD_REQUEST, "The request is malformed"),
            Self::Unauthorized => (
                "unauthorized",
                S::UNAUTHORIZED,
                "A valid credential is needed",
            ),
            Self::Forbidden => (
                "forbidden",
                S::FORBIDDEN,
                "The credential does not allow this",
            ),
            Self::NotFound => ("not_found", S::NOT_FOUND, "There is no such resource"),
            Self::MethodNotAllowed => (
                "method_not_allowed",
                S::METHOD_NOT_ALLOWED,
                "The resource does not have this method",
            ),
            Self::Timeout => (
                "timeout",
                S::REQUEST_TIMEOUT,
                "The body did not arrive in time",
            ),
            Self::Conflict => (
                "conflict",
                S::CONFLICT,
                "The state of the resource forbids this",
            ),
            Self::EncryptorsUnreachable => (
                "encryptors_unreachable",
                S::CONFLICT,
                "Encryptors that hold leases cannot be reached",
            ),
            Self::Gone => ("gone", S::GONE, "The key is no longer delivered"),
            Self::BodyTooLarge => (
                "body_too_large",
                S::PAYLOAD_TOO_LARGE,
                "The body is too large",
            ),
            Self::NotJson => (
                "not_json",
                S::UNSUPPORTED_MEDIA_TYPE,
                "The body must be application/json",
            ),
            Self::RangeNotSatisfiable => (
                "range_not_satisfiable",
                S::RANGE_NOT_SATISFIABLE,
                "The range lies outside the file",
            ),
            Self::Misdirected => (
                "misdirected",
                S::MISDIRECTED_REQUEST,
                "This listener does not answer for that host",
            ),
            Self::Unprocessable => (
                "unprocessable",
                S::UNPROCESSABLE_ENTITY,
                "The body is not what its name says",
            ),
            Self::HeadTooLarge => (
                "head_too_large",
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The request's head is too large",
            ),
            Self::TooMany => (
                "too_many",
                S::TOO_MANY_REQUESTS,
                "The credential has used up what it may",
            ),
            Self::TooManyRefusals => (
                "too_many_refusals",
                S::TOO_MANY_REQUESTS,
                "Too many requests of this address were refused",
            ),
            Self::Internal => (
                "internal",
                S::INTERNAL_SERVER_ERROR,
                "The server failed to answer",
            ),
            Self::Unavailable => (
                "unavailable",
                S::SERVICE_UNAVAILABLE,
                "Not now; try again soon",
            ),
            Self::NoRoom => (
                "no_room",
                S::INSUFFICIENT_STORAGE,
                "There is no room for the body",
            ),
        }
    }
}

/// What a handler fails with: the public answer, and the reason that only the log sees.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", code.name())]
pub(super) struct Failure {
    code: Code,
    /// What the caller may know of its own request.
    detail: Option<String>,
    /// What only the log may know; holds no secret.
    reason: Option<String>,
    /// What the status calls for beyond its row.
    extra: Option<Extra>,
    /// The decision that it comes from, for the audit trail.
    refusal: Option<Box<Refusal>>,
}

/// A decision against somebody.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) denied: Denied,
    /// Who asked, if something of the request verified.
    pub(super) who: Option<Arc<Principal>>,
    /// What was asked for, as far as it is known.
    pub(super) stream: Option<StreamId>,
    /// The place of that stream's policy, where a viewer asks.
    pub(super) policy: Option<usize>,
}

/// A header, or a member of the document, that depends on what was asked for.
#[derive(Debug, Clone)]
enum Extra {
    /// The methods that the resource has.
    Allow(String),
    /// The file's length.
    Length(u64),
    /// The whole body, which another protocol spells out to the letter.
    Spelled(String),
    /// Whom a change would have had to wait for.
    Unreachable(Vec<Unreachable>),
    /// In how many seconds one more refusal is nothing unusual.
    Wait(u64),
    /// Basic is welcome too.
    Basic,
    /// Digest is welcome too: the challenge.
    Digest(String),
}

impl Failure {
    /// A failure with its public code and no more.
    pub(super) fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            reason: None,
            extra: None,
            refusal: None,
        }
    }

    /// The request is malformed; `detail` names the field.
    pub(super) fn bad_request(detail: &dyn fmt::Display) -> Self {
        Self::new(Code::BadRequest).detail(detail)
    }

    /// The resource has other methods: `allow`, between commas.
    pub(super) fn method_not_allowed(allow: String) -> Self {
        let mut failure = Self::new(Code::MethodNotAllowed);
        failure.extra = Some(Extra::Allow(allow));
        failure
    }

    /// The range lies outside a file of `length` bytes.
    pub(super) fn range_not_satisfiable(length: u64) -> Self {
        let mut failure = Self::new(Code::RangeNotSatisfiable);
        failure.extra = Some(Extra::Length(length));
        failure
    }

    /// To whom no valid credential was shown, also tells of basic: some clients send their user
    /// and password only then. A browser would ask a viewer for them, so players are not told.
    #[must_use]
    pub(super) fn or_basic(mut self) -> Self {
        if self.code == Code::Unauthorized {
            self.extra = Some(Extra::Basic);
        }
        self
    }

    /// The same of digest, with its challenge, where anybody uses it.
    #[must_use]
    pub(super) fn or_digest(mut self, challenge: Option<String>) -> Self {
        if self.code == Code::Unauthorized {
            self.extra = challenge.map(Extra::Digest);
        }
        self
    }

    /// A document of a protocol that says itself what a refusal's body is.
    pub(super) fn spelled(text: &dyn fmt::Display) -> Self {
        let mut failure = Self::new(Code::Unprocessable).reason(text);
        failure.extra = Some(Extra::Spelled(text.to_string()));
        failure
    }

    /// The same refusal as another protocol spells it: 403 and that body. A failure of ours stays what it is.
    #[must_use]
    pub(super) fn forbidden_as(mut self, body: &str) -> Self {
        if !self.is_ours() {
            self.code = Code::Forbidden;
            self.extra = Some(Extra::Spelled(body.to_owned()));
        }
        self
    }

    /// The body of such a refusal.
    pub(super) fn spelled_body(&self) -> Option<&str> {
        match &self.extra {
            Some(Extra::Spelled(text)) => Some(text),
            _ => None,
        }
    }

    /// A change would have had to wait for these; `detail` names them.
    fn unreachable(detail: &dyn fmt::Display, missed: Vec<Unreachable>) -> Self {
        let mut failure = Self::new(Code::EncryptorsUnreachable).detail(detail);
        failure.extra = Some(Extra::Unreachable(missed));
        failure
    }

    /// The store failed; what it said is for the log.
    pub(super) fn store(error: &dyn fmt::Display) -> Self {
        Self::new(Code::Unavailable).reason(error)
    }

    /// Adds what the caller may know.
    #[must_use]
    pub(super) fn detail(mut self, detail: &dyn fmt::Display) -> Self {
        self.detail = Some(detail.to_string());
        self
    }

    /// Adds what only the log may know.
    #[must_use]
    pub(super) fn reason(mut self, reason: &dyn fmt::Display) -> Self {
        self.reason = Some(reason.to_string());
        self
    }

    /// The same refusal, of an address that had too many, which is `wait` from having one more. Only the first
    /// is written down.
    #[must_use]
    pub(super) fn once_too_often(mut self, wait: Duration, is_first: bool) -> Self {
        self.refusal = self.refusal.filter(|_| is_first);
        // Who must be told no in words of its own would take any others for a yes.
        if self.spelled_body().is_some() {
            return self;
        }
        self.code = Code::TooManyRefusals;
        self.detail = None;
        self.extra = Some(Extra::Wait(
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
        ));
        self
    }

    /// Its public code.
    pub(super) fn code(&self) -> Code {
        self.code
    }

    /// Why, for the log.
    pub(super) fn reason_text(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Says of a refusal who asked, for what, and the place of the policy that it has.
    #[must_use]
    pub(super) fn about(
        mut self,
        who: Option<Arc<Principal>>,
        stream: Option<StreamId>,
        policy: Option<usize>,
    ) -> Self {
        if let Some(refusal) = &mut self.refusal {
            (refusal.who, refusal.stream, refusal.policy) = (who, stream, policy);
        }
        self
    }

    /// The decision that it comes from, if it is one.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_deref()
    }

    /// Whether somebody is refused for what it showed, or did not.
    pub(super) fn is_refusal(&self) -> bool {
        use Code as C;
        matches!(self.code, C::Unauthorized | C::Forbidden | C::NotFound)
    }

    /// Whether it is ours and not the caller's.
    pub(super) fn is_ours(&self) -> bool {
        self.code.status().is_server_error()
    }

    /// The problem document.
    pub(super) fn document(&self, id: RequestId) -> Problem {
        let (name, status, title) = self.code.row();
        Problem {
            kind: format!("urn:hlskey:problem:{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            code: name.to_owned(),
            detail: self.detail.clone(),
            reason: self.word().map(str::to_owned),
            unreachable: match &self.extra {
                Some(Extra::Unreachable(missed)) => missed.clone(),
                _ => Vec::new(),
            },
            request_id: id.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
