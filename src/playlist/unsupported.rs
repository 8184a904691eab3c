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
    /// Segments that are ranges of a file: each would need its own padding.
    #[error(
        "line {line}: EXT-X-BYTERANGE is not supported; let the packager write one file per segment"
    )]
    ByteRange {
        /// The tag's line.
        line: usize,
    },
    /// Fragmented MP4.
    #[error("line {line}: EXT-X-MAP (fragmented MP4) is not supported yet; use MPEG-TS segments")]
    Map {
        /// The tag's line.
        line: usize,
    },
    /// Partial segments, hints or delta updates.
    #[error("line {line}: {tag} is not supported yet; turn low-latency HLS off in the packager")]
    LowLatency {
        /// The tag.
        tag: &'static str,
        /// Its line.
        line: usize,
    },
    /// An I-frame playlist.
    #[error("line {line}: I-frame playlists are not supported yet; leave them out")]
    IFramesOnly {
        /// The tag's line.
        line: usize,
    },
    /// A segment's URI with a variable: which file is meant is only known to the player.
    #[error("line {line}: the segment's URI has a variable; let the packager write plain URIs")]
    Variable {
        /// The URI's line.
        line: usize,
    },
}

impl Unsupported {
    /// What is wrong with a playlist that has `tag`, if its presence is enough.
    pub(super) fn by_tag(tag: Tag, line: usize) -> Option<Self> {
        match tag {
            Tag::ByteRange => Some(Self::ByteRange { line }),
            Tag::Map => Some(Self::Map { line }),
            Tag::IFramesOnly => Some(Self::IFramesOnly { line }),
            Tag::Part | Tag::PartInf | Tag::PreloadHint | Tag::Skip => Some(Self::LowLatency {
                tag: tag.name(),
                line,
            }),
            _ => None,
        }
    }

    /// §4.3: `{$name}` in a URI is a variable reference.
    pub(super) fn by_uri(uri: &str, line: usize) -> Option<Self> {
        uri.contains("{$").then_some(Self::Variable { line })
    }
}
