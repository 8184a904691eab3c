//! The schedule: which period a segment is in, as a pure function.
//!
//! A schedule is a list of eras. Each era has one rotation rule and a grid that begins where the
//! era begins; an operator's cut, or a change of the rule, begins another era. Two encryptors
//! that hold the same eras therefore put every segment in the same period.
//!
//! Must not know: keys, leases, the clock.

use super::{Boundary, Position, Rotation, Timestamp};

/// One stretch of the schedule under one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Era {
    /// Where it begins. The first era also covers everything before.
    pub start: Boundary,
    /// The index of its first period.
    pub base: i64,
    /// The rule that divides it.
    pub rule: Rotation,
}

/// A period's place: its index and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Its place in the order of periods.
    pub index: i64,
    /// Where it begins.
    pub boundary: Boundary,
}

/// A stream's eras, first to last, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    first: Era,
    later: Vec<Era>,
}

/// Why a cut cannot be made there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    /// The last era, itself a cut, begins there or later: another cut is still to come.
    #[error("another cut is still to come")]
    Pending,
    /// The rule goes by time and the position has none.
    #[error("the stream rotates by time and the position has none")]
    NeedsTime,
}

impl Schedule {
    /// The schedule of a stream registered at `registered`: time grids are aligned to the epoch,
    /// so that `every = "10m"` cuts on the clock's tens of minutes.
    pub fn new(rule: Rotation, registered: Timestamp) -> Self {
        let start = match rule {
            Rotation::Every(every) => {
                let span = every.millis();
                let aligned = registered.millis().div_euclid(span).saturating_mul(span);
                Boundary::Time(Timestamp::from_millis(aligned))
            }
            Rotation::Never | Rotation::Segments(_) => Boundary::Segment(0),
        };
        Self {
            first: Era {
                start,
                base: 0,
                rule,
            },
            later: Vec::new(),
        }
    }

    /// From eras as [`Self::eras`] gave them; `None` if there are none or they are not in order.
    pub fn from_eras(eras: &[Era]) -> Option<Self> {
        let (first, later) = eras.split_first()?;
        let ordered = later.windows(2).all(|pair| pair[0].base <= pair[1].base);
        ordered.then(|| Self {
            first: *first,
            later: later.to_vec(),
        })
    }

    /// The eras, first to last.
    pub fn eras(&self) -> impl DoubleEndedIterator<Item = &Era> {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// The rule in force at the end.
    pub fn rule(&self) -> Rotation {
        self.last().rule
    }

    /// The rule of the era that the period with this index is in.
    pub fn rule_of(&self, index: i64) -> Rotation {
        let at = self.later.iter().rposition(|era| era.base <= index);
        at.map_or(&self.first, |at| &self.later[at]).rule
    }

    /// The last era.
    pub fn last(&self) -> &Era {
        self.later.last().unwrap_or(&self.first)
    }

    /// Whether any era goes by time, so that a segment must have one to be placed.
    pub fn needs_time(&self) -> bool {
        self.eras()
            .any(|era| matches!(era.start, Boundary::Time(_)))
    }

    /// The period that `position` is in; `None` if that cannot be said without its time.
    ///
    /// The last period of an era lasts until the next era begins, also where a cut from time to
    /// count (or back) guessed wrongly how many periods lie before it.
    pub fn slot_at(&self, position: Position) -> Option<Slot> {
        let (mut current, mut next) = (&self.first, None);
        for era in &self.later {
            if !has_begun(era.start, position)? {
                next = Some(era);
                break;
            }
            current = era;
        }
        let slot = current.slot_at(position)?;
        match next {
            Some(next) if slot.index >= next.base => current.slot(next.base.checked_sub(1)?),
            _ => Some(slot),
        }
    }

    /// The period with this index; `None` if no segment can ever be in it.
    pub fn slot(&self, index: i64) -> Option<Slot> {
        let at = self.later.iter().rposition(|era| era.base <= index);
        let era = at.map_or(&self.first, |at| &self.later[at]);
        era.slot(index)
    }

    /// Where the period after `slot` begins; `None` if it has no end in sight.
    pub fn end_of(&self, slot: Slot) -> Option<Boundary> {
        slot.index
            .checked_add(1)
            .and_then(|next| self.slot(next))
            .map(|next| next.boundary)
    }

    /// A new era under `rule` that begins at `at`. A cut on a boundary of the old grid keeps that
    /// period, and with it its key.
    pub fn cut(&self, at: Position, rule: Rotation) -> Result<Self, CutError> {
        let start = match (rule, at.time) {
            (Rotation::Segments(_), _) | (Rotation::Never, None) => Boundary::Segment(at.segment),
            (Rotation::Every(_) | Rotation::Never, Some(time)) => Boundary::Time(time),
            (Rotation::Every(_), None) => return Err(CutError::NeedsTime),
        };
        let last = self.last();
        let begun =
            self.later.is_empty() || has_begun(last.start, at).ok_or(CutError::NeedsTime)?;
        if !begun || last.start == start && !self.later.is_empty() {
            return Err(CutError::Pending);
        }
        let before = last.slot_at(at).ok_or(CutError::NeedsTime)?;
        let base = if before.boundary == start {
            before.index
        } else {
            before.index + 1
        };
        let mut cut = self.clone();
        cut.later.push(Era { start, base, rule });
        Ok(cut)
    }
}

/// Whether `position` is at or after `start`; `None` if its time is needed and not known.
fn has_begun(start: Boundary, position: Position) -> Option<bool> {
    match start {
        Boundary::Segment(first) => Some(position.segment >= first),
        Boundary::Time(first) => position.time.map(|time| time >= first),
    }
}

impl Era {
    fn slot_at(&self, position: Position) -> Option<Slot> {
        let steps = match (self.rule, self.start) {
            (Rotation::Every(every), Boundary::Time(start)) => position
                .time?
                .millis()
                .saturating_sub(start.millis())
                .div_euclid(every.millis()),
            (Rotation::Segments(count), Boundary::Segment(start)) => {
                signed(position.segment.saturating_sub(start) / count)
            }
            _ => 0,
        };
        self.slot(self.base.saturating_add(steps))
    }

    fn slot(&self, index: i64) -> Option<Slot> {
        let steps = index.checked_sub(self.base)?;
        let boundary = match (self.rule, self.start) {
            (Rotation::Every(every), Boundary::Time(start)) => {
                let at = start
                    .millis()
                    .checked_add(steps.checked_mul(every.millis())?)?;
                Boundary::Time(Timestamp::from_millis(at))
            }
            (Rotation::Segments(count), Boundary::Segment(start)) => {
                let ahead = u64::try_from(steps).ok()?.checked_mul(count.get())?;
                Boundary::Segment(start.checked_add(ahead)?)
            }
            (_, start) => (steps == 0).then_some(start)?,
        };
        Some(Slot { index, boundary })
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn by_time(seconds: u64) -> Schedule {
        let rule = Rotation::every(Duration::from_secs(seconds)).unwrap();
        Schedule::new(rule, second(1005))
    }

    fn second(at: i64) -> Timestamp {
        Timestamp::from_millis(at * 1000)
    }

    fn at(segment: u64, time: i64) -> Position {
        Position {
            segment,
            time: Some(second(time)),
        }
    }

    fn slot(index: i64, boundary: Boundary) -> Option<Slot> {
        Some(Slot { index, boundary })
    }

    #[test]
    fn time_grids_are_aligned_and_reach_back() {
        let schedule = by_time(10);
        assert_eq!(
            schedule.slot_at(at(0, 1005)),
            slot(0, Boundary::Time(second(1000)))
        );
        assert_eq!(
            schedule.slot_at(at(0, 1010)),
            slot(1, Boundary::Time(second(1010)))
        );
        assert_eq!(
            schedule.slot_at(at(0, 999)),
            slot(-1, Boundary::Time(second(990)))
        );
        assert_eq!(
            schedule.slot_at(Position {
                segment: 0,
                time: None
            }),
            None
        );
        let first = schedule.slot(0).unwrap();
        assert_eq!(schedule.end_of(first), Some(Boundary::Time(second(1010))));
    }

    #[test]
    fn counts_go_by_sequence_number() {
        let schedule = Schedule::new(Rotation::segments(100).unwrap(), second(0));
        let numbered = |segment| Position {
            segment,
            time: None,
        };
        assert_eq!(
            schedule.slot_at(numbered(99)),
            slot(0, Boundary::Segment(0))
        );
        assert_eq!(
            schedule.slot_at(numbered(100)),
            slot(1, Boundary::Segment(100))
        );
        assert_eq!(schedule.slot(-1), None);
        assert_eq!(
            schedule.slot_at(numbered(u64::MAX)).unwrap().index,
            184_467_440_737_095_516
        );
    }

    #[test]
    fn never_has_one_period_until_a_cut() {
        let schedule = Schedule::new(Rotation::Never, second(0));
        let whole = schedule.slot_at(at(7, 50)).unwrap();
        assert_eq!((whole.index, schedule.end_of(whole)), (0, None));
        let cut = schedule.cut(at(9, 60), Rotation::Never).unwrap();
        assert_eq!(cut.slot_at(at(8, 59)), slot(0, Boundary::Segment(0)));
        assert_eq!(cut.slot_at(at(8, 60)), slot(1, Boundary::Time(second(60))));
        assert_eq!(
            cut.end_of(cut.slot(0).unwrap()),
            Some(Boundary::Time(second(60)))
        );
    }

    #[test]
    fn a_cut_begins_a_new_grid_and_keeps_what_was() {
        let schedule = by_time(10);
        let cut = schedule.cut(at(0, 1014), schedule.rule()).unwrap();
        assert_eq!(cut.slot_at(at(0, 1013)), schedule.slot_at(at(0, 1013)));
        assert_eq!(
            cut.slot_at(at(0, 1014)),
            slot(2, Boundary::Time(second(1014)))
        );
        assert_eq!(
            cut.slot_at(at(0, 1024)),
            slot(3, Boundary::Time(second(1024)))
        );
        assert_eq!(
            cut.end_of(cut.slot(1).unwrap()),
            Some(Boundary::Time(second(1014)))
        );
        assert_eq!(cut.cut(at(0, 1013), cut.rule()), Err(CutError::Pending));
        assert_eq!(cut.cut(at(0, 1014), cut.rule()), Err(CutError::Pending));
    }

    #[test]
    fn a_cut_on_the_grid_keeps_the_period() {
        let schedule = by_time(10);
        let cut = schedule.cut(at(0, 1020), schedule.rule()).unwrap();
        assert_eq!(cut.slot_at(at(0, 1020)), schedule.slot_at(at(0, 1020)));
    }

    #[test]
    fn a_source_whose_clock_is_behind_is_cut_before_the_first_era_starts() {
        let cut = by_time(10).cut(at(9, 904), by_time(10).rule()).unwrap();
        assert_eq!(
            cut.slot_at(at(8, 903)),
            slot(-10, Boundary::Time(second(900)))
        );
        assert_eq!(
            cut.slot_at(at(9, 904)),
            slot(-9, Boundary::Time(second(904)))
        );
        let eras: Vec<Era> = cut.eras().copied().collect();
        assert_eq!(Schedule::from_eras(&eras), Some(cut));
    }

    #[test]
    fn the_rule_may_change_from_time_to_count() {
        let cut = by_time(10)
            .cut(at(500, 1013), Rotation::segments(5).unwrap())
            .unwrap();
        assert_eq!(
            cut.slot_at(at(499, 1013)),
            slot(1, Boundary::Time(second(1010)))
        );
        assert_eq!(cut.slot_at(at(505, 1040)), slot(3, Boundary::Segment(505)));
        // The source stood still: the segments before the cut are late, and stay in the period
        // that every lease has.
        assert_eq!(
            cut.slot_at(at(499, 1060)),
            slot(1, Boundary::Time(second(1010)))
        );
    }

    #[test]
    fn every_slot_contains_its_own_boundary() {
        let schedule = by_time(10).cut(at(0, 1014), by_time(7).rule()).unwrap();
        for index in -5..50 {
            let slot = schedule.slot(index).unwrap();
            let Boundary::Time(time) = slot.boundary else {
                panic!("{slot:?}")
            };
            assert_eq!(
                schedule.slot_at(Position {
                    segment: 0,
                    time: Some(time)
                }),
                Some(slot)
            );
        }
    }
}
