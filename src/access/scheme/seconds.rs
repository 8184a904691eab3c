//! Unix times as legacy tokens write them: digits, whole seconds.
//!
//! Must not know: what a time is for.

use crate::domain::Timestamp;

/// Past this many seconds (the year 5138) they are milliseconds in disguise, and a token that was
/// meant to end would not.
const MOST: i64 = 100_000_000_000;

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecondsFault {
    /// Not digits alone.
    Form,
    /// In milliseconds.
    Milliseconds,
}

pub(super) fn seconds(text: &str) -> Result<Timestamp, SecondsFault> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits || text.len() > 18 {
        return Err(SecondsFault::Form);
    }
    match text.parse::<i64>() {
        Ok(seconds) if seconds <= MOST => Ok(Timestamp::from_millis(seconds * 1000)),
        Ok(_) => Err(SecondsFault::Milliseconds),
        Err(_) => Err(SecondsFault::Form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_digits_and_no_milliseconds() {
        assert_eq!(
            seconds("1704067200").map(Timestamp::seconds),
            Ok(1_704_067_200)
        );
        assert_eq!(seconds("007").map(Timestamp::seconds), Ok(7));
        assert_eq!(seconds("1704070800000"), Err(SecondsFault::Milliseconds));
        for bad in [
            "",
            "-1",
            "+1",
            "1.0",
            "1e9",
            " 1",
            "null",
            "9999999999999999999",
        ] {
            assert_eq!(seconds(bad), Err(SecondsFault::Form), "{bad}");
        }
    }
}
