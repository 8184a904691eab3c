//! Grants and sessions, the schemes of our own: judged as a server of the same `[grants]` judges them,
//! and made as it makes them.
//!
//! Must not know: the command line, or whether a stream, a viewer or a key exists.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Asked, Instance, InstanceError, Outcome, furthest};
use crate::access::config::{AccessConfigError, GrantsConfig};
use crate::access::credential::Presented;
use crate::access::grant::{Grant, GrantKind, Grants};
use crate::access::policy::{BindIp, PolicyConfig};
use crate::access::ring::Ring;
use crate::access::scheme::{Fault, GRANT, SESSION, Verified, grant, session};
use crate::access::session::{Sessions, SessionsConfig};
use crate::crypto::{SecretText, hex_of};
use crate::domain::{
    Action, Entropy, Kid, Principal, PrincipalKind, StreamId, StreamPattern, Timestamp,
};

/// One of the two, loaded.
pub struct OurInstance(Ours);

enum Ours {
    Grant(Grants),
    Session(Sessions),
}

/// What a grant or a session shall say.
#[derive(Debug, Clone, Copy)]
pub struct OurOrder<'a> {
    /// What it opens: a grant one stream, a session up to 255 patterns.
    pub streams: &'a [StreamPattern],
    /// The one key that a grant opens; without it, the stream's playlists and their keys.
    pub kid: Option<Kid>,
    /// The instances that vouch for the viewer, in whose place it is accepted: of a grant one, of a
    /// session those that a policy requires together. None: nobody but the scheme itself.
    pub vouched_by: &'a [Arc<str>],
    /// The viewer.
    pub subject: &'a str,
    /// The client's address, if it shall be good for that alone.
    pub ip: Option<IpAddr>,
    /// When it is made.
    pub issued: Timestamp,
    /// Its end. A session may be renewed up to here, and lasts `life` of `[sessions]` until it is.
    pub expires: Timestamp,
    /// What streams ask: one for one of them lives no longer than a token may there.
    pub policies: &'a [PolicyConfig],
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OurFault {
    /// A grant is never wider.
    #[error("a grant is for one stream, not for a pattern or several: a session may be for such")]
    Wide,
    /// Only grants are that narrow.
    #[error("a session is for streams, never for one key: --kid is a grant's")]
    Kid,
    /// Nobody could be counted, asked about or revoked.
    #[error("it says whose it is: give --subject a name")]
    Nobody,
    /// A grant has one place for it.
    #[error("a grant names one scheme that vouches: give --vouched-by once")]
    Vouched,
    /// A session's cookie holds so much and no more.
    #[error("so many streams do not fit into a cookie")]
    TooLong,
    /// No server would renew it so far.
    #[error(
        "no session is renewed for longer than longest = \"{}\" of [sessions]: --ttl is at most that",
        humantime::format_duration(*.0)
    )]
    Longest(Duration),
    /// The stream's policy takes no token that lives so long.
    #[error(
        "the stream's policy has max_life = \"{}\": --ttl is at most that",
        humantime::format_duration(*.0)
    )]
    MaxLife(Duration),
    /// It would not be read again.
    #[error("the server would refuse it: {0}")]
    Refused(&'static str),
}

impl Instance {
    /// `grant` or `session` under the keys of `[grants]`; `None` if `name` is neither.
    pub fn ours(
        name: &str,
        grants: Option<&GrantsConfig>,
        sessions: &SessionsConfig,
    ) -> Result<Option<Self>, InstanceError> {
        if ![GRANT, SESSION].contains(&name) {
            return Ok(None);
        }
        let grants = grants.ok_or(InstanceError::NoGrants)?;
        let ring = Arc::new(Ring::load(&grants.key_files)?);
        let ours = match name {
            GRANT => Ours::Grant(Grants::new(ring)),
            // What is ordered ends when it shall: there is no token that it could outlive.
            _ => Ours::Session(
                Sessions::new(&bounded(sessions), ring).map_err(AccessConfigError::from)?,
            ),
        };
        Ok(Some(Self::Ours(Box::new(OurInstance(ours)))))
    }
}

fn bounded(config: &SessionsConfig) -> SessionsConfig {
    SessionsConfig {
        outlive_token: false,
        ..config.clone()
    }
}

impl OurInstance {
    /// A text that any server with a key of this ring takes, whatever it has in its store: a session
    /// is in the list of those that are live once it was shown.
    pub fn issue(
        &self,
        order: OurOrder<'_>,
        entropy: &dyn Entropy,
    ) -> Result<SecretText, OurFault> {
        if order.subject.is_empty() {
            return Err(OurFault::Nobody);
        }
        order.check_life()?;
        let text = match &self.0 {
            Ours::Grant(grants) => grants.sign(&order.grant(entropy)?),
            Ours::Session(sessions) => order.session(sessions, entropy)?,
        };
        self.check(&order, &text)?;
        Ok(text)
    }

    /// What is longer than a server reads comes back as nothing, or as something else.
    fn check(&self, order: &OurOrder<'_>, text: &SecretText) -> Result<(), OurFault> {
        let is_whole = match &self.0 {
            Ours::Grant(grants) => grants
                .open(text.expose())
                .is_ok_and(|grant| grant.subject == order.subject),
            Ours::Session(sessions) => sessions
                .principal(text.expose())
                .is_ok_and(|who| who.subject == order.subject && who.streams == order.streams),
        };
        let why = "its names are too long to be read again";
        is_whole.then_some(()).ok_or(OurFault::Refused(why))
    }

    pub(super) fn verify(&self, asked: Asked<'_>, now: Timestamp) -> Outcome {
        let judge = |presented: Presented<'_>| {
            let verified = self.verify_one(&presented).unwrap_or(Err(Fault::Form))?;
            asked.check_action(&verified)?;
            check_address(&verified, asked.ip).map(|()| verified)
        };
        furthest(asked.shown().presented().map(judge), now)
    }

    fn verify_one(&self, presented: &Presented<'_>) -> Option<Result<Verified, Fault>> {
        match &self.0 {
            // No grant stands in our cookie.
            Ours::Grant(_) if presented.is_in_cookie() => None,
            Ours::Grant(grants) => grant::verify(grants, presented),
            Ours::Session(sessions) => session::verify(sessions, presented),
        }
    }
}

/// The gate does this by the stream's policy, which may count near addresses as the same.
fn check_address(verified: &Verified, ip: Option<IpAddr>) -> Result<(), Fault> {
    let is_its = |bound| ip.is_some_and(|ip| BindIp::Exact.is_near(bound, ip));
    let is_good = verified.principal.address.is_none_or(is_its);
    is_good.then_some(()).ok_or(Fault::Address)
}

impl OurOrder<'_> {
    /// What stands for a token of one stream lives no longer than that might: the gate does not look
    /// at the life of what was made here a second time.
    fn check_life(&self) -> Result<(), OurFault> {
        let stream = match self.streams {
            [one] => one.as_str().parse::<StreamId>().ok(),
            _ => None,
        };
        let most = stream.and_then(|stream| PolicyConfig::longest_life(self.policies, &stream));
        match most.filter(|most| self.life() > *most) {
            Some(most) => Err(OurFault::MaxLife(most)),
            None => Ok(()),
        }
    }

    fn life(&self) -> Duration {
        self.expires.since(self.issued)
    }

    fn grant(&self, entropy: &dyn Entropy) -> Result<Grant, OurFault> {
        let [stream] = self.streams else {
            return Err(OurFault::Wide);
        };
        let stream: StreamId = stream.as_str().parse().map_err(|_| OurFault::Wide)?;
        let scheme = match self.vouched_by {
            [] => GRANT,
            [one] => one,
            _ => return Err(OurFault::Vouched),
        };
        let name = random_name(entropy);
        Ok(Grant {
            kind: self.kid.map_or(GrantKind::Play, GrantKind::Key),
            expires: self.expires,
            issued: Some(self.issued),
            scheme: scheme.to_owned(),
            subject: self.subject.to_owned(),
            session: name.clone(),
            token: name,
            address: self.ip,
            stream,
        })
    }

    /// As one that begins with a token which says the same.
    fn session(&self, sessions: &Sessions, entropy: &dyn Entropy) -> Result<SecretText, OurFault> {
        if self.kid.is_some() {
            return Err(OurFault::Kid);
        }
        let longest = sessions.longest();
        if self.life() > longest {
            return Err(OurFault::Longest(longest));
        }
        let first = self.vouched_by.first().cloned();
        let who = Principal {
            kind: PrincipalKind::Viewer,
            scheme: first.unwrap_or_else(|| SESSION.into()),
            also: Vec::new(),
            subject: self.subject.to_owned(),
            session: String::new(),
            token: random_name(entropy),
            streams: self.streams.to_vec(),
            within: self.streams.to_vec(),
            actions: Action::VIEWER.to_vec(),
            kid: None,
            issued: Some(self.issued),
            address: self.ip,
            uses: None,
            expires: Some(self.expires),
        };
        let vouchers = (&who, self.vouched_by.to_vec());
        let begun = sessions.begin(vouchers, None, None, (self.issued, entropy));
        begun.map(|it| it.cookie).map_err(|_| OurFault::TooLong)
    }
}

/// By which it can be revoked.
fn random_name(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    hex_of(&bytes)
}
