//! Tests of the whole module by topic.

mod encrypt;

use super::{Entry, Listing, MediaPlaylist, Playlist};

fn media(text: &str) -> MediaPlaylist {
    match Playlist::parse(text) {
        Ok(Playlist::Media(list)) => list,
        other => panic!("{other:?} of {text}"),
    }
}

/// An entry with the fake key `key` and an IV of its own.
fn entry(key: &str, iv: u64) -> Entry {
    Entry::Encrypted {
        key_uri: format!("https://keys.test/v1/keys/{key}"),
        iv: Some(format!("0x{iv:032x}")),
        uri: None,
    }
}

/// The list with its segments from `first` to before `end`, all under the key `k`, the IV being
/// the segment's number.
fn window(list: &MediaPlaylist, first: usize, end: usize) -> String {
    let numbers = list.segments()[first..end]
        .iter()
        .map(|segment| segment.msn);
    let entries: Vec<Entry> = numbers.map(|msn| entry("k", msn)).collect();
    let entries = &entries;
    list.encrypt(&Listing { first, entries }).unwrap()
}
