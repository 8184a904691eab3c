//! What is to be listed: the interface of the rewrite, and what it refuses.
//!
//! Must not know: how a playlist is rewritten.

use std::collections::HashSet;

use super::Unsupported;
use super::key;
use super::media::MediaPlaylist;

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
    Encrypted {
        /// The key's URI: visible ASCII, below 4096 bytes, without `"`, `,`, `{$`, `IV=`,
        /// `METHOD=`, `KEYFORMAT=`.
        key_uri: String,
        /// `0x` and 32 lower-case hex digits; `None` for the sequence number.
        iv: Option<String>,
        /// Replaces the segment's URI.
        uri: Option<String>,
    },
    /// As EXT-X-GAP: players do not load it, there is nothing to decrypt.
    Gap,
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
    #[error("with its key tags the playlist is over 8 MiB; let the packager list fewer segments")]
    TooLong,
    /// EXT-X-DISCONTINUITY-SEQUENCE would pass 2^64-1.
    #[error("EXT-X-DISCONTINUITY-SEQUENCE is too large")]
    Overflow,
}

impl Listing<'_> {
    /// Whether `list` can be rewritten to this.
    pub(super) fn check(&self, list: &MediaPlaylist) -> Result<(), RewriteError> {
        if let Some(reason) = list.unsupported() {
            return Err(reason.into());
        }
        if self.entries.is_empty() {
            return Err(RewriteError::Empty);
        }
        let segments = list.segments.len();
        let end = self.first.checked_add(self.entries.len());
        if end.is_none_or(|end| end > segments) {
            return Err(RewriteError::OutOfRange { segments });
        }
        // What stays of an earlier run is where such a list begins.
        let drops = self.first > 0 && self.earlier.is_none();
        match list.header.fixed {
            Some(fixed) if drops => Err(RewriteError::Pinned { line: fixed.line }),
            _ => check_entries(self.entries),
        }
    }
}

fn check_entries(entries: &[Entry]) -> Result<(), RewriteError> {
    let mut seen = HashSet::with_capacity(entries.len());
    for (entry, listed) in entries.iter().enumerate() {
        let Entry::Encrypted { key_uri, iv, uri } = listed else {
            continue;
        };
        if !key::is_safe_uri(key_uri) {
            return Err(RewriteError::KeyUri { entry });
        }
        if uri.as_deref().is_some_and(|uri| !is_safe_line(uri)) {
            return Err(RewriteError::Uri { entry });
        }
        if let Some(iv) = iv {
            if !key::is_iv(iv) {
                return Err(RewriteError::Iv { entry });
            }
            if !seen.insert((key_uri, iv)) {
                return Err(RewriteError::RepeatedIv { entry });
            }
        }
    }
    Ok(())
}

/// One URI and nothing else, without variables.
fn is_safe_line(uri: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace();
    !uri.is_empty() && !uri.starts_with('#') && !uri.contains(odd) && !uri.contains("{$")
}
