//! Whether a source's playlist goes on from what is published.
//!
//! Numbers never go back and a published segment never becomes another; a source that began anew
//! shows in one of the two. Must not know: why it did.

use super::names::is_name_of;
use super::track::{Done, Track};
use crate::domain::Timestamp;
use crate::playlist::{MediaPlaylist, Segment};

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

/// Checks `list` against what `track` has published.
pub(super) fn check(list: &MediaPlaylist, track: &Track) -> Result<(), Break> {
    let (first, Some(last)) = (list.media_sequence(), list.segments().last()) else {
        return Err(Break::Nothing);
    };
    let previous = track.source.as_ref().map(|list| list.media_sequence());
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
    let range = format!(
        "it lists {first} to {}, published is {from} to {to}",
        last.msn
    );
    if last.msn < from {
        return Err(Break::Restarted(range));
    }
    check_segments(list, track)?;
    if listed.ended && !(list.is_ended() && last.msn == to) {
        return Err(Break::Finished(format!("{range} and has ended")));
    }
    if last.msn < to {
        return Err(Break::Shortened(range));
    }
    Ok(())
}

/// Segments that stand as they stood in the last list that was taken need no second look.
fn check_segments(list: &MediaPlaylist, track: &Track) -> Result<(), Break> {
    let is_known = |index| track.source.is_some() && list.is_taken_over(index);
    let both = list.segments().iter().enumerate();
    let both = both
        .filter(|(index, segment)| segment.msn >= track.floor() && !is_known(*index))
        .filter_map(|(_, segment)| Some((segment, track.done.get(&segment.msn)?)));
    for (segment, done) in both {
        check_file(list, segment, done, track)?;
        let apart = |a: Timestamp, b: Timestamp| a.since(b).max(b.since(a));
        let (was, is) = (done.date, segment.time);
        if let (Some(was), Some(is)) = (was, is)
            && apart(was, is) > list.target_duration()
        {
            let how = format!("segment {} was at {was} and is now at {is}", segment.msn);
            return Err(Break::Restarted(how));
        }
    }
    Ok(())
}

fn check_file(
    list: &MediaPlaylist,
    segment: &Segment,
    done: &Done,
    track: &Track,
) -> Result<(), Break> {
    let Some(media) = &done.media else {
        return Ok(());
    };
    if is_name_of(&media.path, &track.at, list, segment) {
        return Ok(());
    }
    let (msn, was, is) = (segment.msn, &media.path, &segment.uri);
    let how = format!("segment {msn} was {was} and is now {is}");
    Err(Break::Restarted(how))
}
