//! Tests of the whole module, a file per topic.

mod again;
mod delivery;
mod differential;
mod encrypt;
mod generated;
mod half_written;
mod maps;
mod multivariant;
mod properties;
mod ranges;
mod read;
mod refusals;
mod variables;
mod viewer;

use super::{
    ByteRange, Child, ChildKind, Definitions, Encrypted, Entry, KeyTag, Listing, MediaPlaylist,
    MultivariantPlaylist, Playlist, PlaylistError, RewriteError, Section, Segment, Unsupported,
    UriKind,
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
    Entry::Encrypted(Encrypted {
        key_uri: format!("https://keys.test/{key}"),
        iv: Some(format!("0x{iv:032x}")),
        ..Encrypted::default()
    })
}

/// The list's segments from `first` to before `end`, under the key `k`, each segment's number
/// being its IV.
fn window(list: &MediaPlaylist, first: usize, end: usize) -> String {
    let segments = list.segments()[first..end].iter();
    let entries: Vec<Entry> = segments.map(entry_of).collect();
    rewrite(list, first, &entries).unwrap()
}

/// With a clear initialisation section, if the segment has one.
fn entry_of(segment: &Segment) -> Entry {
    let mut entry = entry("k", segment.msn);
    if let (Entry::Encrypted(entry), Some(_)) = (&mut entry, &segment.map) {
        let uri = "section.mp4".to_owned();
        entry.section = Some(Section { uri, key: None }.into());
    }
    entry
}

fn rewrite(list: &MediaPlaylist, first: usize, entries: &[Entry]) -> Result<String, RewriteError> {
    list.encrypt(&Listing {
        first,
        entries,
        ..Listing::default()
    })
}
