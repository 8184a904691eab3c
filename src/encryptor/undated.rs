//! Times of live segments that carry none, by rendition and number.
//!
//! Renditions may number their segments at speeds of their own, so a number alone has no time. Must not
//! know: who says the times.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::api::{Claim, Text, UndatedSegments};
use crate::domain::{Rendition, Timestamp};

/// A segment that carries no time.
pub(super) type Undated = (Rendition, u64);

/// The times of one rendition's segments, by their numbers.
pub(super) type Times = BTreeMap<u64, Timestamp>;

/// The times that there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Claims(BTreeMap<Rendition, Times>);

impl Claims {
    /// Those of one rendition.
    pub(super) fn of(&self, rendition: &Rendition) -> Option<&Times> {
        self.0.get(rendition)
    }

    pub(super) fn get(&self, (rendition, segment): &Undated) -> Option<Timestamp> {
        self.of(rendition)?.get(segment).copied()
    }

    pub(super) fn has(&self, undated: &Undated) -> bool {
        self.get(undated).is_some()
    }

    pub(super) fn insert(&mut self, (rendition, segment): Undated, time: Timestamp) {
        self.0.entry(rendition).or_default().insert(segment, time);
    }

    pub(super) fn remove(&mut self, (rendition, segment): &Undated) {
        if let Some(times) = self.0.get_mut(rendition) {
            times.remove(segment);
        }
        self.0.retain(|_, times| !times.is_empty());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All, each rendition's in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Undated, Timestamp)> {
        self.0.iter().flat_map(|(rendition, times)| {
            let one = |(segment, time): (&u64, &Timestamp)| ((rendition.clone(), *segment), *time);
            times.iter().map(one)
        })
    }

    /// The last of each rendition, that many.
    pub(super) fn keep_last(&mut self, count: usize) {
        for times in self.0.values_mut() {
            while times.len() > count {
                times.pop_first();
            }
        }
    }

    /// Each rendition's.
    pub(super) fn by_rendition(&self) -> impl Iterator<Item = (&Rendition, &Times)> {
        self.0.iter()
    }

    /// How many renditions there are.
    pub(super) fn renditions(&self) -> usize {
        self.0.len()
    }

    /// The time that another rendition's segment of this number has, if that is within `apart` of `time`.
    pub(super) fn near(&self, segment: u64, time: Timestamp, apart: Duration) -> Option<Timestamp> {
        let others = self.0.values().filter_map(|times| times.get(&segment));
        let mut others = others.copied();
        others.find(|other| other.since(time).max(time.since(*other)) <= apart)
    }
}

/// As a report says it.
pub(super) fn claim(((rendition, segment), time): (Undated, Timestamp)) -> Claim {
    Claim {
        rendition: Some(Text(rendition)),
        segment,
        time: Text(time),
    }
}

/// As a report has said it; `None` where it says of no rendition.
pub(super) fn assigned(claim: &Claim) -> Option<(Undated, Timestamp)> {
    let Text(rendition) = claim.rendition.clone()?;
    Some(((rendition, claim.segment), claim.time.0))
}

/// What wants a time, as a report asks for it.
pub(super) fn asked(all: impl Iterator<Item = Undated>) -> Vec<UndatedSegments> {
    let mut asked: Vec<UndatedSegments> = Vec::new();
    for (rendition, segment) in all {
        match asked.last_mut().filter(|one| one.rendition.0 == rendition) {
            Some(one) => one.segments.push(segment),
            None => asked.push(UndatedSegments {
                rendition: Text(rendition),
                segments: vec![segment],
            }),
        }
    }
    asked
}

impl FromIterator<(Undated, Timestamp)> for Claims {
    fn from_iter<T: IntoIterator<Item = (Undated, Timestamp)>>(all: T) -> Self {
        let mut claims = Self::default();
        claims.extend(all);
        claims
    }
}

impl Extend<(Undated, Timestamp)> for Claims {
    fn extend<T: IntoIterator<Item = (Undated, Timestamp)>>(&mut self, all: T) {
        for (undated, time) in all {
            self.insert(undated, time);
        }
    }
}
