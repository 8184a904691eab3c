//! Goes on after a restart of this process while the server is away: by its own note of the run,
//! where the source's newest published segment still makes the very file that is in the sink.
//!
//! Must not know: HTTP; what the server says comes first, and it is waited for a while.

use std::time::Duration;

use super::choose::Context;
use super::engine::Engine;
use super::lease::Lease;
use super::path::Beneath;
use super::piece::Piece;
use super::seal::{Plain, seal};
use super::source::{Content, Sight};
use super::track::Media;
use crate::api::RunView;
use crate::crypto::Iv;
use crate::domain::{Rendition, Run, Timestamp};
use crate::playlist::MediaPlaylist;

/// The server's word is waited for this long.
const PATIENCE: Duration = Duration::from_secs(5);
/// The note, in the sink: it belongs to what is published there.
const NOTE: &str = ".hlskey-run.json";

impl Engine {
    /// The run that `list` goes on with, as far as that can be told from the sink alone.
    pub(super) fn proved(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
        context: &Context<'_>,
    ) -> Option<Run> {
        let (lease, now) = (context.lease?, context.now);
        let track = self.tracks.get(at)?;
        track.listed.as_ref()?;
        if now.since(track.found) < PATIENCE {
            return None;
        }
        let run = self.noted();
        let numbered = list.clone().renumber(&run)?;
        self.is_published(at, &numbered, lease, now).then_some(run)
    }

    /// Whether the newest segment of `list` that the sink has is the one that was encrypted.
    fn is_published(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
        lease: &Lease,
        now: Timestamp,
    ) -> bool {
        let Some(track) = self.tracks.get(at) else {
            return false;
        };
        let both = list.segments().iter().rev().find_map(|segment| {
            let media = track.done.get(&segment.msn)?.media.clone()?;
            let piece = Piece::of(at, list.is_iframes(), segment).ok()?;
            let is_there = self.source.stamp(&piece.path).is_some();
            is_there.then_some((segment.msn, piece, media))
        });
        let Some((msn, piece, media)) = both else {
            return false;
        };
        let rendition = track.name.clone();
        let Sight::Settled(stamp) = self.source.sight(&piece, now) else {
            return false;
        };
        match self.source.segment(&piece, stamp) {
            Content::Whole(bytes) => self.is_made_of(bytes, &rendition, msn, &media, lease),
            _ => false,
        }
    }

    /// Whether the published file of `media` is what `bytes` are encrypted to.
    pub(super) fn is_made_of(
        &self,
        bytes: Vec<u8>,
        rendition: &Rendition,
        msn: u64,
        media: &Media,
        lease: &Lease,
    ) -> bool {
        let Some(key) = lease.by_kid(media.kid) else {
            return false;
        };
        let iv = match media.iv {
            Some(_) => Iv::for_segment(key.key(), rendition, msn),
            None => Iv::of_sequence(msn),
        };
        let sealed = seal(vec![Plain { bytes, key, iv }]).pop().flatten();
        let published = self.sink.read(&media.path);
        matches!((sealed, published), (Some(sealed), Ok(published)) if sealed.as_bytes() == published)
    }

    /// Writes down the run that renditions go on with. Without the note only the server can tell.
    pub(super) fn remember(&mut self, run: &Run) {
        let Some(at) = Beneath::found(NOTE) else {
            return;
        };
        let view = RunView::from(run);
        if let Ok(text) = serde_json::to_string(&view) {
            let _ = self.sink.write_playlist(&at, &text);
        }
    }

    fn noted(&self) -> Run {
        let text = Beneath::found(NOTE).and_then(|at| self.sink.playlist(&at).ok()?);
        let view = text.and_then(|text| serde_json::from_str::<RunView>(&text).ok());
        view.map_or(Run::INITIAL, |view| Run::from(&view))
    }
}
