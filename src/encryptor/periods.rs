//! Which keys listings need: of one playlist, and of a playlist that several sinks show.
//!
//! Must not know: where the sinks are.

use std::collections::{BTreeMap, VecDeque};

use super::track::Done;
use crate::api::{PeriodUse, RenditionProgress, Text};

/// The periods of listed segments, in their order.
pub(super) fn periods_of<'a>(listed: impl Iterator<Item = (&'a u64, &'a Done)>) -> Vec<PeriodUse> {
    let mut periods: Vec<PeriodUse> = Vec::new();
    for (msn, done) in listed {
        let Some(media) = &done.media else { continue };
        match periods.last_mut().filter(|p| p.kid.0 == media.kid) {
            Some(period) => period.last = *msn,
            None => periods.push(PeriodUse {
                kid: Text(media.kid),
                first: *msn,
                last: *msn,
            }),
        }
    }
    periods
}

/// The periods of a listing that goes on.
#[derive(Debug, Clone, Default)]
pub(super) struct Listing(VecDeque<PeriodUse>);

impl Listing {
    /// Takes note that the segments `listed` are listed after those before, and none before `first`
    /// any more; `done` is all that are listed.
    pub(super) fn go_on<'a>(
        &mut self,
        first: u64,
        came: impl Iterator<Item = (&'a u64, &'a Done)>,
        done: &BTreeMap<u64, Done>,
    ) {
        while self.0.front().is_some_and(|oldest| oldest.last < first) {
            self.0.pop_front();
        }
        if let Some(oldest) = self.0.front_mut().filter(|oldest| oldest.first < first) {
            // gaps are of no period
            let mut own = done.range(first..=oldest.last);
            let own = own.find(|(_, done)| done.media.is_some());
            oldest.first = own.map_or(oldest.last, |(msn, _)| *msn);
        }
        for period in periods_of(came) {
            match self.0.back_mut().filter(|last| last.kid == period.kid) {
                Some(last) => last.last = period.last,
                None => self.0.push_back(period),
            }
        }
    }

    /// In their order.
    pub(super) fn periods(&self) -> Vec<PeriodUse> {
        self.0.iter().cloned().collect()
    }
}

/// What is listed anywhere: `own`, and what other sinks show. A key is wanted for as long as the
/// slowest of them lists it.
pub(super) fn union<'a>(
    own: &[RenditionProgress],
    others: impl IntoIterator<Item = &'a RenditionProgress>,
) -> Vec<RenditionProgress> {
    let mut all = own.to_vec();
    for other in others {
        match all.iter_mut().find(|one| one.rendition == other.rendition) {
            Some(one) => add(one, other),
            None => all.push(other.clone()),
        }
    }
    all
}

/// Puts what `other` lists to what `one` does.
pub(super) fn add(one: &mut RenditionProgress, other: &RenditionProgress) {
    one.kept |= other.kept;
    one.iframes |= other.iframes;
    one.duration_ms = one.duration_ms.max(other.duration_ms);
    let time = |of: &RenditionProgress| of.last_time.map(|time| time.0);
    if time(other) > time(one) {
        one.last_time = other.last_time;
    }
    for period in &other.periods {
        match one.periods.iter_mut().find(|own| own.kid == period.kid) {
            Some(own) => {
                own.first = own.first.min(period.first);
                own.last = own.last.max(period.last);
            }
            None => one.periods.push(period.clone()),
        }
    }
    one.periods.sort_by_key(|period| period.first);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Kid;
    use crate::encryptor::path::Beneath;
    use crate::encryptor::track::Media;

    fn listing(name: &str, periods: &[(u8, u64, u64)]) -> RenditionProgress {
        let period = |&(kid, first, last): &(u8, u64, u64)| PeriodUse {
            kid: Text(Kid::from_bytes([kid; 16])),
            first,
            last,
        };
        RenditionProgress {
            rendition: Text(name.parse().unwrap()),
            last_time: None,
            duration_ms: 10 * periods.len() as u64,
            kept: false,
            iframes: false,
            periods: periods.iter().map(period).collect(),
        }
    }

    /// Kids in turn, some numbers gaps: what is kept by steps is what all of it gives.
    #[test]
    fn a_listing_that_goes_on_has_the_periods_that_all_of_it_has() {
        let gap = |msn: u64| msn % 7 == 3 || (40..52).contains(&msn);
        let kid = |msn: u64| Kid::from_bytes([(msn / 5 % 3) as u8; 16]);
        let mut done: BTreeMap<u64, Done> = BTreeMap::new();
        let mut listing = Listing::default();
        let mut next = 0;
        for (first, end) in [
            (0, 4),
            (0, 9),
            (3, 12),
            (8, 30),
            (11, 31),
            (29, 60),
            (45, 61),
            (61, 70),
        ] {
            done.extend((next..end).map(|msn| (msn, done_of(gap(msn), kid(msn)))));
            done = done.split_off(&first);
            listing.go_on(first, done.range(next.max(first)..), &done);
            assert_eq!(listing.periods(), periods_of(done.iter()), "{first}..{end}");
            next = end;
        }
    }

    fn done_of(is_gap: bool, kid: Kid) -> Done {
        let media = Media {
            kid,
            key_uri: String::new(),
            iv: None,
            uri: String::new(),
            path: Beneath::found("a.ts").unwrap(),
            range: None,
            section: None,
            source: None,
            fingerprint: None,
        };
        Done {
            duration: Duration::ZERO,
            date: None,
            time: None,
            media: (!is_gap).then_some(media),
        }
    }

    #[test]
    fn a_key_is_wanted_while_any_sink_lists_it() {
        let own = [listing("a.m3u8", &[(3, 20, 29), (4, 30, 31)])];
        let slow = [
            listing("a.m3u8", &[(1, 0, 9), (2, 10, 19), (3, 20, 21)]),
            listing("b.m3u8", &[(1, 0, 9)]),
        ];
        let all = union(&own, &slow);
        let expected = [(1, 0, 9), (2, 10, 19), (3, 20, 29), (4, 30, 31)];
        assert_eq!(all[0].periods, listing("a.m3u8", &expected).periods);
        assert_eq!(all[0].duration_ms, 30);
        assert_eq!(all[1..], slow[1..], "a rendition that it alone shows");
        assert_eq!(union(&own, []), own);
    }
}
