//! Sessions at the gate: what a viewer's token is exchanged for, shown, renewed and ended.
//!
//! Must not know: HTTP, or what a session's text says.

use std::sync::Arc;

use super::{Gate, Seal};
use crate::access::credential::{Credential, Token};
use crate::access::entitlement::Entitled;
use crate::access::gate::caller::{Caller, Vouchers, request};
use crate::access::live::storable;
use crate::access::permit::{Act, Admitted, Permit, Play};
use crate::access::policy::{BindIp, Deciding, LimitKind, Policy};
use crate::access::revoke::{self, Revocation, RevokeError};
use crate::access::scheme::{LongLived, Renewed};
use crate::access::session::{Begun, Cookie};
use crate::domain::{Denied, Principal, PrincipalKind, Revoked, StreamId, Timestamp};
use crate::store::Maker;

/// A cookie holds so much and no more.
const TOO_MANY_STREAMS: Denied =
    Denied::NotAccepted("its streams are too many for a cookie: name one");

/// What signs a part of the request does so for one content.
const NAME_A_STREAM: Denied = Denied::NotAccepted("such a token is for one stream: name it");

/// What we wrote ourselves is never exchanged for anything wider.
const NOT_A_TOKEN: Denied = Denied::NotAccepted("a session begins with a viewer's own token");

impl Gate {
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
        let now = self.clock.now();
        let vouchers = match stream {
            Some(_) => self.vouchers(caller, shown, stream),
            None => Vouchers::none(NAME_A_STREAM),
        };
        let covers = |who: &Principal| stream.is_none_or(|stream| who.covers(stream));
        let is_own = |who: &Principal| who.kind == PrincipalKind::Viewer && who.kid.is_none();
        let mut good = self.good::<Play>(caller, &vouchers, covers)?;
        if good.is_empty() {
            return Err(Denied::WrongStream);
        }
        good.retain(|who| is_own(who));
        let Some(&first) = good.first() else {
            return Err(NOT_A_TOKEN);
        };
        // A token for one stream begins a session for that: its policy is asked now.
        let only = only_stream(first);
        let stream = stream.or(only.as_ref());
        let (deciding, also, terms) = match stream {
            None => (Deciding::alone(first), Vec::new(), None),
            Some(stream) => {
                let chosen = self.choose(caller, &good, (shown, stream)).await?;
                let (deciding, policy, entitled) = chosen;
                let also = deciding.all().map(|who| Arc::clone(&who.scheme)).collect();
                (deciding, also, Some((stream, policy, entitled)))
            }
        };
        let who = deciding.joined();
        // A session of many streams is bound by each stream's own policy, where it first watches it.
        let is_bound = |(_, policy, _): &(_, &Policy, _)| policy.binding() != BindIp::Off;
        let address = shown.ip.filter(|_| terms.as_ref().is_some_and(is_bound));
        let source = (now, &*self.entropy);
        let sessions = &self.ours.sessions;
        let begun = sessions.begin((&who, also), stream, address, source);
        let mut begun = begun.map_err(|_| TOO_MANY_STREAMS)?;
        let slot = match terms {
            Some((stream, policy, entitled)) => {
                let asked = (shown, stream);
                self.take_slot(&begun, (policy, entitled), asked).await?
            }
            None => None,
        };
        if let Err(denied) = self.spend(&deciding).await {
            self.give_back(slot).await;
            return Err(denied);
        }
        begun.hdntl = stream.and_then(|stream| self.long_lived(caller, &who, (shown, stream)));
        Ok(begun)
    }

    /// Where a viewer may have so many sessions and no more, the slot is taken when one begins: who
    /// could not watch is told so now, and has used nothing up.
    async fn take_slot(
        &self,
        begun: &Begun,
        (policy, entitled): (&Policy, Entitled),
        asked: (&Credential<'_>, &StreamId),
    ) -> Result<Option<Principal>, Denied> {
        let limit = policy.limit(entitled.max_sessions);
        let is_hard = limit.is_some_and(|limit| limit.kind == LimitKind::Hard);
        let who = self.principal_of(begun).filter(|_| is_hard);
        if let Some(who) = &who {
            self.watch(who, policy, entitled, asked).await?;
        }
        Ok(who)
    }

    /// Of a session that does not begin after all.
    async fn give_back(&self, slot: Option<Principal>) {
        let Some(who) = slot else { return };
        if let Err(denied) = self.live.end(&who).await {
            tracing::warn!(%denied, "a session that did not begin keeps its slot for its lease");
        }
    }

    /// The long-lived token that the short one behind a permit is exchanged for, where it is of an
    /// EdgeAuth instance that makes such.
    pub fn long_lived_of(
        &self,
        caller: &Caller,
        permit: &Permit<Play>,
        shown: &Credential<'_>,
    ) -> Option<LongLived> {
        self.long_lived(caller, permit.principal(), (shown, permit.stream()))
    }

    fn long_lived(
        &self,
        caller: &Caller,
        who: &Principal,
        (shown, stream): (&Credential<'_>, &StreamId),
    ) -> Option<LongLived> {
        let request = request(shown, Some(stream));
        let most = caller.rules.policies.of(stream).max_life();
        let terms = (self.clock.now(), most);
        caller.rules.schemes.exchange(&request, who, terms)
    }

    /// The Common Access Token that follows the one behind a permit, where that asks to be renewed.
    pub fn renewed<A: Act>(
        &self,
        caller: &Caller,
        permit: &Permit<A>,
        (shown, stream): (&Credential<'_>, &StreamId),
    ) -> Option<Renewed> {
        let who = permit.principal();
        let most = || caller.rules.policies.of(stream).max_life();
        let terms = (self.clock.now(), &most as _);
        let schemes = &caller.rules.schemes;
        schemes.renew(&request(shown, Some(stream)), who, terms)
    }

    /// The attributes of our cookies.
    pub fn cookie(&self) -> &Cookie {
        self.ours.sessions.cookie()
    }

    /// Whose a session is that was begun.
    pub fn principal_of(&self, begun: &Begun) -> Option<Principal> {
        self.ours.sessions.principal(begun.cookie.expose()).ok()
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
        let text = self.text_of(&session, shown);
        let renewed = text.and_then(|text| self.ours.sessions.renew(text.expose(), now));
        renewed.transpose().map_err(|_| TOO_MANY_STREAMS)
    }

    /// Ends the session for good, on every server, with the grants made of it. `false` if the request
    /// shows none that stands.
    ///
    /// Its slot is free in any case: whoever leaves has left, though a copy of its cookie stays good.
    pub async fn end_session(
        &self,
        caller: &Caller,
        shown: &Credential<'_>,
    ) -> Result<bool, RevokeError> {
        let session = self.session_of(caller);
        let text = session.as_ref().and_then(|one| self.text_of(one, shown));
        let until = text.and_then(|text| self.ours.sessions.until(text.expose()));
        let (Some(session), Some(until)) = (session, until) else {
            return Ok(false);
        };
        let ended = self.revoke_session(session.principal(), until).await;
        if let Err(denied) = self.live.end(session.principal()).await {
            tracing::warn!(%denied, "a session that was ended keeps its slot for its lease");
        }
        ended.map(|()| true)
    }

    /// No text of it is good for longer than `until`: a copy of the cookie may have been renewed up to
    /// then.
    async fn revoke_session(&self, who: &Principal, until: Timestamp) -> Result<(), RevokeError> {
        let revocation = Revocation {
            revoked: Revoked::Session(who.session.clone()),
            scheme: Some(who.scheme.to_string()),
            until: Some(until),
            note: "ended by its viewer".to_owned(),
        };
        let viewer = storable(&who.subject).into_owned();
        let maker = Maker::Viewer(viewer.clone());
        let (clock, entropy) = (&*self.clock, &*self.entropy);
        let store = self.revocations.store();
        let written = revoke::write(store, revocation, maker, clock, entropy);
        let id = self
            .refusals
            .heeded((&who.scheme, &viewer), written)
            .await?;
        Ok(self.revocations.add(&[&id]).await?)
    }

    /// What the request shows of its session.
    fn text_of<'a>(&self, session: &Admitted, shown: &Credential<'a>) -> Option<Token<'a>> {
        let is_its = |text: &str| {
            let who = self.ours.sessions.principal(text);
            who.is_ok_and(|who| who == *session.principal())
        };
        let mut texts = shown.presented().map(|presented| presented.text);
        texts.find(|text| is_its(text.expose()))
    }
}

/// The one stream that a token names.
fn only_stream(who: &Principal) -> Option<StreamId> {
    match who.streams.as_slice() {
        [one] => one.as_str().parse().ok(),
        _ => None,
    }
}
