//! A part of the players, as people write it: `20%`.
//!
//! Must not know: which part.

use std::str::FromStr;

/// Whole percents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share(u8);

impl Share {
    /// So many of `whole`, rounded down.
    pub(super) fn of(self, whole: u32) -> u32 {
        let part = u64::from(whole) * u64::from(self.0) / 100;
        u32::try_from(part).unwrap_or(whole)
    }
}

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix('%').unwrap_or(text).parse();
        let percent = number.ok().filter(|percent| *percent <= 100);
        percent.map(Self).ok_or("whole percents, 0% to 100%")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_whole_and_of_a_whole() {
        let part = |text: &str, whole| text.parse::<Share>().map(|share| share.of(whole)).ok();
        assert_eq!(part("20%", 1000), Some(200));
        assert_eq!(part("0", 7), Some(0));
        assert_eq!(part("100%", u32::MAX), Some(u32::MAX));
        assert_eq!(part("33%", 10), Some(3));
        for bad in ["101%", "-1%", "0.5", "", "%"] {
            assert_eq!(part(bad, 10), None, "{bad}");
        }
    }
}
