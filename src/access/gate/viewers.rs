//! What viewers ask of the gate: a key, a playlist, a session.
//!
//! Must not know: HTTP, or a content key.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::caller::{Caller, Vouchers, request, vouchers};
use super::{Gate, Seal};
use crate::access::credential::Credential;
use crate::access::entitlement::{Entitled, Question};
use crate::access::grant::end_of;
use crate::access::live::{Facts, SessionRules};
use crate::access::permit::{Act, Admitted, Deliver, Permit, Play, Viewing};
use crate::access::policy::{BindIp, Policy};
use crate::access::revoke::{self, Revocation, RevokeError};
use crate::access::scheme::LongLived;
use crate::access::session::{Begun, Cookie};
use crate::domain::{Denied, KeyFacts, Principal, PrincipalKind, Revoked, StreamId, Timestamp};
use crate::store::ITS_VIEWER;

/// How long the grants of a credential without an end last at least. Their text changes as often.
const ENDLESS_GRANT: Duration = Duration::from_secs(24 * 3600);

/// A cookie holds so much and no more.
const TOO_MANY_STREAMS: Denied =
    Denied::NotAccepted("its streams are too many for a cookie: name one");

/// What we wrote ourselves is never exchanged for anything wider.
const NOT_A_TOKEN: Denied = Denied::NotAccepted("a session begins with a viewer's own token");

impl Gate {
    /// Leave to hand out a key; `key` is `None` if no key has the kid asked for.
    ///
    /// The action is decided first, whether or not the kid exists; an unknown and a foreign kid
    /// get the same [`Denied::UnknownKey`]; then the stream's policy and the entitlement;
    /// [`Denied::KeyGone`] comes last, but for the uses of a token that has a few only.
    pub async fn deliver(
        &self,
        caller: &Caller,
        shown: &Credential<'_>,
        key: Option<&KeyFacts>,
    ) -> Result<Permit<Deliver>, Denied> {
        let stream = key.map(|key| &key.stream);
        let opens = |who: &Principal| key.is_some_and(|key| opens(who, key));
        let vouchers = self.vouchers(caller, shown, stream);
        let good = self.good::<Deliver>(caller, &vouchers, opens)?;
        let key = key.filter(|_| !good.is_empty()).ok_or(Denied::UnknownKey)?;
        let (who, policy) = self.decide(caller, &good, (shown, &key.stream))?;
        let entitled = self.entitled(who, policy, &key.stream, shown.ip).await?;
        if !key.state.is_delivered() {
            return Err(Denied::KeyGone);
        }
        self.watch(who, policy, entitled, (shown, &key.stream))
            .await?;
        Ok(Permit::new(Seal(()), Arc::clone(who), key.clone()))
    }

    /// Leave to hand out a stream's playlists, with grants in them.
    pub async fn play(
        &self,
        caller: &Caller,
        shown: &Credential<'_>,
        stream: &StreamId,
    ) -> Result<Permit<Play>, Denied> {
        let vouchers = self.vouchers(caller, shown, Some(stream));
        let now = self.clock.now();
        let good = self.good::<Play>(caller, &vouchers, |who| who.covers(stream))?;
        if good.is_empty() {
            return Err(Denied::WrongStream);
        }
        let (who, policy) = self.decide(caller, &good, (shown, stream))?;
        let entitled = self.entitled(who, policy, stream, shown.ip).await?;
        self.watch(who, policy, entitled, (shown, stream)).await?;
        let is_bound = policy.binding() != BindIp::Off;
        let viewing = Viewing {
            stream: stream.clone(),
            grants_end: grants_end(who, now),
            bound_to: who.address.or(shown.ip.filter(|_| is_bound)),
        };
        Ok(Permit::new(Seal(()), Arc::clone(who), viewing))
    }

    /// Whether a stream's playlists would be handed out, if there were such a stream: nothing is
    /// counted or noted of one that is not there.
    pub async fn would_play(
        &self,
        caller: &Caller,
        shown: &Credential<'_>,
        stream: &StreamId,
    ) -> Result<(), Denied> {
        let vouchers = self.vouchers(caller, shown, Some(stream));
        let good = self.good::<Play>(caller, &vouchers, |who| who.covers(stream))?;
        if good.is_empty() {
            return Err(Denied::WrongStream);
        }
        let (who, policy) = self.decide(caller, &good, (shown, stream))?;
        self.entitled(who, policy, stream, shown.ip).await.map(drop)
    }

    /// Exchanges a viewer's token for a session: of one stream alone, which a scheme that signs parts
    /// of the request needs, or of all that the token opens.
    ///
    /// What we wrote ourselves is not exchanged: neither a grant nor a session begins another.
    pub async fn begin_session(
        &self,
        caller: &Caller,
        shown: &Credential<'_>,
        stream: Option<&StreamId>,
    ) -> Result<Begun, Denied> {
        let (now, vouchers) = (self.clock.now(), self.vouchers(caller, shown, stream));
        let covers = |who: &Principal| stream.is_none_or(|stream| who.covers(stream));
        let is_own = |who: &Principal| who.kind == PrincipalKind::Viewer && who.kid.is_none();
        let mut good = self.good::<Play>(caller, &vouchers, covers)?;
        good.retain(|who| is_own(who));
        let Some(&first) = good.first() else {
            return Err(NOT_A_TOKEN);
        };
        // A token for one stream begins a session for that: its policy is asked now.
        let only = only_stream(first);
        let stream = stream.or(only.as_ref());
        let (who, also) = match stream {
            None => (first, Vec::new()),
            Some(stream) => {
                let (who, policy) = self.decide(caller, &good, (shown, stream))?;
                self.entitled(who, policy, stream, shown.ip).await?;
                (
                    who,
                    good.iter().map(|who| Arc::clone(&who.scheme)).collect(),
                )
            }
        };
        self.uses.spend(who).await?;
        let address = shown.ip.filter(|_| caller.rules.policies.bind_any());
        let source = (now, &*self.entropy);
        let begun = self
            .ours
            .sessions
            .begin((who, also), stream, address, source);
        let mut begun = begun.map_err(|_| TOO_MANY_STREAMS)?;
        begun.hdntl = stream.and_then(|stream| self.long_lived(who, (shown, stream)));
        Ok(begun)
    }

    /// The long-lived token that the short one behind a permit is exchanged for, where it is of an
    /// EdgeAuth instance that makes such.
    pub fn long_lived_of(
        &self,
        permit: &Permit<Play>,
        shown: &Credential<'_>,
    ) -> Option<LongLived> {
        self.long_lived(permit.principal(), (shown, permit.stream()))
    }

    fn long_lived(
        &self,
        who: &Principal,
        (shown, stream): (&Credential<'_>, &StreamId),
    ) -> Option<LongLived> {
        let request = request(shown, Some(stream));
        let rules = self.rules.get();
        let most = rules.policies.of(stream).max_life();
        let terms = (self.clock.now(), most);
        rules.schemes.exchange(&request, who, terms)
    }

    /// The attributes of our cookies.
    pub fn cookie(&self) -> &Cookie {
        self.ours.sessions.cookie()
    }

    /// The session that the request belongs to, by its cookie; `None` if it shows none that stands.
    pub fn session_of(&self, caller: &Caller) -> Option<Admitted> {
        let is_session = |who: &&Arc<Principal>| who.kind == PrincipalKind::Session;
        let mut sessions = caller.tokens.iter().filter(is_session);
        let found = sessions.find(|who| self.able::<Play>(who).is_ok())?;
        Some(Admitted::new(Seal(()), Arc::clone(found)))
    }

    /// The request's session for as long again. `None` if it has none that may be renewed.
    pub async fn renew_session(
        &self,
        caller: &Caller,
        shown: &Credential<'_>,
    ) -> Result<Option<Begun>, Denied> {
        let Some(session) = self.session_of(caller) else {
            return Ok(None);
        };
        let now = self.clock.now();
        let is_its = |text: &str| {
            let who = self.ours.sessions.principal(text);
            who.is_ok_and(|who| who == *session.principal())
        };
        let mut texts = shown.presented();
        let text = texts.find(|token| is_its(token.text.expose()));
        let renewed = text.and_then(|token| self.ours.sessions.renew(token.text.expose(), now));
        renewed.transpose().map_err(|_| TOO_MANY_STREAMS)
    }

    /// Ends the session for good, on every server, with the grants made of it.
    pub async fn end_session(&self, session: &Admitted) -> Result<(), RevokeError> {
        let (who, now) = (session.principal(), self.clock.now());
        let revocation = Revocation {
            revoked: Revoked::Session(who.session.clone()),
            scheme: Some(who.scheme.to_string()),
            until: Some(self.ours.sessions.latest_end(now)),
            note: "ended by its viewer".to_owned(),
        };
        let (clock, entropy) = (&*self.clock, &*self.entropy);
        let store = self.revocations.store();
        revoke::write(store, revocation, ITS_VIEWER, clock, entropy).await?;
        self.revocations.read().await?;
        if let Err(denied) = self.live.end(&who.scheme, &who.session).await {
            tracing::warn!(%denied, "the session has ended, and keeps its slot for its lease");
        }
        Ok(())
    }

    /// Of the good tokens, the one that the stream's policy takes, and that policy.
    fn decide<'a>(
        &self,
        caller: &'a Caller,
        good: &[&'a Arc<Principal>],
        (shown, stream): (&Credential<'_>, &StreamId),
    ) -> Result<(&'a Arc<Principal>, &'a Policy), Denied> {
        let policy = caller.rules.policies.of(stream);
        let who = policy.choose(good)?;
        policy.check(who, (shown, stream), self.clock.now())?;
        Ok((who, policy))
    }

    /// Notes that somebody watches, if its session and its token's uses allow; a slot and a use are
    /// taken last, so that nobody who is refused otherwise takes another's.
    async fn watch(
        &self,
        who: &Principal,
        policy: &Policy,
        entitled: Entitled,
        (shown, stream): (&Credential<'_>, &StreamId),
    ) -> Result<(), Denied> {
        let facts = Facts {
            stream,
            ip: shown.ip,
            headers: shown.headers,
        };
        let rules = SessionRules {
            limit: policy.limit(entitled.max_sessions),
            // What names an address itself was checked already.
            bind: match who.address {
                Some(_) => BindIp::Off,
                None => policy.binding(),
            },
        };
        self.uses.check(who).await?;
        self.live.admit(who, &facts, rules).await?;
        self.uses.spend(who).await
    }

    /// Everybody who vouches for what is asked, and still may; empty if it is for something else.
    fn good<'a, A: Act>(
        &self,
        caller: &'a Caller,
        vouchers: &'a Vouchers,
        opens: impl Fn(&Principal) -> bool,
    ) -> Result<Vec<&'a Arc<Principal>>, Denied> {
        let (mut good, mut refusal) = (None, None);
        for who in caller.tokens.iter().chain(&vouchers.signed) {
            match self.able::<A>(who) {
                Ok(()) => good
                    .get_or_insert_with(Vec::new)
                    .extend(opens(who).then_some(who)),
                Err(denied) => refusal = refusal.or(Some(denied)),
            }
        }
        good.ok_or_else(|| refusal.unwrap_or_else(|| caller.unverified(vouchers)))
    }

    fn vouchers(
        &self,
        caller: &Caller,
        shown: &Credential<'_>,
        stream: Option<&StreamId>,
    ) -> Vouchers {
        vouchers(&caller.rules, shown, stream, self.clock.now())
    }

    /// A probe speaks for no viewer; everybody else needs the right to watch, unless the policy asks
    /// for none.
    async fn entitled(
        &self,
        who: &Principal,
        policy: &Policy,
        stream: &StreamId,
        ip: Option<IpAddr>,
    ) -> Result<Entitled, Denied> {
        if who.kind == PrincipalKind::Probe || !policy.asks_entitlement() {
            return Ok(Entitled::default());
        }
        let question = Question::of(who, stream, ip);
        self.entitlement.check(&question).await
    }
}

pub(super) fn opens(who: &Principal, key: &KeyFacts) -> bool {
    who.covers(&key.stream) && who.kid.is_none_or(|kid| kid == key.kid)
}

/// The one stream that a token names.
fn only_stream(who: &Principal) -> Option<StreamId> {
    match who.streams.as_slice() {
        [one] => one.as_str().parse().ok(),
        _ => None,
    }
}

/// A grant ends with the credential behind it.
fn grants_end(who: &Principal, now: Timestamp) -> Timestamp {
    let endless = || end_of(ENDLESS_GRANT, now).plus(ENDLESS_GRANT);
    who.expires.unwrap_or_else(endless)
}
