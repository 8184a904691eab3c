//! Sessions: what a viewer's token is exchanged for, whole in themselves.
//!
//! All that a session may do stands in its signed text, so that no server has to remember it and a
//! pause of any length within its life changes nothing. Its fields are
//! `kind expires until begun issued scheme also subject id token address actions streams within`.
//! The *cookie* may be renewed; the *grant* of the same session stands in URLs and may not.
//!
//! Must not know: HTTP, or how the token was verified.

mod config;
mod cookie;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::fields::{Reader, Writer};
use super::ring::{Form, Ring, Unsigned};
use super::scheme::LongLived;
use crate::crypto::SecretText;
use crate::crypto::hex_of;
use crate::domain::{
    Action, Entropy, Principal, PrincipalKind, StreamId, StreamPattern, Timestamp,
};

use config::Lives;
pub use config::{SameSite, SessionsConfig, SessionsFault};
pub use cookie::Cookie;

/// Browsers keep cookies of up to 4,096 bytes, name and attributes included (RFC 6265 §6.1).
const FORM: Form = Form {
    purpose: b"hlskey session 1\0",
    version: 3,
    max_text: 3_800,
};

/// Whether a session's text may be exchanged for a longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cookie,
    Grant,
}

/// What a session's text says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Session {
    kind: Kind,
    expires: Timestamp,
    /// How far it may be renewed.
    until: Timestamp,
    begun: Timestamp,
    /// When the token behind it was issued, or else it was begun.
    issued: Timestamp,
    scheme: Arc<str>,
    also: Vec<Arc<str>>,
    subject: String,
    id: String,
    token: String,
    address: Option<IpAddr>,
    actions: Vec<Action>,
    streams: Vec<StreamPattern>,
    within: Vec<StreamPattern>,
}

/// A session, begun or renewed.
#[derive(Debug)]
pub struct Begun {
    /// Its name, which is no secret.
    pub id: String,
    /// For the cookie.
    pub cookie: SecretText,
    /// For URLs and for headers of apps: it opens the same, and cannot be renewed.
    pub grant: SecretText,
    /// When both end.
    pub expires: Timestamp,
    /// The long-lived token that an EdgeAuth token was exchanged for besides.
    pub hdntl: Option<LongLived>,
}

/// It has too many streams to fit into a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Begins, renews and reads sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    ring: Arc<Ring>,
    lives: Lives,
    cookie: Cookie,
}

impl Sessions {
    pub(super) fn new(config: &SessionsConfig, ring: Arc<Ring>) -> Result<Self, SessionsFault> {
        let lives = Lives::new(config)?;
        let cookie = Cookie::new(config);
        Ok(Self {
            ring,
            lives,
            cookie,
        })
    }

    /// How far the session of this text may be renewed: no text of it is good for longer.
    pub(super) fn until(&self, text: &str) -> Option<Timestamp> {
        self.open(text).ok().map(|session| session.until)
    }

    /// How long after it began one may be renewed at most.
    pub(super) fn longest(&self) -> Duration {
        self.lives.longest()
    }

    /// The attributes of its cookie.
    pub(super) fn cookie(&self) -> &Cookie {
        &self.cookie
    }

    /// A session of `who`, for whom the schemes `also` vouch too, bound to `address`; for one stream
    /// alone, or for all of the token's.
    pub(super) fn begin(
        &self,
        (who, also): (&Principal, Vec<Arc<str>>),
        stream: Option<&StreamId>,
        address: Option<IpAddr>,
        (now, entropy): (Timestamp, &dyn Entropy),
    ) -> Result<Begun, TooLong> {
        let until = self.lives.until(who.expires, now);
        let narrowed = stream.map(|stream| vec![StreamPattern::from(stream)]);
        self.text(Session {
            kind: Kind::Cookie,
            expires: self.lives.expires(until, now),
            until,
            begun: now,
            issued: who.issued.unwrap_or(now),
            scheme: Arc::clone(&who.scheme),
            also,
            subject: who.subject.clone(),
            id: random_id(entropy),
            token: who.token.clone(),
            address: who.address.or(address),
            actions: who.actions.clone(),
            within: who.within.clone(),
            streams: narrowed.unwrap_or_else(|| who.streams.clone()),
        })
    }

    /// The same session for as long again, within its bound. `None` if the text is no cookie's.
    pub(super) fn renew(&self, text: &str, now: Timestamp) -> Option<Result<Begun, TooLong>> {
        let session = self.open(text).ok()?;
        if session.kind != Kind::Cookie {
            return None;
        }
        let expires = self.lives.expires(session.until, now);
        Some(self.text(Session { expires, ..session }))
    }

    /// Who the text speaks for, if a key of the ring signed it. Whether it has ended is the
    /// caller's business.
    pub(super) fn principal(&self, text: &str) -> Result<Principal, Unsigned> {
        self.open(text).map(Principal::from)
    }

    fn open(&self, text: &str) -> Result<Session, Unsigned> {
        let fields = self.ring.open(&FORM, text)?;
        Session::read(&fields).ok_or(Unsigned::Form)
    }

    fn text(&self, session: Session) -> Result<Begun, TooLong> {
        let cookie = self.ring.sign(&FORM, &session.written());
        let grant = Session {
            kind: Kind::Grant,
            ..session
        };
        let (id, expires) = (grant.id.clone(), grant.expires);
        let grant = self.ring.sign(&FORM, &grant.written());
        let fits = cookie.expose().len() <= FORM.max_text;
        fits.then_some(Begun {
            id,
            cookie,
            grant,
            expires,
            hdntl: None,
        })
        .ok_or(TooLong)
    }
}

fn random_id(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    hex_of(&bytes)
}

impl From<Session> for Principal {
    fn from(session: Session) -> Self {
        Self {
            kind: match session.kind {
                Kind::Cookie => PrincipalKind::Session,
                Kind::Grant => PrincipalKind::SessionGrant,
            },
            scheme: session.scheme,
            also: session.also,
            subject: session.subject,
            session: session.id,
            token: session.token,
            streams: session.streams,
            within: session.within,
            actions: session.actions,
            kid: None,
            issued: Some(session.issued),
            address: session.address,
            uses: None,
            expires: Some(session.expires),
        }
    }
}

impl Session {
    /// Every field; `read` is its inverse.
    fn written(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(match self.kind {
            Kind::Cookie => 1,
            Kind::Grant => 2,
        });
        for time in [self.expires, self.until, self.begun, self.issued] {
            out.time(time);
        }
        out.text(&self.scheme);
        out.texts(self.also.iter().map(|name| &**name));
        for name in [&self.subject, &self.id, &self.token] {
            out.text(name);
        }
        out.address(self.address);
        out.texts(self.actions.iter().map(|action| action.as_str()));
        out.patterns(&self.streams);
        out.patterns(&self.within);
        out.0
    }

    fn read(fields: &[u8]) -> Option<Self> {
        let mut fields = Reader(fields);
        let kind = match fields.byte()? {
            1 => Kind::Cookie,
            2 => Kind::Grant,
            _ => return None,
        };
        let session = Self {
            kind,
            expires: fields.time()?,
            until: fields.time()?,
            begun: fields.time()?,
            issued: fields.time()?,
            scheme: fields.text()?.into(),
            also: fields.texts()?.into_iter().map(Arc::from).collect(),
            subject: fields.text()?.to_owned(),
            id: fields.text()?.to_owned(),
            token: fields.text()?.to_owned(),
            address: fields.address()?,
            actions: actions(&fields.texts()?)?,
            streams: fields.patterns()?,
            within: fields.patterns()?,
        };
        fields.rest()?.is_empty().then_some(session)
    }
}

/// A viewer's: a session never does a packager's work.
fn actions(names: &[&str]) -> Option<Vec<Action>> {
    let actions: Result<Vec<Action>, _> = names.iter().map(|name| name.parse()).collect();
    let mut actions = actions.ok()?;
    actions.retain(|action| Action::VIEWER.contains(action));
    Some(actions)
}

#[cfg(test)]
mod tests;
