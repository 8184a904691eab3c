//! Numbers as playlists write them (§4.2).
//!
//! Must not know: which tag has which number.

use std::time::Duration;

/// A decimal-integer: 1 to 20 digits, at most 2^64-1.
pub(super) fn integer(text: &str) -> Option<u64> {
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// No time in a playlist is longer, so that the sum of all of them is in range.
const MAX_SECONDS: u64 = u32::MAX as u64;

/// A decimal-floating-point number of seconds, exact to the nanosecond; further digits are cut.
/// No sign, no exponent, no `NaN`, nothing over 136 years.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { integer(whole)? };
    if whole > MAX_SECONDS {
        return None;
    }
    let places = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = places.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some(Duration::new(whole, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_digits_within_64_bits() {
        assert_eq!(integer("18446744073709551615"), Some(u64::MAX));
        assert_eq!(integer("007"), Some(7));
        for bad in [
            "",
            "-1",
            "+1",
            "1.0",
            " 1",
            "1e3",
            "000000000000000000007",
            "18446744073709551616",
            "٣",
        ] {
            assert_eq!(integer(bad), None, "{bad}");
        }
    }

    #[test]
    fn seconds_are_exact_and_never_negative() {
        let cases = [
            ("6", 6_000_000_000_u64),
            ("6.", 6_000_000_000),
            ("6.006", 6_006_000_000),
            (".5", 500_000_000),
            ("9.0099999999999", 9_009_999_999),
            ("0", 0),
        ];
        for (text, nanos) in cases {
            assert_eq!(seconds(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        assert_eq!(
            seconds("4294967295").map(|long| long.as_secs()),
            Some(4_294_967_295)
        );
        for bad in [
            "4294967296",
            "18446744073709551615",
            "",
            ".",
            "-1",
            "+1",
            "NaN",
            "inf",
            "1e3",
            "1,5",
            "1.2.3",
            "6 ",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
