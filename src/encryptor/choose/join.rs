//! Ranges that stay ranges: all of a file's are encrypted together and published as one file.
//!
//! Must not know: ciphers.

use std::collections::HashMap;

use super::{Candidate, Chooser, Context};
use crate::encryptor::containers::ByteRanges;
use crate::encryptor::path::Beneath;
use crate::encryptor::piece::Piece;
use crate::encryptor::place::Timeline;
use crate::encryptor::track::Track;
use crate::playlist::MediaPlaylist;

/// The segments that are ranges of one file.
pub(super) struct Joined {
    /// The first one's number, by which the file has its name.
    pub(super) first: u64,
    /// How many there are.
    pub(super) parts: usize,
}

/// The files of `list` whose ranges stay together, by URI: where that is asked for, and can be.
/// I-frames are always files of their own.
pub(super) fn joined<'a>(
    track: &Track,
    list: &'a MediaPlaylist,
    context: &Context<'_>,
) -> HashMap<&'a str, Joined> {
    let mut files = HashMap::new();
    let is_asked = context.containers.byteranges == ByteRanges::Rebase;
    if !is_asked || track.timeline != Timeline::Finished || list.is_iframes() {
        return files;
    }
    let ranges = list.segments().iter();
    for segment in ranges.filter(|segment| segment.range.is_some() && !segment.gap) {
        let joined = files.entry(segment.uri.as_str()).or_insert(Joined {
            first: segment.msn,
            parts: 0,
        });
        joined.parts += 1;
    }
    files
}

/// Leaves out the ranges of files of which not all are ready.
pub(super) fn keep_whole(ready: &mut Vec<Candidate>) {
    let mut counts: HashMap<Beneath, usize> = HashMap::new();
    for candidate in ready.iter() {
        *counts.entry(candidate.name.path.clone()).or_default() += 1;
    }
    ready.retain(|candidate| counts.get(&candidate.name.path) == Some(&candidate.parts));
    // ranges of several files may be listed in turn; a sort is stable
    let mut order: HashMap<Beneath, u64> = HashMap::new();
    for candidate in ready.iter() {
        let first = order.entry(candidate.name.path.clone());
        first.or_insert(candidate.msn);
    }
    ready.sort_by_key(|candidate| order.get(&candidate.name.path).copied());
}

impl Chooser<'_, '_> {
    /// Whether there are ranges that stay together.
    pub(super) fn joins(&self) -> bool {
        !self.joined.is_empty()
    }

    /// Why a range cannot stay one.
    pub(super) fn unjoined(&self, piece: &Piece) -> Option<&'static str> {
        let is_asked = self.context.containers.byteranges == ByteRanges::Rebase;
        let is_meant = is_asked && piece.range.is_some() && !self.list.is_iframes();
        let why = "a published file never grows, so ranges stay ranges in finished playlists only; \
                   let them be split into files";
        (is_meant && !self.joins()).then_some(why)
    }
}
