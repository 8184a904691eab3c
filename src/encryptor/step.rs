//! A system clock that is set back: waits that were to end by the old time begin anew.
//!
//! Must not know: what is waited for.

use super::engine::Engine;
use crate::domain::Timestamp;

impl Engine {
    /// Takes note of the time of a pass. A clock is set back when a host without one of its own
    /// learns the time late; every span measured across the step would last as long as the step.
    pub(super) fn keep_time(&mut self, now: Timestamp) {
        if self.time.replace(now).is_none_or(|before| before <= now) {
            return;
        }
        self.source.set_back();
        self.trouble.set_back(now);
        self.notices.set_back(now);
        self.reviewed = None;
        for track in self.tracks.values_mut() {
            track.set_back(now);
        }
    }
}
