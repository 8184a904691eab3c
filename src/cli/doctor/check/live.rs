//! Two looks at a live playlist: it goes on, and what was listed stays as it was.
//!
//! Must not know: when the looks were taken.

use super::super::code;
use super::super::fault::{Faults, Place};
use crate::playlist::MediaPlaylist;

/// Whether the second look is further.
pub(in super::super) fn has_moved(first: &MediaPlaylist, second: &MediaPlaylist) -> bool {
    last(second) > last(first) || second.is_ended()
}

pub(in super::super) fn judge(
    first: &MediaPlaylist,
    second: &MediaPlaylist,
    place: Place<'_>,
    faults: &mut Faults,
) {
    let (before, now) = (first.media_sequence(), second.media_sequence());
    if now < before || last(second) < last(first) {
        let text = format!("EXT-X-MEDIA-SEQUENCE was {before} and is {now}");
        return faults.add(&code::LIVE_BACK, place, text);
    }
    for old in first.segments() {
        let same = second.segments().iter().find(|new| new.msn == old.msn);
        let is_as_before = same.is_none_or(|new| {
            path(&new.uri) == path(&old.uri) && new.range == old.range && key(new) == key(old)
        });
        if !is_as_before {
            let text = format!("segment {} has another URI, key or IV now", old.msn);
            return faults.add(&code::LIVE_CHANGED, place, text);
        }
    }
    if !has_moved(first, second) {
        let text = format!(
            "no new segment after {} s",
            first.target_duration().as_secs() * 2
        );
        faults.add(&code::LIVE_STALLED, place, text);
    }
}

fn last(list: &MediaPlaylist) -> Option<u64> {
    list.segments().last().map(|segment| segment.msn)
}

/// Tokens in queries may change from look to look.
fn path(uri: &str) -> &str {
    uri.split('?').next().unwrap_or_default()
}

fn key(segment: &crate::playlist::Segment) -> Option<(&str, Option<&str>)> {
    let key = segment.key.as_deref()?;
    Some((path(&key.uri), key.iv.as_deref()))
}
