//! `server_time` in the spellings that WMSPanel's own samples write.
//!
//! PHP, JavaScript and C# write `1/1/2024 12:00:00 AM`, Python `01/01/2024 12:00:00 AM`, Java
//! `1/1/2024 12:0:0 AM`; newer locale data puts a narrow no-break space before the last word. The
//! text is hashed as received, so only its meaning is read here. Must not know: hashes.

use time::{Date, Month, Time};

use crate::domain::Timestamp;

/// The second meant, UTC; `None` if the text is no such date.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let mut words = text.split([' ', '\u{202f}', '\u{a0}']);
    let (date, time, half) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let [month, day, year] = numbers(date, '/')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(year.into(), month, u8::try_from(day).ok()?).ok()?;
    let small = |number: u16| u8::try_from(number).ok();
    let time = Time::from_hms(of_day(hour, half)?, small(minute)?, small(second)?).ok()?;
    let seconds = date.with_time(time).assume_utc().unix_timestamp();
    Some(Timestamp::from_millis(seconds * 1000))
}

/// Twelve is the first hour of either half.
fn of_day(hour: u16, half: &str) -> Option<u8> {
    let hour = u8::try_from(hour)
        .ok()
        .filter(|hour| (1..=12).contains(hour))?;
    match half {
        _ if half.eq_ignore_ascii_case("AM") => Some(hour % 12),
        _ if half.eq_ignore_ascii_case("PM") => Some(hour % 12 + 12),
        _ => None,
    }
}

fn numbers(text: &str, separator: char) -> Option<[u16; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let is_number = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

/// As PHP writes it.
pub(super) fn write(at: Timestamp) -> Option<String> {
    spellings(at).next()
}

/// As the samples write it: PHP, Python, Java, and newer locale data.
pub(super) fn spellings(at: Timestamp) -> impl Iterator<Item = String> {
    let at = time::OffsetDateTime::from_unix_timestamp(at.seconds()).ok();
    at.into_iter().flat_map(|at| {
        let (hour, half) = match at.hour() {
            0 => (12, "AM"),
            hour @ 1..=11 => (hour, "AM"),
            12 => (12, "PM"),
            hour => (hour - 12, "PM"),
        };
        let (month, day, year) = (u8::from(at.month()), at.day(), at.year());
        let (minute, second) = (at.minute(), at.second());
        [
            format!("{month}/{day}/{year} {hour}:{minute:02}:{second:02} {half}"),
            format!("{month:02}/{day:02}/{year} {hour:02}:{minute:02}:{second:02} {half}"),
            format!("{month}/{day}/{year} {hour}:{minute}:{second} {half}"),
            format!("{month}/{day}/{year} {hour}:{minute:02}:{second:02}\u{202f}{half}"),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_means_the_same_second() {
        for text in [
            "1/1/2024 12:00:00 AM",
            "01/01/2024 12:00:00 AM",
            "1/1/2024 12:0:0 AM",
            "1/1/2024 12:00:00\u{202f}AM",
            "1/1/2024 12:00:00 am",
        ] {
            assert_eq!(
                read(text).map(Timestamp::seconds),
                Some(1_704_067_200),
                "{text}"
            );
        }
        let noon = read("1/1/2024 12:00:00 PM").unwrap();
        assert_eq!(noon.seconds(), 1_704_067_200 + 43_200);
    }

    #[test]
    fn what_is_written_is_read() {
        for hour in 0..48 {
            let at = Timestamp::from_millis((1_709_164_800 + hour * 3_599) * 1000);
            let text = write(at).unwrap();
            assert_eq!(read(&text), Some(at), "{text}");
        }
    }

    #[test]
    fn no_date_is_guessed() {
        for bad in [
            "",
            "1/1/2024",
            "1/1/2024 12:00:00",
            "1/1/2024 00:00:00 AM",
            "1/1/2024 13:00:00 PM",
            "13/1/2024 1:00:00 PM",
            "2/30/2024 1:00:00 PM",
            "1/1/2024 1:60:00 PM",
            "1/1/2024  1:00:00 PM",
            "1/1/2024 1:00:00 PM x",
            "+1/1/2024 1:00:00 PM",
            "2024-01-01 1:00:00 PM",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
