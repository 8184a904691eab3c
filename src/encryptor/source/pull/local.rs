//! A pulled media playlist with the names that its files have in the spool.
//!
//! Must not know: how files are fetched.

use std::collections::{HashMap, HashSet};

use super::names::Names;
use crate::encryptor::path::Beneath;
use crate::encryptor::spool::Spool;
use crate::playlist::{Definitions, MediaPlaylist, Playlist, Unsupported, UriKind};

/// The engine clears the spool of published segments, but for this many of the newest.
const NEWEST: usize = 16;

/// The list as it is spooled: names that variables are part of are written out, as what they are made
/// of leads to the source. What leads to viewers' own places stays. One whose variables only a player
/// knows is spooled as it is, for the engine to refuse.
pub(super) fn localized(
    list: &MediaPlaylist,
    definitions: &Definitions,
    names: &Names<'_>,
) -> String {
    if let Some(Unsupported::Variable { .. }) = list.unsupported() {
        return list.to_string();
    }
    let segments = list.segments().iter();
    let numbers: HashMap<&str, u64> = segments.map(|it| (it.uri.as_str(), it.msn)).collect();
    Playlist::Media(list.clone()).map_defined_uris(definitions, &mut |kind, uri| {
        let local = match kind {
            UriKind::Other => return uri.to_owned(),
            UriKind::Child => names.list(uri),
            _ => names.file(uri, numbers.get(uri).copied()),
        };
        local.map_or_else(|| "unknown".to_owned(), |local| local.uri)
    })
}

/// What it lists, by number and file.
pub(super) fn listed_in(list: &MediaPlaylist, names: &Names<'_>) -> HashSet<(u64, Beneath)> {
    let segments = list.segments().iter();
    let keys = segments.filter_map(|it| Some((it.msn, names.file(&it.uri, Some(it.msn))?.path)));
    keys.collect()
}

/// What an earlier run had fetched of the list that it spooled: what is there, and of a live list
/// what is so old that it is not there because it was published. A finished one is published whole.
pub(super) fn taken_in(
    list: &MediaPlaylist,
    at: &Beneath,
    spool: &Spool,
) -> HashSet<(u64, Beneath)> {
    let old = match list.is_ended() {
        true => 0,
        false => list.segments().len().saturating_sub(NEWEST),
    };
    let segments = list.segments().iter().enumerate();
    let taken = segments.filter_map(|(index, segment)| {
        let path = at.resolve(&segment.uri).ok()?;
        let is_taken = index < old || spool.stamp(&path).is_some();
        is_taken.then_some((segment.msn, path))
    });
    taken.collect()
}

/// The number of its last segment.
pub(super) fn last(list: &MediaPlaylist) -> Option<u64> {
    list.segments().last().map(|segment| segment.msn)
}
