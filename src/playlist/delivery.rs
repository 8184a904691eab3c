//! Delivery directives (§6.2.5): what a request for a live list asks besides the list, and whether
//! the list as it stands answers it.
//!
//! A published list says in EXT-X-SERVER-CONTROL which directives its server follows. Must not
//! know: files, time, how a request is held.

use std::time::Duration;

use super::attribute::{self, Attribute};
use super::media::MediaPlaylist;
use super::number;
use super::tag::Tag;
use super::text::Line;

/// The directives of one request, as far as the draft defines them. Others are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    msn: Option<Number>,
    part: Option<Number>,
    skips: bool,
}

/// A decimal-integer, or what stands in its place.
type Number = Result<u64, NotANumber>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NotANumber;

/// How a list is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Whole,
    /// As a Playlist Delta Update (§6.2.5.1).
    Delta,
}

/// What a list gives to [`Directives`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is what was asked for.
    Now(Form),
    /// It is not yet: a later one is to be looked at, for so long at most.
    Later(Duration),
    /// No list that comes soon will be.
    Refused(BadDirective),
}

/// Why directives are refused. The message may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDirective {
    /// §4.2: decimal-integer.
    #[error("_HLS_msn and _HLS_part are whole numbers")]
    NotANumber,
    /// A part of which segment?
    #[error("_HLS_part needs _HLS_msn")]
    PartAlone,
    /// Further ahead than anything that comes soon.
    #[error("the playlist does not reach there soon: the next segment is {next}")]
    TooFar {
        /// The number of the first segment that is not in the list as a whole.
        next: u64,
    },
}

/// What of a list the directives are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    blocks: bool,
    skips: bool,
    /// The number of the first segment that is not there as a whole.
    next: u64,
    /// How many parts of the segment before that one are listed.
    parts_before: u64,
    /// How many parts of that one are.
    parts: u64,
    /// The Advance Part Limit.
    most_ahead: u64,
    longest: Duration,
}

impl Directives {
    /// From the values of `_HLS_msn`, `_HLS_part` and `_HLS_skip`. Date ranges are never skipped,
    /// so `v2` is `YES`.
    pub fn new(msn: Option<&str>, part: Option<&str>, skip: Option<&str>) -> Self {
        let read = |text| number::integer(text).ok_or(NotANumber);
        Self {
            msn: msn.map(read),
            part: part.map(read),
            skips: matches!(skip, Some("YES" | "v2")),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The segment and the part in it that the list is to have.
    fn wanted(&self) -> Result<Option<(u64, Option<u64>)>, BadDirective> {
        let read = |number: Option<Number>| number.transpose();
        let numbers = (read(self.msn), read(self.part));
        let (Ok(msn), Ok(part)) = numbers else {
            return Err(BadDirective::NotANumber);
        };
        match (msn, part) {
            (None, Some(_)) => Err(BadDirective::PartAlone),
            (msn, part) => Ok(msn.map(|msn| (msn, part))),
        }
    }
}

impl Edge {
    /// Of `list`. An ended one follows no directives (§6.2.5.1, §6.2.5.2), nor does one that a
    /// delta update was made into before.
    pub fn of(list: &MediaPlaylist) -> Self {
        let mut edge = Self {
            blocks: false,
            skips: false,
            next: list.media_sequence(),
            parts_before: 0,
            parts: 0,
            most_ahead: LEAST_AHEAD,
            longest: list.target_duration().saturating_mul(MOST_TARGETS),
        };
        if let Some(last) = list.segments().last() {
            edge.next = last.msn.saturating_add(1);
        }
        for line in list.text.lines().filter(Line::is_ended) {
            edge.read(list, &line);
        }
        edge.parts_before = parts_of_last(list);
        edge.blocks &= !list.is_ended();
        edge.skips &= !list.is_ended();
        edge
    }

    fn read(&mut self, list: &MediaPlaylist, line: &Line) {
        let attributes = || list.text.attributes(line).unwrap_or_default();
        if line.is(Tag::Part)
            && list
                .blocks()
                .next_back()
                .is_none_or(|last| is_after(list, line, last.uri))
        {
            self.parts += 1;
        } else if line.is(Tag::ServerControl) {
            let said = attributes();
            self.blocks = attribute::value(&said, "CAN-BLOCK-RELOAD") == Some("YES");
            self.skips = boundary(&said).is_some();
        } else if line.is(Tag::PartInf) {
            self.most_ahead = attribute::value(&attributes(), "PART-TARGET")
                .and_then(number::seconds)
                .map_or(LEAST_AHEAD, most_ahead);
        }
    }

    /// For how long somebody is held at most (§6.2.5.2).
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// What the list gives to `asked`.
    pub fn answer(&self, asked: &Directives) -> Delivery {
        let wanted = match self.blocks {
            true => asked.wanted(),
            false => Ok(None),
        };
        match wanted {
            Err(bad) => Delivery::Refused(bad),
            Ok(Some((msn, part))) if !self.has(msn, part) => self.not_yet(msn, part),
            Ok(_) if asked.skips && self.skips => Delivery::Now(Form::Delta),
            Ok(_) => Delivery::Now(Form::Whole),
        }
    }

    /// Whether the segment is there, or the part of it. A part past the last of a whole segment is
    /// the first of the next segment (§6.2.5.2); a segment that lists no parts any more has them all.
    fn has(&self, msn: u64, part: Option<u64>) -> bool {
        let Some(part) = part else {
            return msn < self.next;
        };
        match self.next.checked_sub(msn) {
            Some(0) => part < self.parts,
            Some(1) => self.parts_before == 0 || part < self.parts_before || self.parts > 0,
            Some(_) => true,
            None => false,
        }
    }

    /// §6.2.5.2: nobody is held for a segment more than two past the last, nor for a part further
    /// ahead than the Advance Part Limit.
    fn not_yet(&self, msn: u64, part: Option<u64>) -> Delivery {
        let segments = msn.saturating_sub(self.next);
        let parts = match segments {
            // Past the end of a whole segment it is the next one's first.
            _ if msn < self.next => 0,
            0 => part.map_or(0, |part| part.saturating_add(1).saturating_sub(self.parts)),
            _ => part.unwrap_or(0),
        };
        match segments > 1 || parts > self.most_ahead {
            true => Delivery::Refused(BadDirective::TooFar { next: self.next }),
            false => Delivery::Later(self.longest),
        }
    }
}

/// The Skip Boundary that EXT-X-SERVER-CONTROL states (§4.4.3.8).
pub(super) fn boundary(said: &[Attribute<'_>]) -> Option<Duration> {
    attribute::value(said, "CAN-SKIP-UNTIL").and_then(number::seconds)
}

/// §6.2.5.2: who waited so many target durations is told that it is not there.
const MOST_TARGETS: u32 = 3;
/// The Advance Part Limit of parts of a second or longer.
const LEAST_AHEAD: u64 = 3;

/// Three seconds' worth of parts, but three at least.
fn most_ahead(target: Duration) -> u64 {
    let nanos = u64::try_from(target.as_nanos()).unwrap_or(u64::MAX).max(1);
    3_000_000_000_u64.div_ceil(nanos).max(LEAST_AHEAD)
}

/// How many parts of the last whole segment are listed.
fn parts_of_last(list: &MediaPlaylist) -> u64 {
    let mut blocks = list.blocks().rev();
    let Some(last) = blocks.next() else {
        return 0;
    };
    let from = blocks.next().map_or(0, |before| before.uri + 1);
    let own = list.text.range(from..last.uri);
    own.filter(|line| line.is(Tag::Part)).count() as u64
}

/// Whether `line` stands behind the line with index `at`.
fn is_after(list: &MediaPlaylist, line: &Line, at: usize) -> bool {
    list.text.line(at).is_some_and(|at| line.start > at.start)
}
