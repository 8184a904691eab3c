//! Ranges that stay ranges: all of a file's are encrypted together and published as one file.
//!
//! Must not know: ciphers.

use std::collections::HashMap;

use super::{Candidate, Chooser, Context};
use crate::encryptor::containers::ByteRanges;
use crate::encryptor::path::Beneath;
use crate::encryptor::place::Timeline;
use crate::encryptor::track::Track;
use crate::playlist::{MediaPlaylist, Segment};

/// The segments that are ranges of one file.
pub(super) struct Joined {
    /// The first one's number, by which the file has its name.
    pub(super) first: u64,
    /// How many there are.
    pub(super) parts: usize,
    /// Their bytes, all together.
    len: u64,
}

/// Ranges that stay together are in memory together.
const MAX_JOINED: u64 = 512 << 20;

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
    let ranges = list.segments().iter().filter(|segment| !segment.gap);
    for (segment, range) in ranges.filter_map(|segment| Some((segment, segment.range?))) {
        let joined = files.entry(segment.uri.as_str()).or_insert(Joined {
            first: segment.msn,
            parts: 0,
            len: 0,
        });
        joined.parts += 1;
        joined.len = joined.len.saturating_add(range.len());
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
    pub(super) fn unjoined(&self, segment: &Segment) -> Option<&'static str> {
        let is_asked = self.context.containers.byteranges == ByteRanges::Rebase;
        let is_meant = is_asked && segment.range.is_some() && !self.list.is_iframes();
        match self.joined.get(segment.uri.as_str()) {
            _ if !is_meant => None,
            None => Some(UNFINISHED),
            Some(joined) => (joined.len > MAX_JOINED).then_some(TOO_LONG),
        }
    }
}

const UNFINISHED: &str = "a published file never grows, so ranges stay ranges in finished playlists \
     only; let them be split into files";
const TOO_LONG: &str = "the ranges of one file are over 512 MiB, which is too much to hold; let them \
     be split into files";
