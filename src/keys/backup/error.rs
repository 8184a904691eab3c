//! Why a backup cannot be made or used.
//!
//! Must not know: which file it is; no text holds what stands in it.

use std::io;
use std::sync::Arc;

use crate::crypto::{KeyTag, RingError};
use crate::store::StoreError;

/// An error of a backup.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BackupError {
    /// The file cannot be read or written.
    #[error("{0}")]
    File(#[source] Arc<io::Error>),
    /// The store failed; nothing was done.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is something else.
    #[error("this is no backup of hlskey")]
    Foreign,
    /// A later version made it.
    #[error("a newer hlskey made this backup: use that version, or a newer one, to restore it")]
    Newer,
    /// It ends before its signature.
    #[error("the backup is cut short: its end is missing; use another copy")]
    Short,
    /// It is not what was written.
    #[error("the backup was changed or is damaged: its signature is wrong; use another copy")]
    Changed,
    /// It cannot be judged without this key.
    #[error(
        "the backup is signed under master key {0}, which is not in keys.master_keys: put the \
         file with that key there"
    )]
    Unjudged(KeyTag),
    /// Its keys would not open.
    #[error(
        "the backup's keys need master keys that are not in keys.master_keys: {}; put their files \
         there first", tags(.0)
    )]
    Unopened(Vec<KeyTag>),
    /// There is something that it would replace.
    #[error("the store is not empty: `--replace` deletes what it holds and restores the backup")]
    NotEmpty,
}

fn tags(tags: &[KeyTag]) -> String {
    let texts: Vec<String> = tags.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> Self {
        Self::File(Arc::new(error))
    }
}

impl From<serde_json::Error> for BackupError {
    fn from(_: serde_json::Error) -> Self {
        Self::Changed
    }
}

impl From<RingError> for BackupError {
    fn from(error: RingError) -> Self {
        match error {
            RingError::UnknownKey(tag) => Self::Unjudged(tag),
            _ => Self::Changed,
        }
    }
}
