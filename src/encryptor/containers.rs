//! What becomes of media that is not one segment in a file of its own: initialisation sections,
//! byte ranges, I-frame playlists.
//!
//! Must not know: the command line that the texts come from.

use std::str::FromStr;

use crate::playlist::Serving;

/// The rules of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Containers {
    /// EXT-X-MAP.
    pub map: MapRule,
    /// EXT-X-BYTERANGE.
    pub byteranges: ByteRanges,
    /// EXT-X-I-FRAMES-ONLY.
    pub iframes: IFrames,
    /// Whether a multivariant playlist of finished playlists under one key says so by
    /// EXT-X-SESSION-KEY.
    pub session_key: bool,
    /// EXT-X-PART, and what serves the playlists.
    pub serving: Serving,
}

/// How initialisation sections are published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MapRule {
    /// As they are: they hold no media.
    #[default]
    Clear,
    /// Under the key of the segments that they are for, with an IV of their own.
    Encrypted,
}

/// How segments that are ranges of a file are published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ByteRanges {
    /// Each in a file of its own.
    #[default]
    Split,
    /// As ranges of one file again, each padded by itself. Finished playlists only: a published
    /// file never changes, so it cannot grow.
    Rebase,
}

/// What becomes of I-frame playlists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IFrames {
    /// Each I-frame is a file of its own.
    #[default]
    Files,
    /// They are left out, and so is what names them.
    Drop,
}

/// What becomes of partial segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowLatency(pub Serving);

impl Default for LowLatency {
    fn default() -> Self {
        Self(Serving::Files)
    }
}

/// The text is none of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct ContainersError(&'static str);

impl FromStr for LowLatency {
    type Err = ContainersError;

    fn from_str(text: &str) -> Result<Self, ContainersError> {
        match text {
            "parts" => Ok(Self(Serving::Files)),
            "origin" => Ok(Self(Serving::Origin)),
            "off" => Ok(Self(Serving::Plain)),
            _ => Err(ContainersError("parts, origin or off")),
        }
    }
}

impl FromStr for MapRule {
    type Err = ContainersError;

    fn from_str(text: &str) -> Result<Self, ContainersError> {
        match text {
            "clear" => Ok(Self::Clear),
            "encrypted" => Ok(Self::Encrypted),
            _ => Err(ContainersError("clear or encrypted")),
        }
    }
}

impl FromStr for ByteRanges {
    type Err = ContainersError;

    fn from_str(text: &str) -> Result<Self, ContainersError> {
        match text {
            "split" => Ok(Self::Split),
            "rebase" => Ok(Self::Rebase),
            _ => Err(ContainersError("split or rebase")),
        }
    }
}

impl FromStr for IFrames {
    type Err = ContainersError;

    fn from_str(text: &str) -> Result<Self, ContainersError> {
        match text {
            "files" => Ok(Self::Files),
            "drop" => Ok(Self::Drop),
            _ => Err(ContainersError("files or drop")),
        }
    }
}
