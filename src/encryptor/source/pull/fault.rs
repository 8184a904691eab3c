//! Why something could not be pulled.
//!
//! Must not know: what is done about it. No variant holds a query or a password: there are tokens
//! in them.

use crate::encryptor::spool::SpoolError;
use crate::outbound::{ClientError, OutboundError};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(in crate::encryptor) enum PullError {
    /// No client can be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No answer, or half of one.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// An answer that is not 200.
    #[error("the source answered {0}")]
    Status(u16),
    /// What the operator allows is no server's name.
    #[error("{0:?} is no host that playlists may be allowed to lead to: HOST or HOST:PORT")]
    Place(String),
    /// Another server, which the operator did not name.
    #[error("it lies at {0}, where nothing is pulled from without --pull-allow")]
    Elsewhere(String),
    /// From `https` to `http`.
    #[error("it leads from https to http")]
    Downgrade,
    /// Not a URL, or none of HTTP.
    #[error("it is no URL of http or https")]
    NoUrl,
    /// Too many redirects.
    #[error("redirects lead on and on")]
    Loop,
    /// Something else than a playlist of the kind that is wanted.
    #[error("the source's answer is no {0} playlist")]
    NoPlaylist(&'static str),
    /// A list longer than any that is taken.
    #[error(
        "the source's playlist has more than {} MiB; let it list fewer segments",
        crate::playlist::MAX_BYTES >> 20
    )]
    LongList,
    /// A body longer than any that is taken.
    #[error("the source's answer is too long")]
    TooLong,
    /// The spool does not take it.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// A file is not to be had for now.
    #[error("{file}: {why}")]
    File {
        /// Its name in the spool.
        file: String,
        /// Why.
        why: Box<Self>,
    },
    /// The task for it is gone.
    #[error("a task ended: {0}")]
    Task(String),
}

impl PullError {
    /// Whether the source answered, and not with the file: it would answer for others.
    pub(super) fn is_answer(&self) -> bool {
        match self {
            Self::Status(_) => true,
            Self::File { why, .. } => why.is_answer(),
            _ => false,
        }
    }

    /// Whether it is our own disk that does not take it now. That passes as what is spooled is
    /// published, and is nothing that a list should go on without.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Spool(SpoolError::Full(_) | SpoolError::Disk(_)))
    }
}
