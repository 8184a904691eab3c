//! Media playlists that parse and that we do not encrypt, or not yet.
//!
//! Must not know: how the others are rewritten.

use super::tag::Tag;

/// Why a media playlist cannot be encrypted; lines count from 1. The message may be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// An EXT-X-KEY with a METHOD other than NONE.
    #[error("line {line}: the source is encrypted already; hlskey takes clear HLS")]
    AlreadyEncrypted {
        /// The tag's line.
        line: usize,
    },
    /// EXT-X-SKIP: an answer to one player, which has the rest already.
    #[error("line {line}: it is a delta update; the whole playlist is needed")]
    Delta {
        /// Its line.
        line: usize,
    },
    /// A URI with a variable whose value is a query parameter, or that no playlist defines: which
    /// file is meant is only known to the player.
    #[error(
        "line {line}: the URI has a variable whose value is not known here; define it by VALUE, \
         in this playlist or in the multivariant playlist that names it"
    )]
    Variable {
        /// The URI's line.
        line: usize,
    },
}

impl Unsupported {
    /// What is wrong with a playlist that has `tag`, if its presence is enough.
    pub(super) fn by_tag(tag: Tag, line: usize) -> Option<Self> {
        (tag == Tag::Skip).then_some(Self::Delta { line })
    }
}
