//! What a legacy token shall say, for the schemes' signers.
//!
//! Must not know: any scheme.

use std::net::IpAddr;

use super::request::Purpose;
use crate::domain::Timestamp;

/// One token to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The stream's path, without a slash before it: `live/news`.
    pub stream: &'a str,
    /// The one playlist below it, if the token shall be for that alone.
    pub file: Option<&'a str>,
    /// What the token shall allow.
    pub purpose: Purpose,
    /// The viewer, where the scheme has a place for one; empty for nobody by name.
    pub subject: &'a str,
    /// The client's address, if the token shall be bound to it.
    pub ip: Option<IpAddr>,
    /// From when.
    pub start: Timestamp,
    /// Until when, in whole seconds.
    pub end: Timestamp,
    /// Random: the token's name, where the scheme has a place for one.
    pub id: [u8; 16],
}

/// Why nothing is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignFault {
    /// It has no key that signs, or no place for what is asked.
    #[error("the scheme has nothing to sign that stream with")]
    NoKey,
    /// The subject would be read as something else.
    #[error("the subject has {0:?}, which has a meaning of its own in such a token")]
    Subject(char),
    /// Only `edgeauth` makes tokens for one URL.
    #[error("a token of this scheme is for a stream, never for one playlist: leave --file out")]
    File,
    /// Only `urlparams` lets anybody publish.
    #[error("no token of this scheme lets anybody publish")]
    Publish,
    /// The server would not take it.
    #[error("the server would refuse the token: {0}")]
    Refused(&'static str),
    /// The server would take it from everywhere.
    #[error(
        "no token of this scheme is for one address alone: leave --ip out; securetoken wants \
         include_ip = true"
    )]
    Unbound,
    /// The server would take it for somebody else's.
    #[error("the server would read another subject from the token")]
    OtherSubject,
}

impl<'a> Order<'a> {
    /// The subject, if none of these characters stands in it.
    pub(super) fn subject_without(&self, special: &[char]) -> Result<&'a str, SignFault> {
        let is_special = |c: &char| special.contains(c) || c.is_control();
        let found = self.subject.chars().find(is_special);
        found.map_or(Ok(self.subject), |c| Err(SignFault::Subject(c)))
    }

    /// The address in the one form in which it is hashed.
    pub(super) fn address(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_canonical().to_string())
    }
}
