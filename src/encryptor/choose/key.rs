//! The key of a segment, or what it waits for.
//!
//! Must not know: files.

use super::{Chooser, Placed, stall};
use crate::domain::Position;
use crate::encryptor::event::StallReason;
use crate::encryptor::lease::KeyFault;
use crate::encryptor::notices::Stall;

impl Chooser<'_, '_> {
    /// The key of a segment: the one that published parts of it are under, whatever the schedule
    /// says by now, unless an earlier process took that.
    pub(super) fn placed(&mut self, msn: u64, position: Option<Position>) -> Result<Placed, Stall> {
        let placed = self.key(msn, position)?;
        let published = self.track.partials.kid(msn);
        match published.filter(|kid| *kid != placed.key.kid) {
            None => Ok(placed),
            Some(_) => Ok(match self.track.partials.key(msn) {
                Some(key) => Placed {
                    key: key.clone(),
                    ..placed
                },
                None => placed,
            }),
        }
    }

    /// The key of a segment's period. Whatever is missing is asked for.
    fn key(&mut self, msn: u64, position: Option<Position>) -> Result<Placed, Stall> {
        let (Some(lease), Some(position)) = (self.context.lease, position) else {
            let (reason, detail) = match self.context.lease {
                None => (
                    StallReason::NoKey,
                    "no lease yet: the key server has not answered",
                ),
                Some(_) => (
                    StallReason::Unclaimed,
                    "no media segment that it is cut from is listed",
                ),
            };
            return Err(stall(msn, reason, detail.to_owned()));
        };
        if self
            .track
            .run
            .is_some_and(|run| lease.version() < run.version)
        {
            let detail = "the schedule since the source restarted is not leased yet";
            return Err(stall(msn, StallReason::NoKey, detail.to_owned()));
        }
        let rendition = &self.track.name;
        let Some(slot) = lease.slot_at(position) else {
            // I-frames have the time of their segment, which is asked for itself
            if !self.list.is_iframes() {
                let undated = (rendition.clone(), position.segment);
                self.wants.claims.insert(undated);
            }
            let detail = "it has no date, and the server has not said yet when it is";
            return Err(stall(msn, StallReason::Unclaimed, detail.to_owned()));
        };
        let index = slot.index;
        lease
            .key_on(rendition, slot, self.context.footing)
            .map(|key| Placed {
                is_held_over: lease.kid(rendition, slot) != Some(key.kid),
                key,
                time: position.time,
            })
            .map_err(|fault| match fault {
                KeyFault::Ended => {
                    let detail = "the lease has ended, and the key server is away";
                    stall(msn, StallReason::LeaseEnded, detail.to_owned())
                }
                KeyFault::Missing => {
                    let scope = lease.scope(Some(rendition));
                    self.wants.periods.insert((scope, index));
                    let detail = format!("period {index} is not leased");
                    stall(msn, StallReason::NoKey, detail)
                }
                KeyFault::NotServed => {
                    let scope = lease.scope(Some(rendition));
                    self.wants.periods.insert((scope, index));
                    let detail = format!("the key of period {index} is not served yet");
                    stall(msn, StallReason::KeyNotServed, detail)
                }
                KeyFault::Mismatch => {
                    let detail = format!("the key of period {index} is served with other bytes");
                    stall(msn, StallReason::KeyMismatch, detail)
                }
                KeyFault::Gone => {
                    let detail = format!("the key of period {index} is revoked or retired");
                    stall(msn, StallReason::KeyGone, detail)
                }
            })
    }
}
