//! Spans of time as people write them: `20s`, `10m`, `1h 30m`, and `-1h` for one gone by.
//!
//! Must not know: what the span is for.

use std::str::FromStr;
use std::time::Duration;

use crate::domain::Timestamp;

/// A span with a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SignedSpan {
    past: bool,
    span: Duration,
}

impl SignedSpan {
    /// The time this far from `now`.
    pub(super) fn from(self, now: Timestamp) -> Timestamp {
        if self.past {
            now.minus(self.span)
        } else {
            now.plus(self.span)
        }
    }
}

impl FromStr for SignedSpan {
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (past, text) = text
            .strip_prefix('-')
            .map_or((false, text), |rest| (true, rest));
        humantime::parse_duration(text).map(|span| Self { past, span })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_span_lies_in_the_past() {
        let now = Timestamp::from_millis(10_000);
        let at = |text: &str| {
            text.parse::<SignedSpan>()
                .map(|span| span.from(now).millis())
                .ok()
        };
        assert_eq!(at("2s"), Some(12_000));
        assert_eq!(at("-2s"), Some(8_000));
        assert_eq!((at("soon"), at("--1s"), at("")), (None, None, None));
    }
}
