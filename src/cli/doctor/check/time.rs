//! Clocks: the server's, by its `Date`, and the packager's, by its dates in the playlist.
//!
//! Must not know: which of two clocks is wrong; this machine's is taken for right.

use std::time::Duration;

use time::PrimitiveDateTime;
use time::macros::format_description;

use super::super::ask::Seen;
use super::super::code;
use super::super::fault::{Faults, Place};
use crate::domain::Timestamp;
use crate::playlist::MediaPlaylist;

/// A server's clock may be off by so much: answers take their time, and `Date` is in seconds.
const SKEW: i64 = 30_000;
/// The last live segment may end so much later than now, or earlier.
const AHEAD: i64 = 60_000;
const BEHIND: i64 = 600_000;

pub(in super::super) fn clock(seen: &Seen, place: Place<'_>, faults: &mut Faults) {
    // A cache gives the date of the answer that it kept.
    let is_fresh = seen.answer.header("age").is_none_or(|age| age == "0");
    let Some(date) = date(seen.header("date")).filter(|_| is_fresh) else {
        return;
    };
    let skew = date - seen.at.millis();
    if skew.abs() > SKEW {
        let host = Place {
            rendition: None,
            ..place
        };
        faults.add(&code::CLOCK_SKEW, host, format!("{} s", skew / 1000));
    }
}

pub(in super::super) fn dates(
    seen: &Seen,
    list: &MediaPlaylist,
    place: Place<'_>,
    faults: &mut Faults,
) {
    let last = list.segments().last().filter(|_| !list.is_ended());
    let Some((last, begins)) = last.and_then(|last| Some((last, last.time?))) else {
        return;
    };
    let end = begins.plus(last.duration.min(Duration::from_secs(3600)));
    let skew = end.millis() - seen.at.millis();
    if !(-BEHIND..=AHEAD).contains(&skew) {
        let text = format!("the last segment ends {} s from now", skew / 1000);
        faults.add(&code::DATE_SKEW, place, text);
    }
}

/// Milliseconds since the epoch of an HTTP date (RFC 9110 §5.6.7).
fn date(text: &str) -> Option<i64> {
    let form = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let parsed = PrimitiveDateTime::parse(text, &form).ok()?;
    let at = Timestamp::from_millis(parsed.assume_utc().unix_timestamp() * 1000);
    Some(at.millis())
}

#[cfg(test)]
mod tests {
    #[test]
    fn http_dates_are_read() {
        assert_eq!(
            super::date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777_000)
        );
        assert_eq!(super::date("yesterday"), None);
    }
}
