//! Takes what a live playlist says next at the cost of what is new in it.
//!
//! Whatever is not plainly as before is left to those who look at a playlist as a whole
//! (`scan.rs`). Must not know: how that is.

use std::sync::Arc;

use super::choose::Context;
use super::continuity::{self, Look};
use super::engine::Engine;
use super::path::Beneath;
use super::track::Track;
use crate::domain::Timestamp;
use crate::playlist::{MediaPlaylist, Next};

impl Engine {
    /// Takes `text` for what the rendition's playlist says next; gives it back where that is to be
    /// looked at as a whole.
    pub(super) fn follow(
        &mut self,
        at: &Beneath,
        text: String,
        context: &Context<'_>,
    ) -> Result<(), String> {
        let is_known =
            |track: &&mut Track| track.run.is_some() && !track.may_be_later(context.runs);
        let track = self.tracks.get_mut(at).filter(is_known);
        // while the playlist goes on, the rendition is without it
        let list = track.filter(|_| !self.is_recording);
        let Some(mut list) = list.and_then(|track| track.source.take()) else {
            return Err(text);
        };
        let taken = self.go_on_with(at, Arc::make_mut(&mut list), text, context.now);
        if let Some(track) = self.tracks.get_mut(at) {
            match taken {
                Ok(()) => track.put(list),
                Err(_) => track.source = Some(list),
            }
        }
        taken
    }

    fn go_on_with(
        &mut self,
        at: &Beneath,
        list: &mut MediaPlaylist,
        text: String,
        now: Timestamp,
    ) -> Result<(), String> {
        let (previous, is_iframes) = (list.media_sequence(), list.is_iframes());
        let next = list.read_on(text)?;
        let backwards = (next.backwards(), next.is_iframes());
        let is_same = matches!(self.rewritten(at, backwards, now), Ok(None));
        let goes_on = |track: &Track| continuity::check(&Look::from(&next), track, Some(previous));
        let goes_on = self.tracks.get(at).map(goes_on);
        let is_alike = is_same && next.is_iframes() == is_iframes;
        if !is_alike || !matches!(goes_on, Some(Ok(()))) {
            return Err(next.into_text());
        }
        self.note_written(at, &next, now);
        self.work.read += next.read_anew().len() as u64;
        next.take();
        self.taken += 1;
        Ok(())
    }

    /// Takes note of when the last file of the playlist was written.
    fn note_written(&mut self, at: &Beneath, next: &Next<'_>, now: Timestamp) {
        let last = next.backwards().next();
        let path = last.and_then(|last| at.resolve_segment(&last.uri).ok());
        let stamp = path.and_then(|path| self.source.stamp(&path));
        if let (Some(stamp), Some(track)) = (stamp, self.tracks.get_mut(at)) {
            track.newest.take(stamp.modified, now);
        }
    }
}
