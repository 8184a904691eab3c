//! The keys of an issuer's server: kept at hand, fetched anew before they are old and, seldom, for
//! a token that names one that is not among them.
//!
//! Reading takes no lock and does no I/O. While the server is away the last good set goes on for a
//! time. Must not know: claims.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jsonwebtoken::AlgorithmFamily;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::Refusal;
use super::algorithm::Algorithm;
use super::header::Header;
use super::key_set::{Signed, VerifyingKey, signer};
use super::source::{Fetched, Source};
use crate::access::scheme::Fault;
use crate::domain::{Clock, Timestamp};
use crate::outbound::Client;

/// How long after a good answer nobody asks again: many tokens may name one new key.
const REST: Duration = Duration::from_secs(1);
/// How often tokens that name an unknown key may have it asked for: so many times at once, and once
/// more in each of the spans. Strangers can make up names.
const SPARE: u32 = 4;
const SPARE_SPAN: Duration = Duration::from_secs(30);
/// How long after a bad answer nobody asks again; it doubles with each up to the second.
const LEAST_RETRY: Duration = Duration::from_secs(5);
const MOST_RETRY: Duration = Duration::from_secs(15);
/// A clock that goes back by so much was set, and says nothing of the last attempt.
const SET_BACK: Duration = Duration::from_secs(60);
/// The longest sleep between two looks at the clock.
const MOST_SLEEP: Duration = Duration::from_secs(60);

/// One issuer's keys.
pub(super) struct IssuerKeys {
    /// The instance, for the log.
    scheme: Arc<str>,
    source: Source,
    client: Client,
    accepted: Vec<Algorithm>,
    /// How long a set is good that cannot be fetched anew.
    stale: Duration,
    present: ArcSwapOption<Present>,
    /// Whether the last attempt gave none.
    is_failing: AtomicBool,
    asking: Arc<Mutex<Asking>>,
}

/// A set that came.
struct Present {
    keys: Vec<Arc<VerifyingKey>>,
    at: Timestamp,
}

/// Held by whoever asks.
#[derive(Default)]
struct Asking {
    last: Option<Attempt>,
    spent: Spent,
}

/// What tokens had asked for lately: so much of [`SPARE`], not yet made good since then.
#[derive(Default)]
struct Spent(u32, Option<Timestamp>);

/// When it was asked for last.
#[derive(Clone, Copy)]
struct Attempt {
    at: Timestamp,
    outcome: Outcome,
}

#[derive(Clone, Copy)]
enum Outcome {
    /// A set, fresh for so long.
    Good(Duration),
    /// None, so many times in a row.
    Bad(u32),
}

impl IssuerKeys {
    pub(super) fn new(
        scheme: &str,
        source: Source,
        client: Client,
        accepted: &[Algorithm],
        stale: Duration,
    ) -> Self {
        Self {
            scheme: scheme.into(),
            source,
            client,
            accepted: accepted.to_vec(),
            stale,
            present: ArcSwapOption::empty(),
            is_failing: AtomicBool::new(true),
            asking: Arc::default(),
        }
    }

    /// Goes on with the last good set of `old`, for its time, where both ask the same of the same:
    /// what one would have taken, the other would. The keys are copied, so that one that goes from
    /// here goes, whoever still reads the old set.
    pub(super) fn inherit(&self, old: &Self) {
        if self.asks_as(old) {
            let set = old.present.load();
            self.present
                .store(set.as_ref().map(|set| Arc::new(set.copied())));
        }
    }

    /// The key that made the signature. A refusal is open where a newer set might have it.
    pub(super) fn signer(
        &self,
        header: &Header,
        signed: Signed<'_>,
        now: Timestamp,
    ) -> Result<Arc<VerifyingKey>, Refusal> {
        if !self.accepts(header.algorithm) {
            return Err(Fault::Algorithm.into());
        }
        let present = self.present.load();
        let good = present.as_ref().filter(|set| self.is_good(set, now));
        let Some(set) = good else {
            return Err(Refusal::open(Fault::UnknownKey));
        };
        signer(set.keys.iter(), header, signed)
            .cloned()
            .map_err(|fault| Refusal {
                fault,
                is_open: !set.has(header.kid.as_deref()),
            })
    }

    /// Whether what is at hand is what the issuer served when it was asked last.
    pub(super) fn is_current(&self, now: Timestamp) -> bool {
        let present = self.present.load();
        let is_good = present.as_ref().is_some_and(|set| self.is_good(set, now));
        is_good && !self.is_failing.load(Ordering::Acquire)
    }

    /// Whether its keys may sign for `issuer`.
    pub(super) fn may_be_of(&self, issuer: Option<&str>) -> bool {
        self.source.may_be_of(issuer)
    }

    /// Asks for the keys anew for a token that names none of them, unless that was done lately.
    /// Whoever comes meanwhile waits for the same answer.
    pub(super) async fn renew(self: &Arc<Self>, now: Timestamp) {
        let mut asking = Arc::clone(&self.asking).lock_owned().await;
        let is_soon = asking.last.is_some_and(|attempt| attempt.holds(now));
        let is_good = asking.last.is_some_and(Attempt::is_good);
        if !is_soon && (!is_good || asking.spent.spend(now)) {
            self.ask(asking, now).await;
        }
    }

    /// Fetches the keys before they are old, for ever, and forgets them when they are too old.
    pub(super) async fn keep(self: &Arc<Self>, clock: &dyn Clock) -> Infallible {
        loop {
            let now = clock.now();
            let asking = Arc::clone(&self.asking).lock_owned().await;
            if asking.last.is_none_or(|attempt| attempt.is_due(now)) {
                self.ask(asking, now).await;
            }
            self.forget(now);
            let last = self.asking.lock().await.last;
            let rest = last.map_or(LEAST_RETRY, |attempt| attempt.remaining(clock.now()));
            tokio::time::sleep(rest).await;
        }
    }

    /// In a task of its own: a viewer who goes away must not end what others wait for.
    async fn ask(self: &Arc<Self>, mut asking: OwnedMutexGuard<Asking>, now: Timestamp) {
        let keys = Arc::clone(self);
        let task = async move { asking.last = Some(keys.attempt(asking.last, now).await) };
        let _ = tokio::spawn(task).await;
    }

    fn asks_as(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.source == other.source
            && self.accepted == other.accepted
            && self.stale == other.stale
            && self.client.believes_as(&other.client)
    }

    async fn attempt(&self, last: Option<Attempt>, now: Timestamp) -> Attempt {
        let outcome = match self.source.fetch(&self.client, &self.accepted).await {
            Ok(Fetched { keys, fresh }) => {
                self.take(keys, now);
                Outcome::Good(fresh)
            }
            Err(fault) => {
                let failures = match last.map(|attempt| attempt.outcome) {
                    Some(Outcome::Bad(failures)) => failures.saturating_add(1),
                    _ => 1,
                };
                let scheme = &*self.scheme;
                tracing::warn!(scheme, failures, error = %fault, "cannot fetch an issuer's keys");
                Outcome::Bad(failures)
            }
        };
        let is_failing = matches!(outcome, Outcome::Bad(_));
        self.is_failing.store(is_failing, Ordering::Release);
        Attempt { at: now, outcome }
    }

    /// A key that the issuer still serves stays the same one, and so do the verifications by it.
    fn take(&self, keys: Vec<Arc<VerifyingKey>>, at: Timestamp) {
        let old = self.present.load_full();
        let known = old.as_ref().map_or(&[][..], |set| &set.keys);
        let same = |key: Arc<VerifyingKey>| {
            let found = known.iter().find(|known| known.is_same(&key));
            found.map_or(key.clone(), Arc::clone)
        };
        let keys: Vec<_> = keys.into_iter().map(same).collect();
        let is_kept = |key: &Arc<VerifyingKey>| keys.iter().any(|kept| Arc::ptr_eq(kept, key));
        if keys.len() != known.len() || !known.iter().all(is_kept) {
            let (scheme, keys) = (&*self.scheme, keys.len());
            tracing::info!(scheme, keys, "an issuer's keys have changed");
        }
        self.present.store(Some(Arc::new(Present { keys, at })));
    }

    /// What a set too old verified is verified no longer, also where it is remembered.
    fn forget(&self, now: Timestamp) {
        let present = self.present.load();
        if present.as_ref().is_some_and(|set| !self.is_good(set, now)) {
            self.present.store(None);
        }
    }

    fn is_good(&self, set: &Present, now: Timestamp) -> bool {
        now.since(set.at) < self.stale
    }

    /// A shared secret is never served, so none verifies here.
    fn accepts(&self, algorithm: Algorithm) -> bool {
        let is_public = algorithm.family() != AlgorithmFamily::Hmac;
        is_public && (self.accepted.is_empty() || self.accepted.contains(&algorithm))
    }
}

impl Present {
    fn copied(&self) -> Self {
        let keys = self.keys.iter().map(|key| Arc::new((**key).clone()));
        Self {
            keys: keys.collect(),
            at: self.at,
        }
    }

    fn has(&self, kid: Option<&str>) -> bool {
        kid.is_some() && self.keys.iter().any(|key| key.kid.as_deref() == kid)
    }
}

impl Attempt {
    fn is_good(self) -> bool {
        matches!(self.outcome, Outcome::Good(_))
    }

    /// Whether it is too soon for another one.
    fn holds(self, now: Timestamp) -> bool {
        let rest = match self.outcome {
            Outcome::Good(_) => REST,
            Outcome::Bad(_) => self.rest(),
        };
        now.since(self.at) < rest && !self.is_set_back(now)
    }

    /// Whether the next one is due by itself.
    fn is_due(self, now: Timestamp) -> bool {
        now.since(self.at) >= self.rest() || self.is_set_back(now)
    }

    /// How long until it is; a look now and then finds a clock that was set.
    fn remaining(self, now: Timestamp) -> Duration {
        let remaining = self.rest().saturating_sub(now.since(self.at));
        remaining.clamp(REST, MOST_SLEEP)
    }

    /// How long it is good for: the next one comes in time before the set is old.
    fn rest(self) -> Duration {
        match self.outcome {
            Outcome::Good(fresh) => fresh * 4 / 5,
            Outcome::Bad(failures) => {
                let doubled = LEAST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(10));
                doubled.min(MOST_RETRY)
            }
        }
    }

    fn is_set_back(self, now: Timestamp) -> bool {
        self.at.since(now) >= SET_BACK
    }
}

impl Spent {
    /// Spends one more if there is one.
    fn spend(&mut self, now: Timestamp) -> bool {
        let since = self.1.filter(|since| since.since(now) < SET_BACK);
        let elapsed = since.map_or(Duration::MAX, |since| now.since(since));
        let made_good = elapsed.as_secs() / SPARE_SPAN.as_secs();
        let made_good = u32::try_from(made_good).unwrap_or(u32::MAX);
        self.0 = self.0.saturating_sub(made_good);
        // What is left of a span counts on.
        let whole = SPARE_SPAN.saturating_mul(made_good);
        self.1 = match since {
            Some(since) if self.0 > 0 => Some(since.plus(whole)),
            _ => Some(now),
        };
        let is_left = self.0 < SPARE;
        self.0 += u32::from(is_left);
        is_left
    }
}

#[cfg(test)]
mod tests;
