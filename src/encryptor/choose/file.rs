//! What a segment's file waits for, and for how long.
//!
//! Must not know: keys.

use super::{Chooser, LOOKAHEAD, Step, wait};
use crate::encryptor::event::StallReason;
use crate::encryptor::piece::Piece;
use crate::encryptor::place::Timeline;
use crate::encryptor::root::Stamp;
use crate::encryptor::source::Sight;
use crate::encryptor::track::patience;

impl Chooser<'_, '_> {
    /// The state of a segment's file once it is complete.
    pub(super) fn file(&mut self, index: usize, msn: u64, piece: &Piece) -> Result<Stamp, Step> {
        let (reason, detail) = match self.source.sight(piece, self.context.now) {
            Sight::Settled(stamp) if self.is_still_old(msn, piece, stamp) => {
                let detail = format!("{piece} is still that of the run before");
                return Err(wait(msn, StallReason::Missing, detail));
            }
            Sight::Settled(stamp) => {
                self.track.absent.remove(&msn);
                return Ok(stamp);
            }
            Sight::Empty { settled: true } if self.list.is_ended() => {
                return Err(Step::Gap(Some(StallReason::Empty)));
            }
            Sight::Locked(why) => return Err(wait(msn, StallReason::NoKey, why)),
            unready => cause(unready, piece),
        };
        if reason == StallReason::Growing {
            self.track.absent.remove(&msn);
            return Err(wait(msn, reason, detail));
        }
        Err(self.absent(index, msn, reason, detail))
    }

    /// Whether the file is to be written yet: it was published before the source began anew. One
    /// that stays as it is for two target durations is meant.
    fn is_still_old(&mut self, msn: u64, piece: &Piece, stamp: Stamp) -> bool {
        if piece.range.is_some() || !self.track.is_stale(&piece.path, stamp) {
            return false;
        }
        let now = self.context.now;
        let since = *self.track.absent.entry(msn).or_insert(now);
        now.since(since) < patience(self.list)
    }

    /// A file that is not there, or not whole and not written to, is waited for; in a live list,
    /// once a later segment is ready, for two target durations. One that is gone where nothing
    /// published comes before it is not waited for.
    fn absent(&mut self, index: usize, msn: u64, reason: StallReason, detail: String) -> Step {
        let now = self.context.now;
        let since = *self.track.absent.entry(msn).or_insert(now);
        if self.track.timeline != Timeline::Live {
            return wait(msn, reason, detail);
        }
        let later = self.later_is_ready(index);
        let is_gone = reason == StallReason::Missing;
        if is_gone && later && self.is_leading(index) && !self.list.is_pinned() {
            return Step::Skip;
        }
        let lasted = now.since(since) >= patience(self.list);
        if lasted && (later || self.list.is_ended()) {
            return Step::Gap(Some(reason));
        }
        wait(msn, reason, detail)
    }

    fn later_is_ready(&mut self, index: usize) -> bool {
        let later = self.list.segments().iter().skip(index + 1).take(LOOKAHEAD);
        let (at, is_iframes) = (&self.track.at, self.list.is_iframes());
        let now = self.context.now;
        let mut pieces = later.filter_map(|segment| Piece::of(at, is_iframes, segment).ok());
        pieces.any(|piece| matches!(self.source.sight(&piece, now), Sight::Settled(_)))
    }

    /// Whether nothing that players have comes right before the segment at `index`.
    fn is_leading(&self, index: usize) -> bool {
        let start = self.track.start.unwrap_or(0);
        let mut before = self.list.segments()[..index].iter();
        self.track.jumped() && before.all(|segment| segment.msn < start)
    }
}

/// What a file that is not there whole is said to lack.
pub(super) fn cause(unready: Sight, piece: &Piece) -> (StallReason, String) {
    match unready {
        Sight::Settled(_) | Sight::Growing => {
            (StallReason::Growing, format!("{piece} is being written"))
        }
        Sight::Missing => (StallReason::Missing, format!("{piece} is not there")),
        Sight::Empty { .. } => (StallReason::Empty, format!("{piece} is empty")),
        Sight::Locked(why) => (StallReason::NoKey, why),
        Sight::Torn(how) => (StallReason::Truncated, how),
        Sight::TooLarge => (StallReason::TooLarge, format!("{piece} is over 512 MiB")),
        Sight::Unusable(why) => (StallReason::NotReadable, format!("{piece}: {why}")),
    }
}
