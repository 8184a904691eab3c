//! Why a text is not a playlist that we can trust.
//!
//! Must not know: what was to be done with the playlist.

/// Why a text cannot be read as a playlist; lines count from 1. The message may be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaylistError {
    /// More bytes or lines than any real playlist has.
    #[error(
        "a playlist has at most {} MiB and 1 000 000 lines; let the packager list fewer segments",
        super::MAX_BYTES >> 20
    )]
    TooLong,
    /// The first line is something else.
    #[error("line 1: a playlist begins with #EXTM3U")]
    NotAPlaylist,
    /// The text stops where more must follow: probably half written, so read it again later.
    #[error(
        "line {line}: the playlist ends here although more must follow; it may be half written, \
         and a finished one ends its last line"
    )]
    Incomplete {
        /// The last line.
        line: usize,
    },
    /// A control character, or a carriage return that ends no line (§4.1).
    #[error("line {line}: control characters are not allowed")]
    Control {
        /// The line.
        line: usize,
    },
    /// Space before `#`: some players see a tag there and some a URI.
    #[error("line {line}: there is space before '#'")]
    Indented {
        /// The line.
        line: usize,
    },
    /// Tags of a media and of a multivariant playlist together (§4.1).
    #[error("line {line}: media and multivariant tags do not go together")]
    Mixed {
        /// The first line of the other kind.
        line: usize,
    },
    /// A tag that may stand once stands twice.
    #[error("line {line}: {tag} stands twice")]
    Duplicate {
        /// The tag.
        tag: &'static str,
        /// The second one.
        line: usize,
    },
    /// A tag that must come earlier.
    #[error("line {line}: {tag} stands too late")]
    Misplaced {
        /// The tag.
        tag: &'static str,
        /// Its line.
        line: usize,
    },
    /// The tag's value is not the number it must be, or too large.
    #[error("line {line}: {tag} has no valid number")]
    Number {
        /// The tag.
        tag: &'static str,
        /// Its line.
        line: usize,
    },
    /// A range that has no bytes, passes 2^64-1, or does not say where it begins and follows none
    /// of the same file.
    #[error("line {line}: EXT-X-BYTERANGE does not say which bytes of the file")]
    Range {
        /// The URI's line.
        line: usize,
    },
    /// Not a date and time.
    #[error("line {line}: EXT-X-PROGRAM-DATE-TIME is not a date and time")]
    Time {
        /// Its line.
        line: usize,
    },
    /// The attribute list is malformed, repeats a name, or lacks an attribute.
    #[error("line {line}: {tag} has a malformed attribute list")]
    Attributes {
        /// The tag.
        tag: &'static str,
        /// Its line.
        line: usize,
    },
    /// A tag that every such playlist has is not there.
    #[error("{tag} is missing")]
    Missing {
        /// The tag.
        tag: &'static str,
    },
    /// The tag announces a URI line that does not follow.
    #[error("line {line}: no URI line follows {tag}")]
    MissingUri {
        /// The tag.
        tag: &'static str,
        /// Its line.
        line: usize,
    },
    /// A URI line without the tag that says what it is.
    #[error("line {line}: no {tag} stands before this URI")]
    UnknownUri {
        /// The missing tag.
        tag: &'static str,
        /// The URI's line.
        line: usize,
    },
}
