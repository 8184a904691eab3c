//! What a run is told: stream, source, sink, server, state.
//!
//! Must not know: the command line that the texts come from.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;

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
    /// The packager's credential, sent as bearer. Not needed where the certificate opens the stream.
    pub credential: Option<SecretText>,
    /// A PEM file, mode 0600, of a certificate and its private key, for a server that asks for one.
    pub client_certificate: Option<PathBuf>,
    /// Encrypt what is there, then return.
    pub once: bool,
    /// Names this encryptor at the server: 1–64 of `[A-Za-z0-9._-]`. Without one it has the name
    /// that its state folder keeps.
    pub instance: Option<String>,
    /// Where the ledger is kept, for this encryptor alone, outside of source and sink.
    pub state: PathBuf,
    /// What to do when the lease has ended and the server is away.
    pub on_lease_end: OnLeaseEnd,
}

/// What an encryptor does when its lease has ended and the server is away. An alarm goes with
/// either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLeaseEnd {
    /// Publish nothing more.
    #[default]
    Stall,
    /// Go on under the last key.
    Hold,
}

/// The text is no [`OnLeaseEnd`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected stall or hold")]
pub struct OnLeaseEndError;

impl FromStr for OnLeaseEnd {
    type Err = OnLeaseEndError;

    fn from_str(text: &str) -> Result<Self, OnLeaseEndError> {
        match text {
            "stall" => Ok(Self::Stall),
            "hold" => Ok(Self::Hold),
            _ => Err(OnLeaseEndError),
        }
    }
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
        let ends = ["stall", "hold", "", "Hold"].map(str::parse::<OnLeaseEnd>);
        assert_eq!(ends[..2], [Ok(OnLeaseEnd::Stall), Ok(OnLeaseEnd::Hold)]);
        assert_eq!(ends[2..], [Err(OnLeaseEndError), Err(OnLeaseEndError)]);
        let said = "x".parse::<Sink>().unwrap_err().to_string();
        assert_eq!(said, "\"x\" is not a sink: expected dir:PATH");
    }
}
