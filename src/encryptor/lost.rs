//! Notices that what was published is gone from the sink, and has it published again.
//!
//! Must not know: how segments are encrypted, why the files are gone.

use super::engine::Engine;
use super::event::Event;
use super::path::Beneath;
use crate::api::Text;
use crate::domain::Timestamp;

impl Engine {
    /// Looks whether the sink is still the directory that it was and has the playlists that were
    /// published. Says whether it can be used.
    ///
    /// A rendition whose playlist is gone begins anew with what its source still lists; the same
    /// segments get the same keys, IVs and names as before.
    pub(super) fn find_lost(&mut self, now: Timestamp) -> bool {
        let is_another = match self.sink.follow() {
            Ok(is_another) => is_another,
            Err(error) => {
                self.events.extend(self.trouble.failed(&error, now));
                return false;
            }
        };
        if is_another {
            self.sections.clear(); // and what was durable, listed or not, is not there
        }
        let lost = self.tracks.values().filter(|track| match is_another {
            true => track.listed.is_some() || !track.done.is_empty(),
            false => track.listed.is_some() && !self.sink.has(&track.at),
        });
        let lost: Vec<Beneath> = lost.map(|track| track.at.clone()).collect();
        for at in lost {
            self.publish_anew(&at, now);
        }
        for (at, list) in &mut self.multivariants {
            list.is_published &= self.sink.has(at);
        }
        true
    }

    fn publish_anew(&mut self, at: &Beneath, now: Timestamp) {
        let Some(track) = self.tracks.get_mut(at) else {
            return;
        };
        let left = track.unpublish();
        let rendition = Text(track.name.clone());
        self.let_go(at, left, now);
        self.unreported = true;
        self.events.push(Event::Lost { rendition });
    }
}
