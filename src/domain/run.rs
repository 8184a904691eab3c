//! Runs: a source that begins its numbering anew begins a run, and the output goes on.
//!
//! Must not know: who noticed, or how a number is written into a playlist.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One numbering of a source, and where it stands in the numbering that is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Its place among the runs of the stream; the first is 0.
    pub ordinal: u64,
    /// The source's number of its first segment. What the source numbers lower is no part of it.
    pub first: u64,
    /// The published number of that segment.
    pub output: u64,
    /// What the source's EXT-X-DISCONTINUITY-SEQUENCE is raised by.
    pub discontinuities: u64,
    /// What its programme times are put off by, so that they do not go back.
    pub shift: Duration,
    /// The schedule version that begins a period with it; an older schedule does not place it.
    pub version: u64,
}

impl Run {
    /// The run that a stream begins with: numbers and times as the source has them.
    pub const INITIAL: Self = Self {
        ordinal: 0,
        first: 0,
        output: 0,
        discontinuities: 0,
        shift: Duration::ZERO,
        version: 0,
    };
    /// Later runs are not numbered past this: players count in doubles.
    pub const LAST_NUMBER: u64 = (1 << 53) - 1;

    /// The published number of the segment that the source numbers `source`; `None` if it is no
    /// part of the run.
    pub fn number(&self, source: u64) -> Option<u64> {
        let number = self.output.checked_add(source.checked_sub(self.first)?)?;
        (self.ordinal == 0 || number <= Self::LAST_NUMBER).then_some(number)
    }

    /// The source's number of the segment that is published as `number`.
    pub fn source(&self, number: u64) -> Option<u64> {
        self.first.checked_add(number.checked_sub(self.output)?)
    }
}

/// What tells a segment's clear bytes from others. Nothing of them can be had from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 16]);

/// The text is not a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 32 lower-case hex digits")]
pub struct FingerprintError;

impl Fingerprint {
    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let good = text.len() == 32 && text.bytes().all(is_hex);
        let number = u128::from_str_radix(text, 16).ok().filter(|_| good);
        number
            .map(|number| Self(number.to_be_bytes()))
            .ok_or(FingerprintError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_numbers_on_from_where_it_begins() {
        let run = Run {
            ordinal: 1,
            first: 3,
            output: 106,
            ..Run::INITIAL
        };
        assert_eq!((run.number(3), run.number(10)), (Some(106), Some(113)));
        assert_eq!(run.number(2), None, "no part of it");
        assert_eq!((run.source(106), run.source(105)), (Some(3), None));
        assert_eq!(run.number(u64::MAX), None);
        let last = Run::LAST_NUMBER - 103;
        assert_eq!(
            (run.number(last).is_some(), run.number(last + 1)),
            (true, None)
        );
        assert_eq!(Run::INITIAL.number(u64::MAX), Some(u64::MAX));
    }

    #[test]
    fn a_fingerprint_is_written_one_way() {
        let text = "00112233445566778899aabbccddeeff";
        let read: Fingerprint = text.parse().unwrap();
        assert_eq!(
            (read.to_string(), read.as_bytes()[1]),
            (text.to_owned(), 0x11)
        );
        for bad in [
            "",
            "0",
            &text[1..],
            &text.to_uppercase(),
            &format!("+{}", &text[1..]),
        ] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(FingerprintError), "{bad}");
        }
    }
}
