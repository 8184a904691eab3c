//! Policies: what a stream asks of its viewers, besides a token that verifies.
//!
//! Must not know: how a token was verified, or what is then handed out.

mod config;
mod deciding;
mod page;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::config::AccessConfigError;
use super::credential::Credential;
use super::scheme::SchemesConfig;
use crate::domain::{Denied, Principal, PrincipalKind, StreamId, StreamPattern, Timestamp};
use page::Pages;

pub(super) use deciding::Deciding;

pub use config::{BindIp, LimitKind, PolicyConfig, PolicyFault};
pub use page::{Page, PageError};

/// Every policy, in the order of the configuration.
pub(super) struct Policies {
    listed: Vec<Policy>,
    /// Of streams that none is for.
    other: Policy,
}

/// What some streams ask.
#[derive(Debug, Default)]
pub(super) struct Policy {
    streams: Vec<StreamPattern>,
    accept: Vec<String>,
    require: Vec<String>,
    /// Whether the viewer need not be entitled.
    is_free: bool,
    max_sessions: Option<u32>,
    at_limit: AtLimit,
    bind: BindIp,
    pages: Pages,
    max_life: Option<Duration>,
}

/// What happens at a limit, whoever sets it.
#[derive(Debug, Clone, Copy)]
struct AtLimit {
    kind: LimitKind,
    grace: Duration,
}

impl Default for AtLimit {
    fn default() -> Self {
        Self {
            kind: LimitKind::default(),
            grace: *config::half_a_minute().0,
        }
    }
}

/// How many sessions one viewer may have at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionLimit {
    pub(super) max: u32,
    pub(super) kind: LimitKind,
    pub(super) grace: Duration,
}

impl Policies {
    pub(super) fn new(
        config: &[PolicyConfig],
        schemes: &SchemesConfig,
    ) -> Result<Self, AccessConfigError> {
        let read = |(at, config)| {
            let wrong = |fault| AccessConfigError::Policy { at, fault };
            Policy::new(config, schemes).map_err(wrong)
        };
        Ok(Self {
            listed: config
                .iter()
                .enumerate()
                .map(read)
                .collect::<Result<_, _>>()?,
            other: Policy::default(),
        })
    }

    /// Which of the listed ones is for `stream`.
    pub(super) fn place(&self, stream: &StreamId) -> Option<usize> {
        let mut listed = self.listed.iter();
        listed.position(|policy| policy.streams.iter().any(|p| p.matches(stream)))
    }

    /// The first that is for `stream`.
    pub(super) fn of(&self, stream: &StreamId) -> &Policy {
        let place = self.place(stream);
        place.map_or(&self.other, |at| &self.listed[at])
    }
}

impl Policy {
    fn new(config: &PolicyConfig, schemes: &SchemesConfig) -> Result<Self, PolicyFault> {
        check(config, schemes)?;
        let pages =
            |list: &[crate::api::Text<Page>]| list.iter().map(|page| page.0.clone()).collect();
        Ok(Self {
            streams: config.streams.iter().map(|text| text.0.clone()).collect(),
            accept: config.accept.clone(),
            require: config.require.clone(),
            is_free: !config.entitlement,
            max_sessions: config.max_sessions,
            at_limit: AtLimit {
                kind: config.limit,
                grace: *config.grace.0,
            },
            bind: config.bind_ip,
            pages: Pages {
                origins: pages(&config.origins),
                referers: pages(&config.referers),
                without: config.without_page,
            },
            max_life: config.max_life.as_ref().map(|life| *life.0),
        })
    }

    /// Of the good tokens for the stream, who decides.
    pub(super) fn choose<'p>(&self, good: &[&'p Arc<Principal>]) -> Result<Deciding<'p>, Denied> {
        if let Some(probe) = good.iter().find(|who| who.kind == PrincipalKind::Probe) {
            return Ok(Deciding::alone(probe));
        }
        if !self.require.is_empty() {
            return self.all_of(good);
        }
        let mut order = self.accept.iter();
        let found = order.find_map(|name| good.iter().find(|who| who.is_vouched_by(name)));
        let any = || good.first().filter(|_| self.accept.is_empty());
        let found = found.or_else(any).map(|who| Deciding::alone(who));
        found.ok_or(Denied::NotAccepted("none of its schemes vouches"))
    }

    /// A grant was written for somebody whom all vouched for.
    fn all_of<'p>(&self, good: &[&'p Arc<Principal>]) -> Result<Deciding<'p>, Denied> {
        let vouch = |name: &String| good.iter().find(|who| who.is_vouched_by(name)).copied();
        let granted = |who: &&&Arc<Principal>| {
            who.kind == PrincipalKind::Grant
                && self.require.iter().any(|name| who.is_vouched_by(name))
        };
        if let Some(grant) = good.iter().find(granted) {
            return Ok(Deciding::alone(grant));
        }
        let all: Option<Vec<_>> = self.require.iter().map(vouch).collect();
        let deciding = all.and_then(Deciding::together);
        deciding.ok_or(Denied::NotAccepted("not all of the required schemes vouch"))
    }

    /// Everything else that is asked of one request.
    pub(super) fn check(
        &self,
        who: &Principal,
        (shown, stream): (&Credential<'_>, &StreamId),
        now: Timestamp,
    ) -> Result<(), Denied> {
        if who.kind == PrincipalKind::Probe {
            return Ok(());
        }
        self.pages.check(shown).map_err(Denied::WrongPage)?;
        self.check_address(who, shown.ip)?;
        self.check_life(who, stream, now)
    }

    /// An address that stands in a credential was written there because a policy asked, or because
    /// the token is for it alone; how nearly it must be the same, the policy may say.
    fn check_address(&self, who: &Principal, ip: Option<IpAddr>) -> Result<(), Denied> {
        let Some(bound) = who.address else {
            return Ok(());
        };
        let near = match self.bind {
            BindIp::Off => BindIp::Exact,
            other => other,
        };
        let is_near = ip.is_some_and(|ip| near.is_near(bound, ip));
        is_near.then_some(()).ok_or(Denied::WrongAddress)
    }

    /// A grant's token was looked at when its playlist was fetched, and a session's when it was begun,
    /// if that was for this stream alone. Another session may be of a token that lives too long.
    fn check_life(&self, who: &Principal, stream: &StreamId, now: Timestamp) -> Result<(), Denied> {
        use PrincipalKind::{Grant, Session, SessionGrant};
        let Some(max) = self.max_life.filter(|_| who.kind != Grant) else {
            return Ok(());
        };
        if matches!(who.kind, Session | SessionGrant) {
            let is_of_it =
                matches!(who.streams.as_slice(), [one] if one.as_str() == stream.as_str());
            let why = "its session was not begun for this stream alone";
            return is_of_it.then_some(()).ok_or(Denied::NotAccepted(why));
        }
        let life = who.expires.map(|end| end.since(who.issued.unwrap_or(now)));
        let is_short = life.is_some_and(|life| life <= max);
        is_short
            .then_some(())
            .ok_or(Denied::NotAccepted("its token lives too long"))
    }

    /// Whether the viewer must be entitled.
    pub(super) fn asks_entitlement(&self) -> bool {
        !self.is_free
    }

    /// The limit of sessions, if there is one: of the policy's and what the entitlement says, the
    /// smaller.
    pub(super) fn limit(&self, entitled: Option<u32>) -> Option<SessionLimit> {
        let max = [self.max_sessions, entitled].into_iter().flatten().min()?;
        let AtLimit { kind, grace } = self.at_limit;
        Some(SessionLimit { max, kind, grace })
    }

    /// The longest life of a token, if there is one.
    pub(super) fn max_life(&self) -> Option<Duration> {
        self.max_life
    }

    /// How sessions are bound to addresses.
    pub(super) fn binding(&self) -> BindIp {
        self.bind
    }
}

impl BindIp {
    /// Whether `ip` counts as the address `bound`. Where nothing is bound any more, so it does.
    pub(super) fn is_near(self, bound: IpAddr, ip: IpAddr) -> bool {
        match self {
            Self::Off => true,
            Self::Exact => bound.to_canonical() == ip.to_canonical(),
            Self::Network => network(bound) == network(ip),
        }
    }
}

/// The /24 or /48.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [a, b, c, 0].into()
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            [a, b, c, 0, 0, 0, 0, 0].into()
        }
    }
}

fn check(config: &PolicyConfig, schemes: &SchemesConfig) -> Result<(), PolicyFault> {
    if config.streams.is_empty() {
        return Err(PolicyFault::NoStreams);
    }
    if !config.accept.is_empty() && !config.require.is_empty() {
        return Err(PolicyFault::AcceptAndRequire);
    }
    let mut named = config.accept.iter().chain(&config.require);
    if let Some(unknown) = named.find(|name| !schemes.has(name)) {
        return Err(PolicyFault::Unknown(unknown.clone()));
    }
    if let Some(page) = config.origins.iter().find(|page| !page.0.is_origin()) {
        return Err(PageError::of(&page.0).into());
    }
    match config.max_sessions {
        Some(0) => Err(PolicyFault::NoSession),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
