//! A stream and what its packager asked for.
//!
//! Must not know: viewers, or which policy gates them.

use super::{Rotation, Schedule, StreamId, Timestamp};

/// Whether renditions share a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyScope {
    /// One key a period for the whole ladder.
    #[default]
    Stream,
    /// One key a period for each rendition.
    Rendition,
}

/// Where a segment's IV comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IvRule {
    /// Written on every tag, derived from key, rendition and sequence number.
    #[default]
    Explicit,
    /// Not written: the media sequence number (RFC 8216 §5.2). Needs a key for each rendition,
    /// or two renditions' segments would share key and IV.
    Sequence,
}

/// What a registration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPolicy {
    /// How often the key changes.
    pub rotation: Rotation,
    /// Whether renditions share it.
    pub key_scope: KeyScope,
    /// Where IVs come from.
    pub iv: IvRule,
}

impl Default for StreamPolicy {
    fn default() -> Self {
        Self {
            rotation: Rotation::Never,
            key_scope: KeyScope::Stream,
            iv: IvRule::Explicit,
        }
    }
}

impl StreamPolicy {
    /// Whether IVs by sequence number would repeat under one key.
    pub fn repeats_ivs(&self) -> bool {
        self.iv == IvRule::Sequence && self.key_scope == KeyScope::Stream
    }
}

/// A registered stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its name.
    pub id: StreamId,
    /// What its packager asked for.
    pub policy: StreamPolicy,
    /// Its eras.
    pub schedule: Schedule,
    /// Counts the changes to policy and schedule; encryptors acknowledge it.
    pub version: u64,
    /// When it was registered first.
    pub created: Timestamp,
}
