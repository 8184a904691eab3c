//! Live renditions whose playlists are gone from the source: after a while they are left.
//!
//! What is published of one stays as it is. If its playlist comes again it is found as by a process that
//! begins. Must not know: files but for their names.

use std::time::Duration;

use super::engine::Engine;
use super::event::Event;
use super::path::Beneath;
use super::track::Track;
use crate::api::Text;
use crate::domain::Timestamp;

/// A packager that is started again may be away for a while.
const AWAY: Duration = Duration::from_secs(120);

impl Engine {
    /// Leaves what has not been among the playlists that were `found`, in order, for too long.
    pub(super) fn leave_gone(&mut self, found: &[Beneath], now: Timestamp) {
        let mut gone = Vec::new();
        for (at, track) in &mut self.tracks {
            if found.binary_search(at).is_ok() || !track.awaits_more() {
                track.gone = None;
                continue;
            }
            let since = *track.gone.get_or_insert(now);
            if now.since(since) >= AWAY {
                gone.push(at.clone());
            }
        }
        for at in gone {
            self.leave(&at);
        }
    }

    fn leave(&mut self, at: &Beneath) {
        let Some(track) = self.tracks.remove(at) else {
            return;
        };
        self.source.reread(at);
        self.refused.remove(at);
        self.held_over.remove(at);
        self.events.extend(self.notices.resumed(at.as_str()));
        if track.listed.is_some() {
            self.left.insert(at.clone());
            self.unreported = true;
        }
        let rendition = Text(track.name);
        self.events.push(Event::Left { rendition });
    }
}

impl Track {
    /// Whether its source is live and has not ended.
    fn awaits_more(&self) -> bool {
        let has_ended = self.source.as_ref().is_some_and(|list| list.is_ended());
        let is_closed = self.listed.as_ref().is_some_and(|listed| listed.ended);
        self.is_live_list() && !has_ended && !is_closed
    }
}
