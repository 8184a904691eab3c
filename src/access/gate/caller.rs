//! Who asks: every token of a viewer's request that verifies, under the rules that it was heard
//! under.
//!
//! Must not know: what is then handed out.

use std::sync::Arc;

use super::Gate;
use super::rules::Rules;
use crate::access::credential::Credential;
use crate::access::scheme::request::{Purpose, Request, is_below};
use crate::domain::{Denied, Principal, StreamId, Timestamp};

/// No stream's path; nothing signs it.
const NO_CONTENT: &str = "-/-";

/// Who asks for something that viewers are given: every token of the request that verifies. What
/// signs parts of the request is verified once it is known what is asked for.
pub struct Caller {
    pub(super) tokens: Vec<Arc<Principal>>,
    /// Why others do not verify.
    fault: Option<Denied>,
    /// Those that it was heard under.
    pub(super) rules: Arc<Rules>,
}

impl Caller {
    /// The first of whom a token speaks for; whoever signs parts of the request is not known yet.
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.tokens.first()
    }

    /// The place in the configuration of the stream's policy, of the rules that it was heard under: 0 is
    /// the first.
    pub fn policy(&self, stream: &StreamId) -> Option<usize> {
        self.rules.policies.place(stream)
    }
}

/// What vouches for a request for one stream.
pub(super) struct Vouchers {
    pub(super) signed: Vec<Arc<Principal>>,
    fault: Option<Denied>,
}

impl Vouchers {
    /// Nobody: why those do not vouch who might.
    pub(super) fn none(why: Denied) -> Self {
        let (signed, fault) = (Vec::new(), Some(why));
        Self { signed, fault }
    }
}

impl Gate {
    /// Verifies what was presented, for what viewers do. Every token is tried, and a bad one never
    /// masks a good one.
    ///
    /// Refuses with [`Denied::NoCredential`], [`Denied::BadCredential`] naming the last check
    /// that one of them came to, or [`Denied::Undecided`] if a source was away.
    pub async fn hear(&self, shown: &Credential<'_>) -> Result<Caller, Denied> {
        let (rules, now) = (self.rules.get(), self.clock.now());
        let (tokens, fault) = rules.schemes.verify_all(shown, now).await;
        let may_sign = || rules.schemes.is_shown(&request(shown, None));
        if tokens.is_empty() && !may_sign() {
            return Err(fault.unwrap_or(Denied::NoCredential));
        }
        Ok(Caller {
            tokens,
            fault,
            rules,
        })
    }
}

impl Caller {
    pub(super) fn unverified(&self, vouchers: &Vouchers) -> Denied {
        let faults = || [&vouchers.fault, &self.fault].into_iter().flatten();
        // What could not be decided may have been good.
        let undecided = faults().find(|fault| matches!(fault, Denied::Undecided(_)));
        let fault = undecided.or_else(|| faults().next());
        fault.cloned().unwrap_or(Denied::NoCredential)
    }
}

/// What the schemes say that sign parts of a request, for the content of one stream; `None` where
/// there is none, which is judged like one that the token is not for.
pub(super) fn vouchers(
    rules: &Rules,
    shown: &Credential<'_>,
    stream: Option<&StreamId>,
    now: Timestamp,
) -> Vouchers {
    let request = request(shown, stream);
    let (signed, fault) = rules.schemes.verify_request(&request, now);
    let fault = fault.map(Denied::from);
    Vouchers { signed, fault }
}

/// What was presented, for the content of that stream: on a playlist's URL the path below the route,
/// as signers see it, else the stream's own.
pub(super) fn request<'a>(shown: &Credential<'a>, stream: Option<&'a StreamId>) -> Request<'a> {
    let known = stream.map(StreamId::as_str);
    let is_in = |content: &&str| known.is_none_or(|stream| is_below(content, stream));
    let named = shown.target.content().filter(is_in);
    Request {
        content: named.or(known).unwrap_or(NO_CONTENT),
        stream: Some(known.unwrap_or(NO_CONTENT)),
        query: shown.query,
        headers: shown.headers,
        method: shown.method,
        target: shown.target,
        alpn: shown.alpn,
        ip: shown.ip,
        purpose: Purpose::Play,
    }
}

#[cfg(test)]
impl Gate {
    /// Takes somebody for a viewer who was heard, by these tokens.
    pub(crate) fn caller(&self, tokens: &[&crate::access::Admitted]) -> Caller {
        Caller {
            tokens: tokens.iter().map(|who| who.share()).collect(),
            fault: None,
            rules: self.rules.get(),
        }
    }
}
