//! What is to be listed: the interface of the rewrite, and what it refuses.
//!
//! Must not know: how a playlist is rewritten.

use std::sync::Arc;

use super::Unsupported;
use super::key::KeyTag;
use super::low_latency::LowLatency;
use super::media::MediaPlaylist;
use super::range::ByteRange;

/// Which segments are listed, and how each of them is to be fetched.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listing<'a> {
    /// Index into [`MediaPlaylist::segments`]; earlier ones are dropped with their tags.
    pub first: usize,
    /// The segments from `first` on; later ones are cut off with their tags.
    pub entries: &'a [Entry],
    /// The first of them begins a run: an EXT-X-DISCONTINUITY stands before it.
    pub opens: bool,
    /// What stays listed before them.
    pub earlier: Option<Earlier<'a>>,
    /// For low-latency players.
    pub low: LowLatency<'a>,
}

/// Which segments are listed, without how each of them is to be fetched.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// Index into [`MediaPlaylist::segments`] of the first.
    pub first: usize,
    /// How many.
    pub count: usize,
    /// The first of them begins a run.
    pub opens: bool,
    /// What stays listed before them.
    pub earlier: Option<Earlier<'a>>,
    /// For low-latency players.
    pub low: LowLatency<'a>,
}

/// Segments of an earlier run, as they were published.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    /// The playlist that lists them.
    pub list: &'a MediaPlaylist,
    /// Index of the first that stays.
    pub first: usize,
    /// Index after the last.
    pub end: usize,
    /// How many numbers after them nobody will have; they are listed as gaps.
    pub gaps: u64,
}

/// How one segment is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// With its own EXT-X-KEY.
    Encrypted(Encrypted),
    /// As EXT-X-GAP: players do not load it, there is nothing to decrypt.
    Gap,
}

/// An encrypted segment and how it is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encrypted {
    /// The key's URI: visible ASCII, below 4096 bytes, without `"`, `,`, `{$`, `IV=`, `METHOD=`,
    /// `KEYFORMAT=`.
    pub key_uri: String,
    /// `0x` and 32 lower-case hex digits; `None` for the sequence number.
    pub iv: Option<String>,
    /// Replaces the segment's URI.
    pub uri: Option<String>,
    /// The part of that file that it is; `None` for the whole.
    pub range: Option<ByteRange>,
    /// Its initialisation section, if the playlist has one for it.
    pub section: Option<Arc<Section>>,
    /// The URIs of its first parts, in order; the tags of others go.
    pub parts: Vec<String>,
}

/// A published initialisation section.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Section {
    /// Stands in EXT-X-MAP.
    pub uri: String,
    /// What opens it, always with an IV (§4.4.4.5); `None` if it is clear.
    pub key: Option<KeyTag>,
}

/// Why a listing cannot be written; `entry` counts from 0. The message may be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// The playlist is of a kind that is not encrypted.
    #[error("{0}")]
    Unsupported(#[from] Unsupported),
    /// Nothing is listed.
    #[error("a listing has at least one segment")]
    Empty,
    /// More is listed than there is.
    #[error("the listing reaches past the playlist's {segments} segments")]
    OutOfRange {
        /// How many there are.
        segments: usize,
    },
    /// An EVENT or VOD playlist would lose its first segments (§6.2.1).
    #[error("line {line}: EXT-X-PLAYLIST-TYPE does not let segments be dropped")]
    Pinned {
        /// The tag's line.
        line: usize,
    },
    /// An EVENT playlist goes on too far from where it was.
    #[error("EXT-X-PLAYLIST-TYPE lets nothing be dropped, and {missing} numbers are missing")]
    Apart {
        /// How many numbers were never published.
        missing: u64,
    },
    /// Some player would misread the key's URI.
    #[error("entry {entry}: the key's URI is not safe in a playlist")]
    KeyUri {
        /// The entry.
        entry: usize,
    },
    /// Not an IV.
    #[error("entry {entry}: an IV is 0x and 32 lower-case hex digits")]
    Iv {
        /// The entry.
        entry: usize,
    },
    /// Two segments with one key and one IV.
    #[error("entry {entry}: its key and IV are listed before")]
    RepeatedIv {
        /// The second entry.
        entry: usize,
    },
    /// The segment's new URI cannot stand on a line of its own.
    #[error("entry {entry}: the segment's URI is not safe in a playlist")]
    Uri {
        /// The entry.
        entry: usize,
    },
    /// The key tags make the text longer than what [`Playlist::parse`](super::Playlist::parse)
    /// takes: it could be published and not read again.
    #[error(
        "with its key tags the playlist has over {} MiB or 1 000 000 lines; let the packager list \
         fewer segments",
        super::MAX_BYTES >> 20
    )]
    TooLong,
    /// A segment whose EXT-X-MAP would be lost.
    #[error("entry {entry}: it has an initialisation section, and none is listed for it")]
    NoSection {
        /// The entry.
        entry: usize,
    },
    /// EXT-X-DISCONTINUITY-SEQUENCE would pass 2^64-1.
    #[error("EXT-X-DISCONTINUITY-SEQUENCE is too large")]
    Overflow,
}

impl<'a> Listing<'a> {
    /// Which segments they are.
    pub(super) fn span(&self) -> Span<'a> {
        Span {
            first: self.first,
            count: self.entries.len(),
            opens: self.opens,
            earlier: self.earlier,
            low: self.low,
        }
    }
}

impl Span<'_> {
    /// Index after the last.
    pub(super) fn end(&self) -> usize {
        self.first + self.count
    }

    /// Whether `list` can be rewritten to this, its entries aside.
    pub(super) fn check(&self, list: &MediaPlaylist) -> Result<(), RewriteError> {
        if let Some(reason) = list.unsupported() {
            return Err(reason.into());
        }
        if self.count == 0 {
            return Err(RewriteError::Empty);
        }
        let segments = list.segments.len();
        let end = self.first.checked_add(self.count);
        if end.is_none_or(|end| end > segments) {
            return Err(RewriteError::OutOfRange { segments });
        }
        // What stays of an earlier run is where such a list begins.
        let drops = self.first > 0 && self.earlier.is_none();
        match list.header.fixed {
            Some(fixed) if drops => Err(RewriteError::Pinned { line: fixed.line }),
            _ => Ok(()),
        }
    }
}

/// One URI and nothing else, without variables.
pub(super) fn is_safe_line(uri: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace();
    !uri.is_empty() && !uri.starts_with('#') && !uri.contains(odd) && !uri.contains("{$")
}
