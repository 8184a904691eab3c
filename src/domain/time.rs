//! Time as a parameter: [`Timestamp`] and the [`Clock`] that gives it.
//!
//! Must not know: time zones; everything is UTC, in whole milliseconds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A point in time: milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 date and time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 date and time")]
pub struct TimeError;

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time plus `span`, at the latest the end of representable time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// This time minus `span`, at the earliest the start of representable time.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// How long from `earlier` to this, zero if `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// 0000-01-01T00:00:00.000Z.
const FIRST_MILLI: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z.
const LAST_MILLI: i64 = 253_402_300_799_999;

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    /// RFC 3339, UTC, with milliseconds: `2026-11-22T02:22:10.000Z`. RFC 3339 ends with the year
    /// 9999 and begins with the year 0; a time outside prints as that end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.clamp(FIRST_MILLI, LAST_MILLI);
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
            .map_err(|_| fmt::Error)?;
        let (date, time) = (at.date(), at.time());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let (hour, minute, second, milli) = time.as_hms_milli();
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
        )
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    /// RFC 3339, and the forms packagers write in `EXT-X-PROGRAM-DATE-TIME`: `+0000` for
    /// `+00:00`, and no offset at all for UTC. Digits past the millisecond are cut.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let text = with_colon_offset(text);
        let at = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| TimeError)?;
        i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000))
            .map(Self)
            .map_err(|_| TimeError)
    }
}

/// `…+0000` (ffmpeg) becomes `…+00:00`, a bare local time becomes UTC.
fn with_colon_offset(text: &str) -> String {
    let offset_at = text
        .char_indices()
        .skip(19)
        .find(|(_, c)| matches!(c, '+' | '-'))
        .map(|(i, _)| i);
    match offset_at.map(|at| text.split_at(at)) {
        Some((time, offset)) if offset.len() == 5 && offset.is_ascii() => {
            format!("{time}{}:{}", &offset[..3], &offset[3..])
        }
        Some((time, offset)) if offset.len() == 3 => format!("{time}{offset}:00"),
        None if !text.ends_with(['Z', 'z']) => format!("{text}Z"),
        _ => text.to_owned(),
    }
}

/// Where the time comes from. Production has [`SystemClock`]; tests hand in their own.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> Timestamp;

    /// Time that passes evenly from an arbitrary moment on, whoever sets [`Self::now`]. As it
    /// stands here it is for a clock that nobody sets back.
    fn steady(&self) -> Duration {
        self.now().since(Timestamp::from_millis(0))
    }
}

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one real clock")]
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now();
        let since = now
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(millis(since))
    }

    /// Goes on while the machine sleeps, too.
    fn steady(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packagers_spell_dates_in_many_ways() {
        let noon = "2026-01-02T12:00:00.250Z".parse::<Timestamp>().unwrap();
        for same in [
            "2026-01-02T12:00:00.250+0000",
            "2026-01-02T12:00:00.250+00:00",
            "2026-01-02T13:00:00.250+01",
            "2026-01-02T11:30:00.250-0030",
            "2026-01-02T12:00:00.250999",
        ] {
            assert_eq!(same.parse(), Ok(noon), "{same}");
        }
        assert_eq!(noon.to_string(), "2026-01-02T12:00:00.250Z");
        let ends = [i64::MIN, i64::MAX].map(|millis| Timestamp(millis).to_string());
        assert_eq!(
            ends,
            ["0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"]
        );
        for bad in [
            "",
            "now",
            "2026-01-02",
            "2026-13-02T12:00:00Z",
            "2026-01-02T12:00:00+é0",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(TimeError), "{bad}");
        }
    }
}
