//! What a run is told: stream, source, sink, server.
//!
//! Must not know: the command line that the texts come from.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::crypto::SecretText;
use crate::domain::StreamId;

/// Everything one run needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The protected stream. All renditions under the source belong to it.
    pub stream: StreamId,
    /// Where the clear playlists and segments are.
    pub source: Source,
    /// Where the encrypted ones go. Neither may lie inside the other.
    pub sink: Sink,
    /// The key server's base URL, `https://host[:port]`.
    pub server: String,
    /// A PEM file of certificate authorities to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// The packager's credential, sent as bearer.
    pub credential: SecretText,
    /// Encrypt what is there, then return.
    pub once: bool,
    /// Names this encryptor in progress reports: 1–64 of `[A-Za-z0-9._-]`.
    pub instance: String,
}

/// Where clear media comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `dir:PATH`: a directory that any packager writes HLS into.
    Dir(PathBuf),
}

/// Where encrypted media goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// `dir:PATH`: a directory, made if it is not there.
    Dir(PathBuf),
}

/// The text is not a place that this program knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}: expected dir:PATH")]
pub struct PlaceError {
    what: &'static str,
    text: String,
}

impl FromStr for Source {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        directory("source", text).map(Self::Dir)
    }
}

impl FromStr for Sink {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        directory("sink", text).map(Self::Dir)
    }
}

fn directory(what: &'static str, text: &str) -> Result<PathBuf, PlaceError> {
    match text.strip_prefix("dir:") {
        Some(path) if !path.is_empty() => Ok(Path::new(path).to_owned()),
        _ => Err(PlaceError {
            what,
            text: text.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_with_their_kind() {
        assert_eq!("dir:/in".parse(), Ok(Source::Dir("/in".into())));
        assert_eq!("dir:a:b".parse(), Ok(Sink::Dir("a:b".into())));
        for bad in ["", "dir:", "/in", "s3:bucket"] {
            assert!(bad.parse::<Source>().is_err(), "{bad:?}");
        }
        let said = "x".parse::<Sink>().unwrap_err().to_string();
        assert_eq!(said, "\"x\" is not a sink: expected dir:PATH");
    }
}
