//! Why something could not be done with a stream or a key.
//!
//! Must not know: HTTP statuses. No variant holds a key, and what the database said stays in
//! the source.

use std::sync::Arc;

use crate::api::Unreachable;
use crate::crypto::RingError;
use crate::domain::{CutError, StreamId};
use crate::store::StoreError;

/// An error of [`super::Keys`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeysError {
    /// No such stream is registered, and no template is for it.
    #[error("the stream is not registered")]
    UnknownStream,
    /// The key is retired, revoked or destroyed.
    #[error("the key is retired, revoked or destroyed")]
    Gone,
    /// One id is a path prefix of the other.
    #[error("the id nests with the registered stream '{0}'")]
    Nested(StreamId),
    /// The request is well-formed and does not fit the stream as it is now.
    #[error("{0}")]
    Conflict(&'static str),
    /// These encryptors hold leases and do not acknowledge the change; nothing has changed.
    #[error("these encryptors cannot be reached: {}; they hold leases, so nothing has changed", names(.0))]
    Unreachable(Vec<Unreachable>),
    /// The request is out of bounds.
    #[error("{0}")]
    Invalid(&'static str),
    /// The credential has had as many keys issued and streams made as it may in an hour.
    #[error("too many keys were issued for this credential in an hour; see keys.issued_per_hour")]
    TooMany,
    /// Others kept changing the stream; nothing was done.
    #[error("the stream is being changed by others; try again")]
    Busy,
    /// The configured master keys do not open a stored key, or may seal none.
    #[error(transparent)]
    Ring(Arc<RingError>),
    /// There were no news of revocations for too long to trust what is in memory.
    #[error("no news from the store for longer than store.stale_after")]
    Stale,
    /// The store failed; nothing was done.
    #[error(transparent)]
    Unavailable(StoreError),
}

fn names(missed: &[Unreachable]) -> String {
    let name = |one: &Unreachable| format!("{} (until {})", one.instance, one.lease_end.0);
    missed.iter().map(name).collect::<Vec<_>>().join(", ")
}

impl From<RingError> for KeysError {
    fn from(error: RingError) -> Self {
        Self::Ring(Arc::new(error))
    }
}

impl From<StoreError> for KeysError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooLarge(_) => Self::Invalid("a number is larger than 2^63 - 1"),
            error => Self::Unavailable(error),
        }
    }
}

impl From<CutError> for KeysError {
    fn from(error: CutError) -> Self {
        Self::Conflict(match error {
            CutError::Pending => "another change of the stream is still to come",
            CutError::NeedsTime => "the stream rotates by time and has reported none",
        })
    }
}
