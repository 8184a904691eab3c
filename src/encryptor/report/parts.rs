//! A long listing in several reports: the server takes no body of more than 64 KiB.
//!
//! Must not know: what else a report says.

use crate::api::{PeriodUse, RenditionProgress};

/// Periods of one report, each rendition's newest not counted: about 100 bytes each.
const MOST: usize = 200;

/// The listing, in as few reports as it fits in. Each has the newest period of every rendition, so
/// that none looks as if the stream had gone back.
pub(super) fn parts(renditions: &[RenditionProgress]) -> Vec<Vec<RenditionProgress>> {
    let older = renditions.iter().enumerate().flat_map(|(at, one)| {
        let older = one.periods.split_last().map_or(&[][..], |(_, older)| older);
        older.iter().map(move |period| (at, period))
    });
    let older: Vec<(usize, &PeriodUse)> = older.collect();
    if older.len() <= MOST {
        return vec![renditions.to_vec()];
    }
    let part = |some: &[(usize, &PeriodUse)]| {
        let of = |at: usize| some.iter().filter(move |(whose, _)| *whose == at);
        let listed = renditions.iter().enumerate().map(|(at, one)| {
            let older = of(at).map(|(_, period)| *period);
            RenditionProgress {
                periods: older.chain(one.periods.last()).cloned().collect(),
                rendition: one.rendition.clone(),
                ..*one
            }
        });
        listed.collect()
    };
    older.chunks(MOST).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Text;
    use crate::domain::Kid;

    fn listed(name: &str, periods: u8) -> RenditionProgress {
        let period = |n: u8| PeriodUse {
            kid: Text(Kid::from_bytes([n; 16])),
            first: u64::from(n) * 10,
            last: u64::from(n) * 10 + 9,
        };
        RenditionProgress {
            rendition: Text(name.parse().unwrap()),
            last_time: None,
            duration_ms: 1000,
            kept: true,
            iframes: false,
            periods: (0..periods).map(period).collect(),
        }
    }

    #[test]
    fn a_long_listing_goes_out_whole_and_never_goes_back() {
        let short = vec![
            listed("v0.m3u8", 100),
            listed("v1.m3u8", 101),
            listed("none.m3u8", 0),
        ];
        assert_eq!(parts(&short), std::slice::from_ref(&short));
        assert_eq!(parts(&[]), [vec![]]);
        let long = vec![listed("v0.m3u8", 250), listed("v1.m3u8", 240)];
        let parts = parts(&long);
        assert_eq!(parts.len(), 3);
        for part in &parts {
            for (one, whole) in part.iter().zip(&long) {
                assert_eq!(one.periods.last(), whole.periods.last());
                assert!(one.kept && one.periods.len() <= MOST + 1);
            }
        }
        for (at, whole) in long.iter().enumerate() {
            let named = |period: &PeriodUse| {
                let mut all = parts.iter().flat_map(|part| &part[at].periods);
                all.any(|one| one == period)
            };
            assert!(whole.periods.iter().all(named));
        }
    }
}
