//! The same texts through another parser, where it reads what we read.

use proptest::prelude::*;
use quick_m3u8::config::ParsingOptionsBuilder;
use quick_m3u8::tag::KnownTag;
use quick_m3u8::tag::hls::Tag;
use quick_m3u8::{HlsLine, Reader};

use super::generated::live_lists;
use super::*;

/// What the other parser says of one segment: URI, seconds, key URI, IV, GAP.
#[derive(Debug, Default, Clone, PartialEq)]
struct Other {
    uri: String,
    seconds: f64,
    key: Option<(String, Option<String>)>,
    gap: bool,
    discontinuity: bool,
}

#[derive(Debug, Default)]
struct OtherList {
    media_sequence: u64,
    version: u64,
    ended: bool,
    segments: Vec<Other>,
}

fn other(text: &str) -> OtherList {
    let options = ParsingOptionsBuilder::new()
        .with_parsing_for_all_tags()
        .build();
    let mut reader = Reader::from_str(text, options);
    let mut list = OtherList::default();
    let mut next = Other::default();
    while let Some(line) = reader.read_line().expect("a valid list") {
        match line {
            HlsLine::KnownTag(KnownTag::Hls(tag)) => take_tag(tag, &mut list, &mut next),
            HlsLine::Uri(uri) if !uri.trim().is_empty() => {
                let key = next.key.clone();
                let uri = uri.trim().to_owned();
                list.segments.push(Other {
                    uri,
                    ..std::mem::take(&mut next)
                });
                next.key = key;
            }
            _ => {}
        }
    }
    list
}

fn take_tag(tag: Tag<'_>, list: &mut OtherList, next: &mut Other) {
    match tag {
        Tag::MediaSequence(tag) => list.media_sequence = tag.media_sequence(),
        Tag::Version(tag) => list.version = tag.version(),
        Tag::Endlist(_) => list.ended = true,
        Tag::Inf(tag) => next.seconds = tag.duration(),
        Tag::Gap(_) => next.gap = true,
        Tag::Discontinuity(_) => next.discontinuity = true,
        Tag::Key(tag) => {
            next.key = tag
                .uri()
                .map(|uri| (uri.to_owned(), tag.iv().map(str::to_owned)));
        }
        _ => {}
    }
}

/// The other parser does not take a byte order mark.
fn bare(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

fn agree(ours: &MediaPlaylist, theirs: &OtherList) {
    assert_eq!(ours.media_sequence(), theirs.media_sequence);
    assert_eq!(ours.is_ended(), theirs.ended);
    assert_eq!(ours.segments().len(), theirs.segments.len());
    for (our, their) in ours.segments().iter().zip(&theirs.segments) {
        assert_eq!((&our.uri, our.gap), (&their.uri, their.gap));
        assert_eq!(our.discontinuity, their.discontinuity);
        assert!((our.duration.as_secs_f64() - their.seconds).abs() < 1e-6);
    }
}

proptest! {
    #[test]
    fn another_parser_reads_the_same(text in live_lists()) {
        let list = media(&text);
        agree(&list, &other(bare(&text)));
        let out = window(&list, 0, list.segments().len());
        let theirs = other(&out);
        agree(&media(&out), &theirs);
        prop_assert!(theirs.version >= 2);
        for (our, their) in list.segments().iter().zip(&theirs.segments) {
            let key = ("https://keys.test/k".to_owned(), Some(format!("0x{:032x}", our.msn)));
            prop_assert_eq!(their.key.as_ref(), Some(&key));
        }
    }
}
