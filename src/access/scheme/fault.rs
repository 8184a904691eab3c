//! Why a token does not verify.
//!
//! Must not know: which token; no reason holds a part of one.

use crate::domain::Denied;

/// The check that failed, in the order in which checks are made: of several refused tokens the
/// one that came furthest gives the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::access) enum Fault {
    /// No entry is for the client's certificate.
    Certificate,
    /// No scheme knows the form.
    Form,
    /// An API key in a URL.
    Place,
    /// Too long to look at.
    TooLong,
    /// Not a JWT header, or its algorithm is none that exists.
    Header,
    /// A header extension that must be understood, encryption or compression.
    Extension,
    /// No key of the instance is for this algorithm.
    Algorithm,
    /// No key of the instance made it.
    Signature,
    /// The payload is no JSON object.
    Payload,
    /// `iss` is missing or another.
    Issuer,
    /// `aud` is missing, another, or there although the scheme names none.
    Audience,
    /// The subject is missing, empty, too long or not printable.
    Subject,
    /// `exp` is missing, or not in seconds.
    Expiry,
    /// `nbf` or `iat` is not in seconds, or `iat` is missing under a longest life.
    Times,
    /// It lives longer than the scheme allows.
    Life,
    /// The claim that names one key is malformed.
    Kid,
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Expired,
    /// The store that knows API keys is away: nothing was decided.
    StoreAway,
}

impl Fault {
    /// What went wrong, for the audit trail.
    pub(in crate::access) fn reason(self) -> &'static str {
        match self {
            Self::Certificate => "no entry of client_certificates is for the client's certificate",
            Self::Form => "it has the form of no configured scheme",
            Self::Place => "an API key belongs in a header, not in a URL",
            Self::TooLong => "the token is too long",
            Self::Header => "the header is malformed or names no algorithm",
            Self::Extension => "the header demands an extension",
            Self::Algorithm => "the algorithm is not one of the scheme's",
            Self::Signature => "the signature or secret is wrong",
            Self::Payload => "the payload is malformed",
            Self::Issuer => "the issuer is not the scheme's",
            Self::Audience => "the audience is not the scheme's",
            Self::Subject => "the subject is missing or malformed",
            Self::Expiry => "the expiry is missing or not in seconds",
            Self::Times => "nbf or iat is missing or not in seconds",
            Self::Life => "it lives longer than the scheme allows",
            Self::Kid => "the kid claim is malformed",
            Self::NotYet => "it is not valid yet",
            Self::Expired => "it has expired",
            Self::StoreAway => "the store of API keys does not answer",
        }
    }
}

impl From<Fault> for Denied {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::StoreAway => Self::Undecided(fault.reason()),
            _ => Self::BadCredential(fault.reason()),
        }
    }
}
