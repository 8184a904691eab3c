//! Which segments of a rendition can be encrypted now, and what the first of the others waits for.
//!
//! Must not know: ciphers, the sink.

mod file;
mod join;
mod key;
mod partial;
mod section;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::containers::Containers;
use super::event::StallReason;
use super::iframes;
use super::lease::{HeldKey, KeyFault, Lease, Periods};
use super::names::{Name, Names, wished};
use super::notices::Stall;
use super::piece::Piece;
use super::root::Stamp;
use super::runs::Runs;
use super::section::Planned;
use super::source::DirSource;
use super::term::Footing;
use super::track::Track;
use super::undated::{Claims, Undated};
use crate::crypto::Iv;
use crate::domain::{Fingerprint, IvRule, Position, Rendition, Timestamp};
use crate::playlist::{MediaPlaylist, Segment};

pub(super) use section::Read;

use join::Joined;

/// What a choice is made from.
pub(super) struct Context<'a> {
    /// The stream's schedule and keys, once the server has been reached.
    pub(super) lease: Option<&'a Lease>,
    /// Times that the server assigned.
    pub(super) claims: &'a Claims,
    /// How far the lease goes.
    pub(super) footing: Footing,
    /// The runs that it told.
    pub(super) runs: &'a Runs,
    /// What becomes of sections, ranges and I-frames.
    pub(super) containers: Containers,
    /// The present.
    pub(super) now: Timestamp,
}

/// A segment that can be encrypted.
pub(super) struct Candidate {
    pub(super) msn: u64,
    pub(super) source: Piece,
    pub(super) stamp: Stamp,
    /// How many bytes it has.
    pub(super) len: u64,
    /// Of how many ranges its file is made: of all that are ranges of the source's file, where they
    /// stay together; else of one.
    pub(super) parts: usize,
    /// Which part of its segment it is, where it is one: a segment on its own otherwise.
    pub(super) partial: Option<usize>,
    pub(super) name: Name,
    /// Its initialisation section.
    pub(super) section: Option<Planned>,
    pub(super) key: Arc<HeldKey>,
    /// The key's period is over, and the next one's is not to be had.
    pub(super) is_held_over: bool,
    pub(super) iv: Iv,
    /// Whether the key tag says the IV.
    pub(super) iv_written: bool,
    pub(super) duration: Duration,
    pub(super) date: Option<Timestamp>,
    pub(super) time: Option<Timestamp>,
    /// Of its clear bytes, once they are read.
    pub(super) fingerprint: Option<Fingerprint>,
}

/// What the key server is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// Periods whose keys are missing, or were not seen served yet.
    pub(super) periods: Periods,
    /// Segments whose times the server must say.
    pub(super) claims: BTreeSet<Undated>,
    /// The renditions there are.
    pub(super) renditions: BTreeSet<Rendition>,
    /// The oldest period in use; none before it is needed any more.
    pub(super) oldest: Option<i64>,
}

/// What can be done for a rendition now.
#[derive(Default)]
pub(super) struct Choice {
    /// To be encrypted, in order.
    pub(super) ready: Vec<Candidate>,
    /// To be listed as missing.
    pub(super) gaps: Vec<Missing>,
    /// What comes after those waits for this.
    pub(super) stall: Option<Stall>,
    /// There is more, which was not looked at.
    pub(super) is_cut: bool,
}

/// A segment without media.
pub(super) struct Missing {
    pub(super) msn: u64,
    /// `None` if the source says itself that it is one.
    pub(super) reason: Option<StallReason>,
    pub(super) duration: Duration,
    pub(super) date: Option<Timestamp>,
}

/// How many segments of a rendition are looked at in a pass.
const LOOKAHEAD: usize = 64;

/// What one segment has come to.
enum Step {
    Ready(Box<Found>),
    Gap(Option<StallReason>),
    Skip,
    Wait(Stall),
}

/// What is whole, and the key of its period.
struct Found {
    source: Piece,
    stamp: Stamp,
    placed: Placed,
}

/// The key of a segment, and when it begins.
struct Placed {
    key: Arc<HeldKey>,
    is_held_over: bool,
    time: Option<Timestamp>,
}

/// Chooses for `track`. Segments beyond the first that waits are looked at as well, so that their
/// keys are asked for and their files settle meanwhile.
pub(super) fn choose(
    track: &mut Track,
    source: &mut DirSource,
    names: &mut Names,
    wants: &mut Wants,
    context: &Context<'_>,
) -> Choice {
    let mut choice = Choice::default();
    let Some(list) = track.source.clone().filter(|_| !track.is_between_runs()) else {
        return choice;
    };
    let joined = join::joined(track, &list, context);
    let mut chooser = Chooser {
        joined,
        track,
        source,
        names,
        wants,
        context,
        list: &list,
    };
    chooser.run(&mut choice);
    choice
}

struct Chooser<'a, 'b> {
    /// Source files whose ranges stay together, by URI.
    joined: HashMap<&'a str, Joined>,
    track: &'a mut Track,
    source: &'a mut DirSource,
    names: &'a mut Names,
    wants: &'a mut Wants,
    context: &'a Context<'b>,
    list: &'a MediaPlaylist,
}

impl Chooser<'_, '_> {
    fn run(&mut self, choice: &mut Choice) {
        let resume = self.track.resume();
        let positions = self.positions(resume);
        let lookahead = match self.joins() {
            true => usize::MAX,
            false => LOOKAHEAD,
        };
        self.track.partials.waits = false;
        let mut looked = 0;
        for (index, segment) in self.list.segments().iter().enumerate().skip(resume) {
            if self.track.done.contains_key(&segment.msn) {
                continue;
            }
            looked += 1;
            if looked > lookahead {
                choice.is_cut = true;
                break;
            }
            let position = positions.get(index - resume).copied().flatten();
            if self.parts(segment, position, choice) && choice.stall.is_none() {
                choice.stall = self.awaits_its_parts(segment);
            }
            let step = self.step(index, segment, position);
            if choice.stall.is_none() {
                self.take(segment, step, choice);
            }
        }
        if let Some(open) = self.list.open().filter(|_| !choice.is_cut) {
            let position = positions.get(self.list.segments().len() - resume);
            self.parts(open, position.copied().flatten(), choice);
        }
        if self.joins() {
            join::keep_whole(&mut choice.ready);
        }
        self.want_next();
    }

    /// The key of the period that comes next is made ready while this one lasts.
    fn want_next(&mut self) {
        let (Some(lease), Some(period)) = (self.context.lease, self.track.period) else {
            return;
        };
        let next = lease.schedule().slot(period.saturating_add(1));
        let fault = next.and_then(|slot| lease.key(&self.track.name, slot).err());
        if let Some(KeyFault::Missing | KeyFault::NotServed) = fault {
            let scope = lease.scope(Some(&self.track.name));
            self.wants.periods.insert((scope, period.saturating_add(1)));
        }
    }

    fn take(&mut self, segment: &Segment, step: Step, choice: &mut Choice) {
        match step {
            Step::Skip => self.track.start = Some(segment.msn + 1),
            Step::Wait(stall) => choice.stall = Some(stall),
            Step::Gap(reason) => choice.gaps.push(Missing {
                msn: segment.msn,
                reason,
                duration: segment.duration,
                date: segment.time,
            }),
            Step::Ready(found) => match self.candidate(segment, *found) {
                Ok(candidate) => choice.ready.push(candidate),
                Err(stall) => choice.stall = Some(stall),
            },
        }
    }

    fn positions(&self, from: usize) -> Vec<Option<Position>> {
        iframes::positions(self.track, (self.list, from), self.context)
    }

    fn step(&mut self, index: usize, segment: &Segment, position: Option<Position>) -> Step {
        if segment.gap {
            return Step::Gap(None);
        }
        let msn = segment.msn;
        let piece = match Piece::of(&self.track.at, self.list.is_iframes(), segment) {
            Ok(piece) => piece,
            Err(error) => {
                let detail = format!("{}: {error}", segment.uri);
                return wait(msn, StallReason::Outside, detail);
            }
        };
        if let Some(why) = self.unjoined(segment) {
            return wait(msn, StallReason::Unsupported, why.to_owned());
        }
        let key = self.placed(msn, position);
        let stamp = match self.file(index, msn, &piece) {
            Ok(stamp) => stamp,
            Err(step) => return step,
        };
        match key {
            Err(stall) => Step::Wait(stall),
            Ok(placed) => Step::Ready(Box::new(Found {
                source: piece,
                stamp,
                placed,
            })),
        }
    }

    /// Names and numbers the segment. Only the next one in order may come here: the first that
    /// uses a file keeps the file's name.
    fn candidate(&mut self, segment: &Segment, found: Found) -> Result<Candidate, Stall> {
        let msn = segment.msn;
        let (rendition, at) = (&self.track.name, &self.track.at);
        let joined = self.joined.get(segment.uri.as_str());
        let joined = joined.filter(|_| segment.range.is_some());
        let parts = joined.map_or(1, |joined| joined.parts);
        let name = match joined {
            Some(joined) => self.names.claim(rendition, at, joined.first, &segment.uri),
            None => {
                let uri = wished(self.list, segment, self.track.is_later_run());
                self.names.claim(rendition, at, msn, &uri)
            }
        };
        let name = name.map_err(|error| {
            let detail = format!("{}: {error}", found.source);
            stall(msn, StallReason::Shared, detail)
        })?;
        self.named(segment, found, (name, parts))
    }

    /// What is to be encrypted under `name`, which is the file of that many ranges.
    fn named(
        &mut self,
        segment: &Segment,
        found: Found,
        (name, parts): (Name, usize),
    ) -> Result<Candidate, Stall> {
        let msn = segment.msn;
        let key = &found.placed.key;
        let section = segment.map.as_ref();
        let section = section.map(|map| self.section(msn, map, key)).transpose()?;
        let Placed {
            key,
            is_held_over,
            time,
        } = found.placed;
        let rule = self.context.lease.map(Lease::iv).unwrap_or_default();
        let iv = match rule {
            IvRule::Explicit => Iv::for_segment(key.key(), &self.track.name, msn),
            IvRule::Sequence => Iv::of_sequence(msn),
        };
        self.track.period = Some(key.index);
        Ok(Candidate {
            msn,
            len: found.source.len_in(found.stamp.len),
            parts,
            partial: None,
            source: found.source,
            stamp: found.stamp,
            name,
            section,
            key,
            is_held_over,
            iv,
            iv_written: rule == IvRule::Explicit,
            duration: segment.duration,
            date: segment.time,
            time,
            fingerprint: None,
        })
    }
}

fn wait(msn: u64, reason: StallReason, detail: String) -> Step {
    Step::Wait(stall(msn, reason, detail))
}

fn stall(msn: u64, reason: StallReason, detail: String) -> Stall {
    Stall {
        msn: Some(msn),
        reason,
        detail,
    }
}
