//! Revoking credentials, listing what is revoked, lifting it: an operator of every stream may.
//!
//! Must not know: how a credential is matched with a revocation, or what a request looks like.

use std::time::Duration;

use moka::sync::Cache;

use super::Gate;
use super::permit::{Oversee, Permit};
use crate::domain::{Clock, Entropy, Revoked, Timestamp};
use crate::store::{Maker, NewRevocation, RevocationRow, Revoking, Store, StoreError};

/// Who or what is to be refused, on which terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Whom it is for.
    pub revoked: Revoked,
    /// The scheme whose credentials it is for; `None`: every scheme's.
    pub scheme: Option<String>,
    /// When it ends; `None`: when it is lifted.
    pub until: Option<Timestamp>,
    /// Why, for people.
    pub note: String,
}

/// Why nothing was revoked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RevokeError {
    /// As many stand as may.
    #[error("too many revocations stand: lift some, or give them an end")]
    Full,
    /// As many stand as one viewer may make by ending its sessions.
    #[error(
        "too many sessions of this viewer were ended that would still be good: wait until they are over"
    )]
    Spent,
    /// The store failed.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl Gate {
    /// Revokes, at once on this server, on others as soon as they hear of it; gives the id that
    /// lifts it. What says the same as one that stands has its id. As soon as it stands, whatever
    /// fails after that, `made` is told the id.
    pub async fn revoke(
        &self,
        permit: &Permit<Oversee>,
        revocation: Revocation,
        entropy: &dyn Entropy,
        made: impl FnOnce(&str),
    ) -> Result<String, RevokeError> {
        let (kind, subject) = (revocation.revoked.kind(), permit.subject());
        let (store, maker) = (
            self.revocations().store(),
            Maker::Operator(subject.to_owned()),
        );
        let id = write(store, revocation, maker, self.clock(), entropy).await?;
        made(&id);
        self.revocations().add(&[&id]).await?;
        tracing::info!(id, kind, subject, "revoked");
        Ok(id)
    }

    /// The first `limit` revocations after the one with the id `after`, in the order of making; all
    /// begin after `""`.
    pub async fn revoked(
        &self,
        _: &Permit<Oversee>,
        after: &str,
        limit: u16,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        self.revocations()
            .store()
            .revocations_after(after, limit.into())
            .await
    }

    /// Lifts a revocation; `false` if there is none of that id. As soon as it is gone `done` is called.
    pub async fn lift(
        &self,
        permit: &Permit<Oversee>,
        id: &str,
        done: impl FnOnce(),
    ) -> Result<bool, StoreError> {
        let lifted = self.revocations().store().remove_revocation(id).await?;
        if lifted {
            done();
        }
        self.revocations().read().await?;
        tracing::info!(id, subject = permit.subject(), lifted, "revocation lifted");
        Ok(lifted)
    }
}

/// Viewers whose sessions could not be ended lately, since too many were: who asks again and again does
/// not reach the store.
pub(super) struct Refusals(Cache<(String, String), RevokeError>);

/// For how long a refusal is remembered.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// Refusals that are remembered.
const MOST_REFUSED: u64 = 10_000;

impl Default for Refusals {
    fn default() -> Self {
        let cache = Cache::builder();
        let cache = cache.max_capacity(MOST_REFUSED).time_to_live(REFUSED_FOR);
        Self(cache.build())
    }
}

impl Refusals {
    /// What `written` gives for a viewer of a scheme, or what it gave a moment ago.
    pub(super) async fn heeded(
        &self,
        (scheme, viewer): (&str, &str),
        written: impl Future<Output = Result<String, RevokeError>>,
    ) -> Result<String, RevokeError> {
        let own = (scheme.to_owned(), viewer.to_owned());
        // No scheme is called so: it is everybody.
        let all = (String::new(), String::new());
        if let Some(refusal) = self.0.get(&own).or_else(|| self.0.get(&all)) {
            return Err(refusal);
        }
        let written = written.await;
        match &written {
            Err(refusal @ RevokeError::Spent) => self.0.insert(own, refusal.clone()),
            Err(refusal @ RevokeError::Full) => self.0.insert(all, refusal.clone()),
            Ok(_) | Err(RevokeError::Unavailable(_)) => {}
        }
        written
    }
}

/// Writes a revocation that `maker` makes; servers hear of it. Gives its id.
pub async fn write(
    store: &Store,
    revocation: Revocation,
    maker: Maker,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<String, RevokeError> {
    let now = clock.now();
    let new = NewRevocation {
        revoked: revocation.revoked,
        scheme: revocation.scheme,
        until: revocation.until,
        maker,
        note: revocation.note,
    };
    match store
        .add_revocation(&new_id(now, entropy), &new, now)
        .await?
    {
        Revoking::Made(id) => Ok(id),
        Revoking::Full => Err(RevokeError::Full),
        Revoking::Spent => Err(RevokeError::Spent),
    }
}

/// The time in milliseconds, so that ids in order are in the order of making, and 64 random bits:
/// `019bb2e8a1c0-5d0c…`.
fn new_id(now: Timestamp, entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 8];
    entropy.fill(&mut bytes);
    let (millis, random) = (now.millis().max(0), u64::from_be_bytes(bytes));
    format!("{millis:012x}-{random:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_is_remembered_for_whom_it_is() {
        let refusals = Refusals::default();
        let ask = async |scheme, viewer, answer: Result<&str, RevokeError>| {
            let answer = async { answer.map(str::to_owned) };
            refusals.heeded((scheme, viewer), answer).await
        };
        let spent = ask("s", "alice", Err(RevokeError::Spent)).await;
        assert!(matches!(spent, Err(RevokeError::Spent)));
        let again = ask("s", "alice", Ok("1")).await;
        assert!(matches!(again, Err(RevokeError::Spent)), "{again:?}");
        for (scheme, viewer) in [("s", "bob"), ("t", "alice")] {
            assert_eq!(ask(scheme, viewer, Ok("2")).await.unwrap(), "2");
        }
        let full = ask("s", "bob", Err(RevokeError::Full)).await;
        assert!(matches!(full, Err(RevokeError::Full)));
        let other = ask("t", "carol", Ok("3")).await;
        assert!(matches!(other, Err(RevokeError::Full)), "{other:?}");
    }
}
