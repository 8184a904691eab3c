//! Revoking credentials, listing what is revoked, lifting it: an operator of every stream may.
//!
//! Must not know: how a credential is matched with a revocation, or what a request looks like.

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
    /// lifts it. What says the same as one that stands has its id.
    pub async fn revoke(
        &self,
        permit: &Permit<Oversee>,
        revocation: Revocation,
        entropy: &dyn Entropy,
    ) -> Result<String, RevokeError> {
        let (kind, subject) = (revocation.revoked.kind(), permit.subject());
        let (store, maker) = (
            self.revocations().store(),
            Maker::Operator(subject.to_owned()),
        );
        let id = write(store, revocation, maker, self.clock(), entropy).await?;
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

    /// Lifts a revocation; `false` if there is none of that id.
    pub async fn lift(&self, permit: &Permit<Oversee>, id: &str) -> Result<bool, StoreError> {
        let lifted = self.revocations().store().remove_revocation(id).await?;
        self.revocations().read().await?;
        tracing::info!(id, subject = permit.subject(), lifted, "revocation lifted");
        Ok(lifted)
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
