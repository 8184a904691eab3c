//! Why a run ends without having done its work, and what it did when it has.
//!
//! Must not know: exit codes.

use std::io;
use std::path::PathBuf;

use serde::Serialize;

use super::client::ClientError;
use super::ledger::StateError;

/// Why a run cannot start or go on. What can pass by itself is an event, not an error.
#[derive(Debug, thiserror::Error)]
pub enum EncryptorError {
    /// The source is not a directory that can be read.
    #[error("the source {path} cannot be used")]
    Source {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The sink cannot be made, read or locked.
    #[error("the sink {path} cannot be used")]
    Sink {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another encryptor holds the sink.
    #[error("another encryptor writes to the sink {0}")]
    SinkInUse(PathBuf),
    /// Another encryptor writes to the sink.
    #[error(
        "another encryptor, {by}, writes to the sink {sink}: stop it, or wait half a minute after \
         it was lost"
    )]
    SinkTaken {
        /// The sink, without a password.
        sink: String,
        /// The other one's name.
        by: String,
    },
    /// The sink, or its credential, cannot be used as it is written.
    #[error("the sink {sink} cannot be used: {reason}")]
    SinkPlace {
        /// The sink, without a password.
        sink: String,
        /// Why.
        reason: String,
    },
    /// Two sinks are one place, or lie inside each other.
    #[error("the sinks {one} and {other} must not lie inside each other")]
    SinksOverlap {
        /// One.
        one: String,
        /// The other.
        other: String,
    },
    /// Clear media would lie where encrypted media is published.
    #[error("source {source_path} and sink {sink_path} must not lie inside each other")]
    Overlap {
        /// The source, resolved.
        source_path: PathBuf,
        /// The sink, resolved.
        sink_path: PathBuf,
    },
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The server's address, the CA file or the credential cannot be used.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The pulled source cannot be asked.
    #[error("the source cannot be pulled: {0}")]
    Pull(String),
    /// With `once`: there is nothing to encrypt.
    #[error("no playlist lies beneath the source {0}")]
    NothingFound(PathBuf),
    /// With `once`: some of it could not be published.
    #[error("not published: {}", .0.join("; "))]
    Unfinished(Vec<String>),
    /// With `once`: the rest is published, and these segments of the source are not in it.
    #[error("published with gaps, for these files were not there, empty or torn: {}", .0.join(", "))]
    Gaps(Vec<String>),
    /// With `once`: an earlier run published these segments, and their files are others by now.
    #[error(
        "the source was changed after it was published, and what is published never changes: \
         encrypt it to an empty sink, under a name of its own; changed are {}", .0.join(", ")
    )]
    Corrected(Vec<String>),
    /// With `once`: all of it is published, and the server has not said that it keeps the keys.
    #[error(
        "all is published, but the key server has not taken note and would not keep the keys: run \
         this again when it answers"
    )]
    Unnoted,
    /// The worker's own thread failed.
    #[error("the worker failed: {0}")]
    Worker(String),
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Media playlists that are published.
    pub renditions: u64,
    /// Segments encrypted by this run.
    pub segments: u64,
    /// Bytes of media encrypted, padding not counted.
    pub bytes: u64,
    /// Keys that those segments were encrypted under.
    pub periods: u64,
}
