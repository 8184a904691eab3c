//! What is not encrypted: the whole stream, one rendition of a ladder, segments of a list.
//!
//! Must not know: who may watch.

use super::super::code;
use super::super::fault::Place;
use super::super::walk::Walk;
use crate::playlist::Segment;

/// Names each clear rendition.
pub(in super::super) fn ladder(walk: &mut Walk<'_, '_>) {
    let there = walk
        .outcome
        .renditions
        .iter()
        .filter(|it| !it.list.segments().is_empty());
    let (encrypted, clear): (Vec<_>, Vec<_>) = there.partition(|it| it.is_encrypted());
    if encrypted.is_empty() && !clear.is_empty() {
        let place = Place::of_url(&walk.outcome.kit.top);
        let names: Vec<_> = clear.iter().map(|it| it.name.as_str()).collect();
        let text = format!("no EXT-X-KEY in {}", names.join(", "));
        walk.faults.add(&code::STREAM_CLEAR, place, text);
        return;
    }
    for rendition in encrypted {
        let bare = |it: &&Segment| it.key.is_none() && !it.clear && !it.gap;
        let bare = rendition.list.segments().iter().filter(bare).count();
        if bare > 0 && !walk.faults.has(&code::KEY_TAG_LOST) {
            let place = Place::of_rendition(&rendition.name, &rendition.url);
            let text = format!("{bare} segments before the first EXT-X-KEY");
            walk.faults.add(&code::SEGMENT_CLEAR, place, text);
        }
    }
    for rendition in clear {
        let place = Place::of_rendition(&rendition.name, &rendition.url);
        let text = format!("no EXT-X-KEY in this {} playlist", rendition.kind);
        walk.faults.add(&code::RENDITION_CLEAR, place, text);
    }
}
