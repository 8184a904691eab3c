//! Byte ranges (RFC 9110 §14): one range or the whole.
//!
//! Must not know: files.

use std::ops::Range;

/// What a `Range` header asks of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Everything: no range, one we do not understand, or several (which a server may ignore).
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// None of the file's bytes.
    Nothing,
}

impl Wanted {
    /// From the header's text and the file's length in bytes.
    pub(crate) fn parse(header: &str, length: u64) -> Self {
        let Some(spec) = header.trim().strip_prefix("bytes=") else {
            return Self::Whole;
        };
        match spec.trim().split_once('-') {
            Some(("", last)) => suffix(last, length),
            Some((first, last)) => between(first, last, length),
            None => Self::Whole,
        }
    }
}

/// `-n`: the last n bytes.
fn suffix(last: &str, length: u64) -> Wanted {
    match digits(last) {
        Some(0) => Wanted::Nothing,
        Some(_) if length == 0 => Wanted::Nothing,
        Some(count) => Wanted::Part(length.saturating_sub(count)..length),
        None => Wanted::Whole,
    }
}

/// `a-` or `a-b`, both ends included.
fn between(first: &str, last: &str, length: u64) -> Wanted {
    let end = match last {
        "" => Some(length),
        text => digits(text).map(|last| last.saturating_add(1).min(length)),
    };
    match (digits(first), end) {
        (Some(first), Some(_)) if first >= length => Wanted::Nothing,
        (Some(first), Some(end)) if first < end => Wanted::Part(first..end),
        _ => Wanted::Whole,
    }
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_ranges_are_cut_to_the_file() {
        let cases = [
            ("bytes=0-", Wanted::Part(0..100)),
            ("bytes=10-19", Wanted::Part(10..20)),
            ("bytes=90-999", Wanted::Part(90..100)),
            ("bytes=-5", Wanted::Part(95..100)),
            ("bytes=-500", Wanted::Part(0..100)),
            ("bytes=99-99", Wanted::Part(99..100)),
            ("bytes=0-18446744073709551615", Wanted::Part(0..100)),
            ("bytes=0-99999999999999999999999", Wanted::Part(0..100)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
        ];
        for (header, wanted) in cases {
            assert_eq!(Wanted::parse(header, 100), wanted, "{header}");
        }
        assert_eq!(Wanted::parse("bytes=0-", 0), Wanted::Nothing);
        assert_eq!(Wanted::parse("bytes=-1", 0), Wanted::Nothing);
    }

    #[test]
    fn what_is_not_one_range_is_ignored() {
        let odd = [
            "",
            "bytes",
            "bytes=",
            "items=0-1",
            "bytes=5-3",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=0-1,5-6",
            "bytes=--1",
        ];
        for header in odd {
            assert_eq!(Wanted::parse(header, 100), Wanted::Whole, "{header}");
        }
    }
}
