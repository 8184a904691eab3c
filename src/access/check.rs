//! One instance alone: judging a URL as the server would, and making a query that it takes.
//!
//! Must not know: the command line, sessions, or entitlement.

mod explain;
mod ours;
mod reading;

use std::cmp::Reverse;
use std::net::IpAddr;

use super::config::AccessConfigError;
use super::credential::{Credential, Token, Way};
use super::scheme::jwt::Jwt;
use super::scheme::signed::SignedRequests;
use super::scheme::{Fault, LAST_SECOND, SchemeConfig, SchemesConfig, Verified};
use crate::crypto::SecretText;
use crate::domain::{Action, StreamId, StreamPattern, Timestamp};
use crate::outbound;

pub use super::scheme::explain::{Difference, Finding, Hint};
pub use super::scheme::order::{Order, SignFault};
pub use super::scheme::request::{Headers, Purpose, Target};
pub use explain::explain;
pub(super) use explain::explain_one;
pub use ours::{OurFault, OurInstance, OurOrder};
use reading::Reading;

/// What is asked.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The playlist's URL, as the viewer has it.
    pub target: Target<'a>,
    /// The content's stream, where it is known and not to be guessed from the URL.
    pub stream: Option<&'a str>,
    /// Everything after `?`.
    pub query: &'a str,
    /// Headers by name.
    pub headers: &'a dyn Headers,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// What the TLS handshake agreed on.
    pub alpn: Option<&'a str>,
    /// The request's method.
    pub method: &'a str,
    /// What it wants.
    pub purpose: Purpose,
}

/// What the instance says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It opens the URL.
    Allow {
        /// The viewer.
        subject: String,
        /// What the token opens.
        streams: Vec<StreamPattern>,
        /// When it is over.
        expires: Option<Timestamp>,
    },
    /// It does not, for this reason: a word for programs, and a sentence.
    Deny(&'static str, &'static str),
}

/// One instance, loaded.
pub enum Instance {
    /// Its tokens stand for themselves.
    Token(Box<TokenInstance>),
    /// It signs parts of the request.
    Request(Box<RequestInstance>),
    /// What we sign ourselves.
    Ours(Box<OurInstance>),
}

/// What a scheme says, whatever the time and the content.
type Outcome = Result<Verified, Fault>;

/// Opaque: JWT.
pub struct TokenInstance(Jwt);
/// Opaque: every other kind.
pub struct RequestInstance(SignedRequests);

/// Why there is no instance to ask.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// None has this name or is of this kind.
    #[error("the configuration has no [schemes.{0}], and none of that kind")]
    None(String),
    /// Nothing of ours can be signed or verified.
    #[error("the configuration has no [grants]: its key_files sign grants and sessions")]
    NoGrants,
    /// It is misconfigured.
    #[error(transparent)]
    Config(#[from] AccessConfigError),
}

impl Instance {
    /// The instance `name`, or the first one of that kind.
    pub fn load(
        config: &SchemesConfig,
        outbound: &outbound::Config,
        name: &str,
    ) -> Result<Self, InstanceError> {
        let by_kind = || config.0.iter().find(|(_, config)| config.kind() == name);
        let found = config.0.get_key_value(name).or_else(by_kind);
        let (name, config) = found.ok_or_else(|| InstanceError::None(name.to_owned()))?;
        let wrong = |fault| AccessConfigError::Scheme {
            name: name.clone(),
            fault,
        };
        if let SchemeConfig::Jwt(config) = config {
            let jwt = Jwt::new(name, config, outbound).map_err(|fault| wrong(fault.into()))?;
            return Ok(Self::Token(Box::new(TokenInstance(jwt))));
        }
        let signed = SignedRequests::load(name, config).map_err(wrong)?;
        let signed = signed.ok_or_else(|| InstanceError::None(name.clone()))?;
        Ok(Self::Request(Box::new(RequestInstance(signed))))
    }

    /// Asks issuers for their keys, where some come from there.
    pub async fn fetch_keys(&self, now: Timestamp) {
        if let Self::Token(instance) = self {
            instance.0.fetch_keys(now).await;
        }
    }

    /// The verdict at `now`, by the keys at hand.
    pub fn verify(&self, asked: Asked<'_>, now: Timestamp) -> Verdict {
        let (reading, outcome) = self.judged(asked, now);
        self.verdict(outcome, reading, now)
    }

    /// The outcome for the content's stream, which a server knows. Where nobody says it, for the first
    /// that the token is good for, else for the one with which it comes furthest.
    fn judged<'a>(&self, asked: Asked<'a>, now: Timestamp) -> (Reading<'a>, Outcome) {
        let readings = self.readings(asked).into_iter();
        let each = readings.map(|reading| (reading, self.outcome(reading, now)));
        let furthest = each.min_by_key(|(reading, outcome)| {
            Reverse(match outcome {
                Ok(verified) => (true, self.check_content(verified, *reading).is_ok(), None),
                Err(fault) => (false, false, Some(*fault)),
            })
        });
        furthest.unwrap_or_else(|| {
            let reading = asked.as_it_stands();
            (reading, self.outcome(reading, now))
        })
    }

    fn readings<'a>(&self, asked: Asked<'a>) -> Vec<Reading<'a>> {
        asked.readings(matches!(self, Self::Request(instance) if instance.0.is_redirected()))
    }

    fn verdict(&self, outcome: Outcome, reading: Reading<'_>, now: Timestamp) -> Verdict {
        let outcome = outcome.and_then(|it| it.check_time(now).map(|()| it));
        match outcome.and_then(|it| self.check_content(&it, reading).map(|()| it)) {
            Ok(verified) => Verdict::Allow {
                subject: verified.principal.subject.clone(),
                streams: verified.principal.streams.clone(),
                expires: self.last_instant(&verified),
            },
            Err(fault) => Verdict::Deny(fault.code(), fault.reason()),
        }
    }

    /// Whether the stream that is read from the URL is one that the token opens, or a group of such.
    fn check_content(&self, verified: &Verified, reading: Reading<'_>) -> Result<(), Fault> {
        let who = &verified.principal;
        let group = match self {
            Self::Request(instance) => instance.0.group(&reading.request()),
            Self::Token(_) | Self::Ours(_) => None,
        };
        let opens = |member: &StreamPattern| {
            let stream = member.as_str().parse::<StreamId>();
            stream.is_ok_and(|stream| who.covers(&stream))
        };
        let mut members = group.unwrap_or_default().iter();
        let is_opened = reading.is_for(who) || members.any(opens);
        is_opened.then_some(()).ok_or(Fault::Stream)
    }

    /// What the scheme says, whatever the time and the content.
    fn outcome(&self, reading: Reading<'_>, now: Timestamp) -> Outcome {
        match self {
            Self::Token(instance) => instance.verify(reading.asked, now),
            Self::Request(instance) => instance.verify(reading, now),
            Self::Ours(instance) => instance.verify(reading.asked, now),
        }
    }
}

impl Instance {
    /// Whether its tokens are a URL's query, signed with parts of the request.
    pub fn signs_requests(&self) -> bool {
        matches!(self, Self::Request(_))
    }

    /// The query to put behind a playlist's URL, without `?`, which the instance itself takes, whatever
    /// the time. Never for a kind whose tokens stand for themselves, which [`super::mint`] makes.
    pub fn sign(&self, wanted: Order<'_>) -> Result<SecretText, SignFault> {
        let Self::Request(instance) = self else {
            return Err(SignFault::NoKey);
        };
        let query = SecretText::new(instance.0.sign(wanted)?);
        self.check_signed(&instance.0, wanted, query.expose())?;
        Ok(query)
    }

    /// Asks the instance about what it signed.
    fn check_signed(
        &self,
        instance: &SignedRequests,
        wanted: Order<'_>,
        query: &str,
    ) -> Result<(), SignFault> {
        let file = wanted.file.unwrap_or("playlist.m3u8");
        let path = format!("/{}/{file}", wanted.stream);
        let asked = Asked {
            target: Target {
                scheme: "https",
                authority: "",
                path: &path,
                token: None,
            },
            stream: Some(wanted.stream),
            query,
            headers: &Vec::new(),
            ip: wanted.ip,
            alpn: None,
            method: "GET",
            purpose: wanted.purpose,
        };
        let (reading, outcome) = self.judged(asked, wanted.start);
        let checked = outcome.and_then(|it| self.check_content(&it, reading).map(|()| it));
        let verified = checked.map_err(|fault| SignFault::Refused(fault.reason()))?;
        if wanted.ip.is_some() && verified.principal.address.is_none() {
            return Err(SignFault::Unbound);
        }
        let is_named = instance.names_subjects() && !wanted.subject.is_empty();
        let is_other = is_named && verified.principal.subject != wanted.subject;
        (!is_other).then_some(()).ok_or(SignFault::OtherSubject)
    }

    /// A legacy token's last second counts whole.
    fn last_instant(&self, verified: &Verified) -> Option<Timestamp> {
        let expires = verified.principal.expires;
        match self {
            Self::Request(instance) if instance.0.counts_last_second() => {
                expires.map(|end| end.minus(LAST_SECOND))
            }
            _ => expires,
        }
    }
}

impl TokenInstance {
    fn verify(&self, asked: Asked<'_>, now: Timestamp) -> Outcome {
        let judge = |token: Token<'_>| {
            let outcome = self.0.verify_at_hand(token.expose(), now);
            let verified = outcome.unwrap_or(Err(Fault::Form))?;
            asked.check_action(&verified).map(|()| verified)
        };
        furthest(asked.tokens().map(judge), now)
    }
}

impl RequestInstance {
    fn verify(&self, reading: Reading<'_>, now: Timestamp) -> Outcome {
        let request = reading.request();
        let mut outcomes = Vec::new();
        self.0
            .verify_each(&request, &mut |outcome| outcomes.push(outcome));
        let outcome = furthest(outcomes.into_iter(), now);
        outcome.map_err(|fault| self.0.told_apart(fault, &request))
    }
}

/// What is said of several tokens: of the first whose time it is, else of the one that came furthest.
fn furthest(outcomes: impl Iterator<Item = Outcome>, now: Timestamp) -> Outcome {
    let best = outcomes.min_by_key(|outcome| {
        let checked = outcome.as_ref().map_err(|fault| *fault);
        let fault = checked.and_then(|it| it.check_time(now)).err();
        Reverse((fault.is_none(), fault))
    });
    best.unwrap_or(Err(Fault::None))
}

impl<'a> Asked<'a> {
    /// A token's actions are what this asks for.
    fn check_action(&self, verified: &Verified) -> Result<(), Fault> {
        let wanted = match self.purpose {
            Purpose::Play => Action::Play,
            Purpose::Publish => Action::Publish,
        };
        let is_for_one_key = verified.principal.kid.is_some();
        let is_for_it = is_for_one_key && self.purpose == Purpose::Play;
        let is_allowed = is_for_it || verified.principal.may(wanted);
        is_allowed.then_some(()).ok_or(Fault::Action)
    }

    /// What may be a token that stands for itself: not what is in our own cookie, which holds
    /// sessions.
    fn tokens(&self) -> impl Iterator<Item = Token<'a>> {
        let presented = self.shown().presented();
        let sent = presented.filter(|presented| !presented.is_in_cookie());
        sent.map(|presented| presented.text)
    }

    fn shown(&self) -> Credential<'a> {
        Credential {
            headers: self.headers,
            query: self.query,
            method: self.method,
            target: self.target,
            alpn: self.alpn,
            ip: self.ip,
            certificate: None,
            way: Way::Direct,
        }
    }
}
