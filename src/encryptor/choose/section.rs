//! The initialisation section that a segment needs, and how it is to be published.
//!
//! Must not know: what is in one.

use std::sync::Arc;

use super::file::cause;
use super::{Chooser, stall};
use crate::domain::IvRule;
use crate::encryptor::containers::MapRule;
use crate::encryptor::event::StallReason;
use crate::encryptor::lease::{HeldKey, Lease};
use crate::encryptor::notices::Stall;
use crate::encryptor::piece::Piece;
use crate::encryptor::root::Stamp;
use crate::encryptor::section::{Initial, MAX_SECTION, Planned};
use crate::encryptor::source::{Content, Sight};
use crate::playlist::Map;

/// The section that was read last, and its file's state then.
pub(in crate::encryptor) type Read = (Piece, Stamp, Arc<Initial>);

impl Chooser<'_, '_> {
    /// The section of segment `msn`, which is encrypted under `key`.
    ///
    /// It is waited for without an end: without it the segment is of no use.
    pub(super) fn section(
        &mut self,
        msn: u64,
        map: &Map,
        key: &Arc<HeldKey>,
    ) -> Result<Planned, Stall> {
        let outside = |error: &dyn std::fmt::Display| {
            stall(msn, StallReason::Outside, format!("{}: {error}", map.uri))
        };
        let at = &self.track.at;
        let piece = Piece::section(at, map).map_err(|error| outside(&error))?;
        let initial = self.initial(msn, &piece)?;
        let (at, rendition) = (&self.track.at, &self.track.name);
        let planned = match self.context.containers.map {
            MapRule::Clear => Planned::clear(at, &map.uri, initial),
            MapRule::Encrypted if self.context.lease.map(Lease::iv) == Some(IvRule::Sequence) => {
                let detail = "an encrypted EXT-X-MAP needs an IV, and the stream's tags say none";
                return Err(stall(msn, StallReason::Unsupported, detail.to_owned()));
            }
            MapRule::Encrypted => Planned::encrypted(at, &map.uri, initial, (rendition, key)),
        };
        let planned = planned.map_err(|error| outside(&error))?;
        let claimed = self.names.claim_section(&planned.published.path);
        claimed.map_err(|error| {
            let detail = format!("{}: {error}", planned.published.path);
            stall(msn, StallReason::Shared, detail)
        })?;
        Ok(planned)
    }

    /// The bytes of a section, once they are complete.
    fn initial(&mut self, msn: u64, piece: &Piece) -> Result<Arc<Initial>, Stall> {
        let stamp = match self.source.sight(piece, self.context.now) {
            Sight::Settled(stamp) => stamp,
            Sight::Torn(how) => return Err(stall(msn, StallReason::Section, how)),
            unready => {
                let (reason, detail) = cause(unready, piece);
                return Err(stall(msn, reason, detail));
            }
        };
        if let Some((known, was, initial)) = &self.track.initial
            && known == piece
            && *was == stamp
        {
            return Ok(initial.clone());
        }
        if piece.len_in(stamp.len) > MAX_SECTION {
            let detail = format!("{piece} is over 4 MiB, which is too long for EXT-X-MAP");
            return Err(stall(msn, StallReason::Section, detail));
        }
        let read = match self.source.segment(piece, stamp) {
            Content::Whole(bytes) => Initial::of(bytes),
            Content::Changed => return Err(stall(msn, StallReason::Growing, piece.to_string())),
            Content::Torn(how) => Err(how),
            Content::Failed(why) => {
                let detail = format!("{piece}: {why}");
                return Err(stall(msn, StallReason::NotReadable, detail));
            }
        };
        let initial = read.map_err(|how| stall(msn, StallReason::Section, how))?;
        let initial = Arc::new(initial);
        self.track.initial = Some((piece.clone(), stamp, initial.clone()));
        Ok(initial)
    }
}
