//! Tests of the whole module, a file per topic.

mod differential;
mod encrypt;
mod generated;
mod half_written;
mod multivariant;
mod properties;
mod read;
mod refusals;
mod viewer;

use super::{
    Child, ChildKind, Entry, Listing, MediaPlaylist, MultivariantPlaylist, Playlist, PlaylistError,
    RewriteError, Segment, Unsupported, UriKind,
};

fn media(text: &str) -> MediaPlaylist {
    match Playlist::parse(text) {
        Ok(Playlist::Media(list)) => list,
        other => panic!("{other:?} of {text:?}"),
    }
}

fn multivariant(text: &str) -> MultivariantPlaylist {
    match Playlist::parse(text) {
        Ok(Playlist::Multivariant(list)) => list,
        other => panic!("{other:?} of {text:?}"),
    }
}

fn error(text: &str) -> PlaylistError {
    match Playlist::parse(text) {
        Err(error) => error,
        Ok(list) => panic!("{list:?}"),
    }
}

/// An entry under the fake key `key` with an IV of its own.
fn entry(key: &str, iv: u64) -> Entry {
    Entry::Encrypted {
        key_uri: format!("https://keys.test/{key}"),
        iv: Some(format!("0x{iv:032x}")),
        uri: None,
    }
}

/// The list's segments from `first` to before `end`, under the key `k`, each segment's number
/// being its IV.
fn window(list: &MediaPlaylist, first: usize, end: usize) -> String {
    let numbers = list.segments()[first..end]
        .iter()
        .map(|segment| segment.msn);
    let entries: Vec<Entry> = numbers.map(|msn| entry("k", msn)).collect();
    rewrite(list, first, &entries).unwrap()
}

fn rewrite(list: &MediaPlaylist, first: usize, entries: &[Entry]) -> Result<String, RewriteError> {
    list.encrypt(&Listing {
        first,
        entries,
        ..Listing::default()
    })
}
