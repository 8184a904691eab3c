//! One segment of a rendition that is in the sink, or known to be missing.
//!
//! Must not know: how it came there, or how it is listed.

use std::time::Duration;

use super::path::Beneath;
use super::root::Stamp;
use super::section::Published;
use crate::domain::{Fingerprint, Kid, Timestamp};
use crate::playlist::{ByteRange, Encrypted};

/// One segment that is durable, or known to be missing.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) duration: Duration,
    /// Its date in the playlist.
    pub(super) date: Option<Timestamp>,
    /// When it is taken to begin: its date, or what was assigned.
    pub(super) time: Option<Timestamp>,
    /// `None` for a gap.
    pub(super) media: Option<Media>,
}

/// An encrypted segment in the sink.
#[derive(Debug, Clone)]
pub(super) struct Media {
    pub(super) kid: Kid,
    pub(super) key_uri: String,
    /// As the key tag says it; `None` for the sequence number.
    pub(super) iv: Option<String>,
    /// As the playlist names it.
    pub(super) uri: String,
    pub(super) path: Beneath,
    /// The part of that file that it is.
    pub(super) range: Option<ByteRange>,
    /// Its initialisation section.
    pub(super) section: Option<Published>,
    /// The source's file as it was encrypted, if that was in this run and the file is the segment's
    /// alone.
    pub(super) source: Option<Taken>,
    /// Of its clear bytes, if it was encrypted by this process.
    pub(super) fingerprint: Option<Fingerprint>,
}

impl Media {
    /// As a playlist lists it.
    pub(super) fn listed(&self) -> Encrypted {
        Encrypted {
            key_uri: self.key_uri.clone(),
            iv: self.iv.clone(),
            uri: Some(self.uri.clone()),
            range: self.range,
            section: self.section.as_ref().map(|section| section.listed.clone()),
            parts: Vec::new(),
        }
    }
}

/// A source's file.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) path: Beneath,
    /// Its state as it was encrypted.
    pub(super) was: Stamp,
    /// Its state as it was last told of.
    pub(super) told: Stamp,
}
