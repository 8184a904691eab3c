//! Media that lies in a sink and that no playlist lists, as far as an earlier run left it there.
//!
//! A killed run leaves segments that it had not listed yet, or not deleted yet. Whatever looks clear
//! was not written by this program: a trailer, or what another manifest names, stays. Must not
//! know: when strays are deleted.

use std::collections::BTreeSet;
use std::io;

use super::boxes;
use super::path::Beneath;
use super::sink::DirSink;
use super::tables::{PACKET, SYNC};
use crate::playlist::{Definitions, Playlist};

/// What segments are called. Nothing else in a sink is deleted.
const MEDIA: [&str; 14] = [
    "ts", "aac", "ac3", "ec3", "mp3", "vtt", "webvtt", "m4s", "mp4", "m4v", "m4a", "cmfv", "cmfa",
    "cmft",
];
/// What a file's kind shows in.
const HEAD: u64 = 192;

/// The strays of `sink`.
pub(super) fn strays(sink: &DirSink) -> io::Result<Vec<Beneath>> {
    let files = sink.files()?;
    let listed = listed_in(sink, &files);
    let is_media = |file: &Beneath| MEDIA.contains(&file.extension());
    let unlisted = files.into_iter();
    let unlisted = unlisted.filter(|file| is_media(file) && !listed.contains(file));
    Ok(unlisted.filter(|file| is_encrypted(sink, file)).collect())
}

/// The segments that the playlists of a sink list, ours or not.
fn listed_in(sink: &DirSink, files: &[Beneath]) -> BTreeSet<Beneath> {
    let playlists = files.iter().filter(|file| file.is_playlist());
    let texts = playlists.filter_map(|at| Some((at, sink.playlist(at).ok()??)));
    let mut listed = BTreeSet::new();
    for (at, text) in texts {
        let Ok(list) = Playlist::parse(&text) else {
            continue;
        };
        // what a list imports is written out when it is published
        list.map_defined_uris(&Definitions::new(), &mut |_, uri| {
            listed.extend(at.resolve(uri).ok());
            uri.to_owned()
        });
    }
    listed
}

/// Whole blocks of AES, and nothing that a player would know.
fn is_encrypted(sink: &DirSink, path: &Beneath) -> bool {
    let is_whole = |len: u64| len > 0 && len.is_multiple_of(16);
    let head = sink.head(path, HEAD);
    sink.length(path).is_some_and(is_whole) && head.is_ok_and(|head| !looks_clear(&head))
}

fn looks_clear(head: &[u8]) -> bool {
    let is_ts = head.first() == Some(&SYNC) && head.get(PACKET).is_none_or(|next| *next == SYNC);
    let is_text = head.starts_with(b"WEBVTT") || head.starts_with(b"\xef\xbb\xbfWEBVTT");
    // MPEG audio, AAC in ADTS, AC-3
    let is_audio = matches!(head, [0xff, 0xe0..=0xff, ..] | [0x0b, 0x77, ..]);
    is_ts || is_text || is_audio || head.starts_with(b"ID3") || boxes::is_box(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ciphertext_that_nothing_lists_is_a_stray() {
        let dir = tempfile::tempdir().unwrap();
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        let cipher = [0x5a; 208];
        let padded = |head: &[u8]| [head, &cipher[head.len()..]].concat();
        for (name, bytes) in [
            ("ours.ts", cipher.to_vec()),
            ("listed.ts", cipher.to_vec()),
            ("notes.txt", cipher.to_vec()),
            ("torn.ts", cipher[1..].to_vec()),
            ("trailer.mp4", padded(b"\0\0\0\x20ftypisom")),
            ("dash.m4s", padded(b"\0\0\0\x20styp")),
            ("clear.ts", {
                let mut ts = padded(b"\x47");
                ts[188] = 0x47;
                ts
            }),
            ("by_chance.ts", padded(b"\x47")),
            ("subtitles.vtt", padded(b"WEBVTT\n")),
            ("sound.aac", padded(b"ID3\x04")),
            ("sound.ac3", padded(b"\x0b\x77")),
            ("sound.mp3", padded(b"\xff\xfb")),
            (
                "i.m3u8",
                b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nlisted.ts\n".to_vec(),
            ),
        ] {
            write(name, &bytes);
        }
        let sink = DirSink::open(dir.path()).unwrap();
        let mut found = strays(&sink).unwrap();
        found.sort();
        let expected = ["by_chance.ts", "ours.ts"].map(|at| Beneath::found(at).unwrap());
        assert_eq!(found, expected);
    }
}
