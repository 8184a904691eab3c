//! What viewers ask of the gate: a key, a playlist; in `sessions`, a session.
//!
//! Must not know: HTTP, or a content key.

mod sessions;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::caller::{Caller, Vouchers, vouchers};
use super::{Gate, Seal};
use crate::access::credential::Credential;
use crate::access::entitlement::{Entitled, Question};
use crate::access::grant::end_of;
use crate::access::live::{Facts, SessionRules};
use crate::access::permit::{Act, Deliver, Permit, Play, Seek, Viewing};
use crate::access::policy::{BindIp, Deciding, Policy};
use crate::domain::{Denied, KeyFacts, Principal, PrincipalKind, StreamId, Timestamp};

/// How long the grants of a credential without an end last at least. Their text changes as often.
const ENDLESS_GRANT: Duration = Duration::from_secs(24 * 3600);

/// The most viewers of one request whose right to watch is asked for: each may be a question to a
/// service of somebody else's.
const MOST_QUESTIONS: usize = 3;

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
        let asked = (shown, &key.stream);
        let (deciding, policy, entitled) = self.choose(caller, &good, asked).await?;
        let who = deciding.joined();
        if !key.state.is_delivered() {
            return Err(Denied::KeyGone);
        }
        self.watch(&who, policy, entitled, (shown, &key.stream))
            .await?;
        self.spend(&deciding).await?;
        Ok(Permit::new(Seal(()), who, key.clone()))
    }

    /// Leave to look for a key of the stream, of which nothing is known yet; `stream` is `None` if none has the
    /// name asked for. Decides what [`Self::deliver`] does but for the key itself, which it is asked about then:
    /// nothing is counted, and what is for one key alone finds no other.
    pub async fn seek(
        &self,
        caller: &Caller,
        shown: &Credential<'_>,
        stream: Option<&StreamId>,
    ) -> Result<Permit<Seek>, Denied> {
        let vouchers = self.vouchers(caller, shown, stream);
        let covers = |who: &Principal| {
            let covers = stream.is_some_and(|stream| who.covers(stream));
            covers && who.kid.is_none()
        };
        let good = self.good::<Seek>(caller, &vouchers, covers)?;
        let stream = stream.filter(|_| !good.is_empty());
        let stream = stream.ok_or(Denied::UnknownKey)?;
        let (deciding, ..) = self.choose(caller, &good, (shown, stream)).await?;
        Ok(Permit::new(Seal(()), deciding.joined(), stream.clone()))
    }

    /// Leave to hand out a stream's playlists, with grants in them.
    pub async fn play(
        &self,
        caller: &Caller,
        shown: &Credential<'_>,
        stream: &StreamId,
    ) -> Result<Permit<Play>, Denied> {
        let now = self.clock.now();
        let vouchers = self.vouchers(caller, shown, Some(stream));
        let (deciding, policy, entitled) = self.players(caller, &vouchers, (shown, stream)).await?;
        let who = deciding.joined();
        self.watch(&who, policy, entitled, (shown, stream)).await?;
        self.spend(&deciding).await?;
        let is_bound = policy.binding() != BindIp::Off;
        let viewing = Viewing {
            stream: stream.clone(),
            grants_end: grants_end(&who, now),
            bound_to: who.address.or(shown.ip.filter(|_| is_bound)),
        };
        Ok(Permit::new(Seal(()), who, viewing))
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
        let players = self.players(caller, &vouchers, (shown, stream)).await;
        players.map(drop)
    }

    /// Who may see a stream's playlists, and on which terms.
    async fn players<'a>(
        &self,
        caller: &'a Caller,
        vouchers: &'a Vouchers,
        (shown, stream): (&Credential<'_>, &StreamId),
    ) -> Result<(Deciding<'a>, &'a Policy, Entitled), Denied> {
        let good = self.good::<Play>(caller, vouchers, |who| who.covers(stream))?;
        if good.is_empty() {
            return Err(Denied::WrongStream);
        }
        self.choose(caller, &good, (shown, stream)).await
    }

    /// Of the good tokens, those that the stream's policy takes, of somebody who is entitled; and that
    /// policy. One that was made for another address, lives too long, or has no use left, makes room for
    /// the next, and a viewer who is not entitled for another. Whether a use is taken meanwhile is seen
    /// when it is.
    async fn choose<'a>(
        &self,
        caller: &'a Caller,
        good: &[&'a Arc<Principal>],
        asked: (&Credential<'_>, &StreamId),
    ) -> Result<(Deciding<'a>, &'a Policy, Entitled), Denied> {
        let policy = caller.rules.policies.of(asked.1);
        let (mut left, mut refusal) = (Cow::Borrowed(good), None);
        let mut questions = 0;
        loop {
            let deciding = policy.choose(&left);
            let deciding = deciding.map_err(|denied| refusal.clone().unwrap_or(denied))?;
            if let Some((who, denied)) = self.unusable(&deciding, policy, asked).await? {
                left.to_mut().retain(|other| !Arc::ptr_eq(other, who));
                refusal.get_or_insert(denied);
                continue;
            }
            let who = deciding.joined();
            questions += 1;
            match self.entitled(&who, policy, asked.1, asked.0.ip).await {
                Ok(entitled) => return Ok((deciding, policy, entitled)),
                Err(denied @ Denied::NotEntitled) if questions < MOST_QUESTIONS => {
                    left.to_mut().retain(|other| other.subject != who.subject);
                    refusal.get_or_insert(denied);
                }
                Err(denied) => return Err(denied),
            }
        }
    }

    /// The first of them that may not be used here and now, though it is good elsewhere. What else the
    /// policy asks for in vain is an error.
    async fn unusable<'a>(
        &self,
        deciding: &Deciding<'a>,
        policy: &Policy,
        asked: (&Credential<'_>, &StreamId),
    ) -> Result<Option<(&'a Arc<Principal>, Denied)>, Denied> {
        for who in deciding.all() {
            match policy.check(who, asked, self.clock.now()) {
                Err(denied @ (Denied::WrongAddress | Denied::NotAccepted(_))) => {
                    return Ok(Some((who, denied)));
                }
                checked => checked?,
            }
            if let Err(denied) = self.uses.check(who).await {
                return Ok(Some((who, denied)));
            }
        }
        Ok(None)
    }

    /// Takes a use of each that has only a few. Comes last, so that nothing is lost by who is refused.
    async fn spend(&self, deciding: &Deciding<'_>) -> Result<(), Denied> {
        for who in deciding.all() {
            self.uses.spend(who).await?;
        }
        Ok(())
    }

    /// Notes that somebody watches, if its session may; a slot is taken late, so that nobody who is
    /// refused otherwise takes another's.
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
        self.live.admit(who, &facts, rules).await
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

/// A grant ends with the credential behind it.
fn grants_end(who: &Principal, now: Timestamp) -> Timestamp {
    let endless = || end_of(ENDLESS_GRANT, now).plus(ENDLESS_GRANT);
    who.expires.unwrap_or_else(endless)
}
