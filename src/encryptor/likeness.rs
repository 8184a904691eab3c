//! Compares what a playlist lists with what is known of the source's runs.
//!
//! Must not know: what follows from it.

use super::engine::Engine;
use super::path::{Beneath, PathError};
use super::piece::Piece;
use super::runs::{KnownRun, Runs, fingerprint};
use super::source::{Content, Sight};
use crate::domain::{Fingerprint, Run, Timestamp};
use crate::playlist::{MediaPlaylist, Segment};

/// What a playlist and a run's marks have in common.
enum Likeness {
    /// The newest segment that both have is the same.
    Same,
    /// It is another.
    Other,
    /// There is none, and the playlist goes on where the marks end.
    Later,
    /// The run has no marks of the rendition, and the playlist may be in it.
    Unmarked,
    /// There is none, and the playlist is behind.
    Earlier,
    /// The file cannot be compared yet.
    Open,
}

/// A run that a playlist is in.
pub(super) struct Found {
    pub(super) run: Run,
    /// Whether that shows in a segment that both have. It is a guess else: the newest run.
    pub(super) is_proved: bool,
}

/// A file that would tell is being written.
pub(super) struct Open;

/// How many published segments' files are looked at.
const LOOKED_AT: usize = 8;

impl Engine {
    /// The run after `after` that `list` is in.
    pub(super) fn find(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
        runs: &Runs,
        after: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<Found>, Open> {
        let (mut newest, mut own) = (None, None);
        for known in runs.after(after) {
            let run = known.run;
            let is_newest = run.ordinal == runs.newest();
            match self.likeness(at, list, known, now) {
                Likeness::Same => {
                    let is_proved = true;
                    return Ok(Some(Found { run, is_proved }));
                }
                Likeness::Open => return Err(Open),
                Likeness::Later if is_newest => own = Some(run),
                // Others restarted since, and it goes on where it was.
                Likeness::Later if after.is_none() => own = own.or(Some(run)),
                Likeness::Unmarked if is_newest => newest = Some(run),
                _ => {}
            }
        }
        let guess = |run| Found {
            run,
            is_proved: false,
        };
        Ok(own.or(newest).map(guess))
    }

    fn likeness(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
        known: &KnownRun,
        now: Timestamp,
    ) -> Likeness {
        let Some(track) = self.tracks.get(at) else {
            return Likeness::Open;
        };
        let (first, last) = (list.media_sequence(), list.segments().last());
        let Some(marks) = known.marks(&track.name) else {
            let is_in = last.is_some_and(|last| last.msn >= known.run.first);
            return if is_in {
                Likeness::Unmarked
            } else {
                Likeness::Earlier
            };
        };
        for (index, segment) in list.segments().iter().enumerate().rev() {
            let Some(known) = marks.get(&segment.msn) else {
                continue;
            };
            match self.fingerprint_at(at, list, index, now) {
                None => return Likeness::Open,
                Some(None) => {}
                Some(Some(own)) if own == *known => return Likeness::Same,
                Some(Some(_)) => return Likeness::Other,
            }
        }
        match marks.last_key_value() {
            Some((last, _)) if first <= *last => Likeness::Earlier,
            _ => Likeness::Later,
        }
    }

    /// The first segment of `list` whose file was written after all that were taken before, by its
    /// index, with its fingerprint.
    pub(super) fn opening(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
        now: Timestamp,
    ) -> Option<(usize, Fingerprint)> {
        let newest = self.tracks.get(at)?.newest;
        for (index, segment) in list.segments().iter().enumerate() {
            let Ok(path) = at.resolve_segment(&segment.uri) else {
                continue;
            };
            let Some(stamp) = self.source.stamp(&path) else {
                continue;
            };
            if newest.is_before(stamp.modified, now) {
                let found = self.fingerprint_at(at, list, index, now)?;
                if let Some(fingerprint) = found {
                    return Some((index, fingerprint));
                }
            }
        }
        None
    }

    /// The fingerprint of a segment's file: `None` while it is being written, `Some(None)` if it
    /// cannot be had.
    fn fingerprint_at(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
        index: usize,
        now: Timestamp,
    ) -> Option<Option<Fingerprint>> {
        let piece = Piece::of(at, list.is_iframes(), &list.segments()[index]);
        self.fingerprint_of(piece, now)
    }

    fn fingerprint_of(
        &mut self,
        piece: Result<Piece, PathError>,
        now: Timestamp,
    ) -> Option<Option<Fingerprint>> {
        let Ok(piece) = piece else {
            return Some(None);
        };
        match self.source.sight(&piece, now) {
            Sight::Growing => None,
            Sight::Settled(stamp) => match self.source.segment(&piece, stamp) {
                Content::Whole(bytes) => Some(Some(fingerprint(&bytes))),
                Content::Changed => None,
                Content::Torn(_) | Content::Failed(_) => Some(None),
            },
            _ => Some(None),
        }
    }

    /// How it shows that the files of all that a playlist, whose segments are `backwards`, and the
    /// published one have in common were written again, with other bytes: the source began anew and
    /// has come as far as before.
    pub(super) fn rewritten<'a>(
        &mut self,
        at: &Beneath,
        (backwards, is_iframes): (impl Iterator<Item = &'a Segment>, bool),
        now: Timestamp,
    ) -> Result<Option<String>, Open> {
        let Some(track) = self.tracks.get(at).filter(|track| track.is_live_list()) else {
            return Ok(None);
        };
        let mut last = None;
        let made = backwards.take_while(|segment| segment.msn >= track.made_from);
        let both = made.filter_map(|segment| {
            let media = track.done.get(&segment.msn)?.media.as_ref()?;
            Some((segment, media.source.as_ref()?, media.fingerprint?))
        });
        for (segment, taken, fingerprint) in both.take(LOOKED_AT) {
            if self
                .source
                .stamp(&taken.path)
                .is_none_or(|is| is == taken.was)
            {
                return Ok(None);
            }
            last.get_or_insert((segment, fingerprint));
        }
        let Some((segment, was)) = last else {
            return Ok(None);
        };
        let piece = Piece::of(at, is_iframes, segment);
        let msn = segment.msn;
        let is = self.fingerprint_of(piece, now).ok_or(Open)?;
        let how = format!("segment {msn} and those before it were written again");
        Ok(is.filter(|is| *is != was).map(|_| how))
    }
}
