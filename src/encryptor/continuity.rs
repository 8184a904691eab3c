//! Whether a source's playlist goes on from what is published.
//!
//! Numbers never go back and a published segment never becomes another; a source that began anew
//! shows in one of the two. Must not know: why it did.

use std::time::Duration;

use super::names::is_name_of;
use super::track::{Done, Track};
use crate::domain::Timestamp;
use crate::playlist::{MediaPlaylist, Next, Segment};

/// Why a playlist is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Break {
    /// Its numbering began anew.
    Restarted(String),
    /// It ends before what is published: half written, or restarted.
    Shortened(String),
    /// What is published has ended, and it goes on.
    Finished(String),
    /// It lists nothing yet.
    Nothing,
}

/// What a playlist says, as far as it is compared.
pub(super) struct Look<'a> {
    first: u64,
    last: Option<u64>,
    is_ended: bool,
    is_iframes: bool,
    target: Duration,
    /// Its segments, but for those that stand as they stood in the last playlist that was taken.
    anew: &'a [Segment],
}

impl<'a> From<&'a MediaPlaylist> for Look<'a> {
    fn from(list: &'a MediaPlaylist) -> Self {
        Self {
            first: list.media_sequence(),
            last: list.segments().last().map(|last| last.msn),
            is_ended: list.is_ended(),
            is_iframes: list.is_iframes(),
            target: list.target_duration(),
            anew: list.segments(),
        }
    }
}

impl<'a> From<&'a Next<'_>> for Look<'a> {
    fn from(next: &'a Next<'_>) -> Self {
        Self {
            first: next.media_sequence(),
            last: next.backwards().next().map(|last| last.msn),
            is_ended: next.is_ended(),
            is_iframes: next.is_iframes(),
            target: next.target_duration(),
            anew: next.read_anew(),
        }
    }
}

/// Checks a playlist against what `track` has published; the last one that was taken began with the
/// number `previous`.
pub(super) fn check(list: &Look<'_>, track: &Track, previous: Option<u64>) -> Result<(), Break> {
    let (first, Some(last)) = (list.first, list.last) else {
        return Err(Break::Nothing);
    };
    if let Some(previous) = previous.filter(|previous| first < *previous) {
        let how = format!("its media sequence went from {previous} back to {first}");
        return Err(Break::Restarted(how));
    }
    let Some(listed) = &track.listed else {
        return Ok(());
    };
    if track.floor() > listed.last {
        return Ok(()); // what is published is of an earlier run
    }
    let (from, to) = (listed.first.max(track.floor()), listed.last);
    let range = format!("it lists {first} to {last}, published is {from} to {to}");
    if last < from {
        return Err(Break::Restarted(range));
    }
    check_segments(list, track)?;
    if listed.ended && !(list.is_ended && last == to) {
        return Err(Break::Finished(format!("{range} and has ended")));
    }
    if last < to {
        return Err(Break::Shortened(range));
    }
    Ok(())
}

fn check_segments(list: &Look<'_>, track: &Track) -> Result<(), Break> {
    let own = list.anew.iter().filter(|own| own.msn >= track.floor());
    let both = own.filter_map(|segment| Some((segment, track.done.get(&segment.msn)?)));
    for (segment, done) in both {
        check_file(list, segment, done, track)?;
        let apart = |a: Timestamp, b: Timestamp| a.since(b).max(b.since(a));
        let (was, is) = (done.date, segment.time);
        if let (Some(was), Some(is)) = (was, is)
            && apart(was, is) > list.target
        {
            let how = format!("segment {} was at {was} and is now at {is}", segment.msn);
            return Err(Break::Restarted(how));
        }
    }
    Ok(())
}

fn check_file(list: &Look<'_>, segment: &Segment, done: &Done, track: &Track) -> Result<(), Break> {
    let Some(media) = &done.media else {
        return Ok(());
    };
    if is_name_of(&media.path, &track.at, list.is_iframes, segment) {
        return Ok(());
    }
    let (msn, was, is) = (segment.msn, &media.path, &segment.uri);
    let how = format!("segment {msn} was {was} and is now {is}");
    Err(Break::Restarted(how))
}
