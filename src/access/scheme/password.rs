//! The scheme of packagers' passwords: the user finds the row, Argon2id decides.
//!
//! A row is remembered for five seconds, as an API key's is. That a password belongs to a verifier, or
//! does not, is remembered for a minute by a keyed digest of both: it stays true whatever becomes of
//! the row, which is asked for all the same, so a credential that was removed ends with its row.
//!
//! Must not know: how the store keeps rows, or what a verifier looks like.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::task::spawn_blocking;

use super::api_key::machine;
use super::turns::Turns;
use super::verified::{Standing, Verified};
use super::{Fault, PASSWORD};
use crate::access::api_key::ApiKey;
use crate::access::credential::{Asker, Place, Presented};
use crate::access::password;
use crate::crypto::{SecretText, hmac_sha256};
use crate::domain::{Entropy, Principal, SystemEntropy, Timestamp};
use crate::store::{CredentialRow, Store};

/// How long a row is taken as it was.
const FRESH: Duration = Duration::from_secs(5);
/// How long it is remembered whether a password is right.
const JUDGED: Duration = Duration::from_secs(60);
/// The most of each that is remembered.
const MOST: u64 = 10_000;

pub(super) struct Passwords {
    store: Store,
    rows: Cache<String, Lookup>,
    judged: Cache<[u8; 32], bool>,
    /// Under which passwords are remembered; no other process knows it.
    key: [u8; 32],
    turns: Turns,
}

/// What the store said of one user, and when.
#[derive(Clone)]
struct Lookup {
    at: Timestamp,
    found: Option<Found>,
}

#[derive(Clone)]
struct Found {
    verifier: Arc<str>,
    principal: Arc<Principal>,
}

impl Passwords {
    pub(super) fn new(store: Store) -> Self {
        let mut key = [0; 32];
        SystemEntropy.fill(&mut key);
        Self {
            store,
            rows: Cache::new(MOST),
            judged: Cache::builder()
                .max_capacity(MOST)
                .time_to_live(JUDGED)
                .build(),
            key,
            turns: Turns::new(),
        }
    }

    /// `None` for what is no user and password.
    pub(super) async fn verify(
        &self,
        presented: &Presented<'_>,
        now: Timestamp,
    ) -> Option<Result<Verified, Fault>> {
        let user = presented.user.as_ref()?.expose();
        let is_one = password::is_user(user);
        // A wrong API key is no password, and is not worth a hash.
        let is_key = ApiKey::is_meant(presented.text.expose());
        if !is_one || is_key || presented.place != Place::Header {
            return None;
        }
        // Boxed: viewers' requests, which are most, must not carry this future about.
        let shown = (user, presented.text.expose());
        Some(Box::pin(self.judge(shown, presented.from, now)).await)
    }

    /// A user that is unknown and a password that is wrong take the same steps.
    async fn judge(
        &self,
        (user, text): (&str, &str),
        from: Asker,
        now: Timestamp,
    ) -> Result<Verified, Fault> {
        let found = self.look_up(user, now).await?;
        let verifier = found.as_ref().map(|found| Arc::clone(&found.verifier));
        let is_right = self.is_right((user, text), from, verifier).await?;
        let found = found.filter(|_| is_right).ok_or(Fault::Password)?;
        Ok(Verified {
            principal: found.principal,
            not_before: None,
            standing: Standing::default(),
        })
    }

    async fn is_right(
        &self,
        (user, text): (&str, &str),
        from: Asker,
        verifier: Option<Arc<str>>,
    ) -> Result<bool, Fault> {
        let known = verifier.as_deref().unwrap_or_default();
        let digest = hmac_sha256(
            &self.key,
            &[
                user.as_bytes(),
                b"\0",
                known.as_bytes(),
                b"\0",
                text.as_bytes(),
            ],
        );
        let hashed = self.hashed(text, from, verifier);
        let judged = self.judged.try_get_with(digest, hashed).await;
        judged.map_err(|fault: Arc<Fault>| *fault)
    }

    /// Hashed where blocking is allowed, so many at once and no more.
    async fn hashed(
        &self,
        text: &str,
        from: Asker,
        verifier: Option<Arc<str>>,
    ) -> Result<bool, Fault> {
        let _turn = self.turns.take(from).await.ok_or(Fault::Busy)?;
        let text = SecretText::new(text.to_owned());
        let verify = move || password::verify(text.expose(), verifier.as_deref());
        spawn_blocking(verify).await.map_err(|_| Fault::Busy)
    }

    /// Concurrent questions for one user ask the store once. A failure is not remembered.
    async fn look_up(&self, user: &str, now: Timestamp) -> Result<Option<Found>, Fault> {
        if let Some(lookup) = self.rows.get(user).await.filter(|it| it.is_fresh(now)) {
            return Ok(lookup.found);
        }
        self.rows.invalidate(user).await;
        let asked = self.rows.try_get_with_by_ref(user, self.ask(user, now));
        let lookup = asked.await.map_err(|fault: Arc<Fault>| *fault)?;
        Ok(lookup.found)
    }

    async fn ask(&self, user: &str, now: Timestamp) -> Result<Lookup, Fault> {
        let row = self.store.credential_of_user(user).await.map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "cannot look up a packager's password");
            Fault::StoreAway
        })?;
        let found = row.and_then(Found::of);
        Ok(Lookup { at: now, found })
    }
}

impl Lookup {
    /// A clock that was set back makes it stale too.
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.at <= now && now.since(self.at) < FRESH
    }
}

impl Found {
    fn of(mut row: CredentialRow) -> Option<Self> {
        let verifier = row.password.take()?.verifier.into();
        let principal = machine(row, PASSWORD);
        Some(Self {
            verifier,
            principal: Arc::new(principal),
        })
    }
}
