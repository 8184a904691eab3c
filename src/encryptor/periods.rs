//! Which keys listings need: of one playlist, and of a playlist that several sinks show.
//!
//! Must not know: where the sinks are.

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
    use super::*;
    use crate::domain::Kid;

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
