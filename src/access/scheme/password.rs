//! The scheme of packagers' passwords: the user finds the row, Argon2id decides.
//!
//! A user that the store does not know is looked for in the databases of `[users.NAME]`.
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
use crate::access::password::{self, Proof};
use crate::access::users::{Found, Users};
use crate::crypto::{SecretText, hmac_sha256};
use crate::domain::{Entropy, SystemEntropy, Timestamp};
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
    users: Vec<Users>,
}

/// What the store said of one user, and when.
#[derive(Clone)]
struct Lookup {
    at: Timestamp,
    found: Option<Found>,
}

impl Passwords {
    pub(super) fn new(store: Store, users: Vec<Users>) -> Self {
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
            users,
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
        let found = self.find(user, from, now).await?;
        let proof = found.as_ref().map(|found| found.proof.clone());
        let is_right = self.is_right((user, text), from, proof).await?;
        let found = found.filter(|_| is_right).ok_or(Fault::Password)?;
        Ok(Verified {
            principal: found.principal,
            not_before: None,
            standing: Standing::default(),
        })
    }

    /// The user, if there is one.
    pub(super) async fn find(
        &self,
        user: &str,
        from: Asker,
        now: Timestamp,
    ) -> Result<Option<Found>, Fault> {
        match self.look_up(user, now).await? {
            Some(own) => Ok(Some(own)),
            None => self.look_elsewhere(user, from, now).await,
        }
    }

    async fn is_right(
        &self,
        (user, text): (&str, &str),
        from: Asker,
        proof: Option<Proof>,
    ) -> Result<bool, Fault> {
        let known = proof.as_ref().map_or("", Proof::text);
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
        let hashed = hashed(&self.turns, from, (text, proof));
        let judged = self.judged.try_get_with(digest, hashed).await;
        judged.map_err(|fault: Arc<Fault>| *fault)
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

    /// In the first database that knows the user.
    async fn look_elsewhere(
        &self,
        user: &str,
        from: Asker,
        now: Timestamp,
    ) -> Result<Option<Found>, Fault> {
        for users in &self.users {
            if let Some(found) = users.find(user, from, now).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn ask(&self, user: &str, now: Timestamp) -> Result<Lookup, Fault> {
        let row = self.store.credential_of_user(user).await.map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "cannot look up a packager's password");
            Fault::StoreAway
        })?;
        let found = row.and_then(found);
        Ok(Lookup { at: now, found })
    }
}

/// Hashed where blocking is allowed, so many at once and no more: the turn ends with the hash, also where nobody
/// waits for it any more.
async fn hashed(
    turns: &Turns,
    from: Asker,
    (text, proof): (&str, Option<Proof>),
) -> Result<bool, Fault> {
    let turn = turns.take(from).await.ok_or(Fault::Busy)?;
    let text = SecretText::new(text.to_owned());
    let verify = move || {
        let is_right = Proof::is_of(proof.as_ref(), text.expose());
        drop(turn);
        is_right
    };
    spawn_blocking(verify).await.map_err(|_| Fault::Busy)
}

impl Lookup {
    /// A clock that was set back makes it stale too.
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.at <= now && now.since(self.at) < FRESH
    }
}

fn found(mut row: CredentialRow) -> Option<Found> {
    let verifier = row.password.take()?.verifier.into();
    let principal = machine(row, PASSWORD);
    Some(Found {
        proof: Proof::Verifier(verifier),
        principal: Arc::new(principal),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::FutureExt as _;
    use tokio::runtime::Builder;

    use super::*;
    use crate::access::credential::Way;

    #[test]
    fn who_hangs_up_frees_no_turn_before_the_hash_is_done() {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (turns, from) = (
                Turns::of(1),
                Asker {
                    way: Way::Hook(0),
                    ip: None,
                },
            );
            // The one thread is busy: the hash is yet to come.
            let (go, held) = mpsc::channel::<()>();
            let busy = spawn_blocking(move || held.recv());
            let mut asked = hashed(&turns, from, ("obviously-fake", None)).boxed();
            assert!(asked.as_mut().now_or_never().is_none(), "it waits");
            drop(asked);
            let next = turns.take(from).now_or_never();
            assert!(next.is_none(), "the turn is taken");
            drop(go);
            assert!(busy.await.unwrap().is_err());
            while turns.take(from).await.is_none() {}
        });
    }
}
