//! What the missing separators of `WMSAuth` let one token pass for.
//!
//! Address, id, key, date, minutes and path are hashed one behind the other, so a token's fields can
//! be cut elsewhere and still hash alike. Every such cut that says something else is refused here.
//! Must not know: hashes.

use std::net::IpAddr;

use super::token::{Viewer, is_span};
use crate::domain::StreamPattern;

/// The longest text of an address.
const LONGEST_ADDRESS: usize = 45;

/// Whether the id and the address, if that is hashed too, can be read in one way alone.
pub(super) fn is_certain(viewer: &Viewer, address: Option<&str>, names_stream: bool) -> bool {
    match address {
        // Without its address a token of somebody else's address and id would fit, and a token
        // without an id that holds the address alone.
        None => !begins_with_address(&viewer.id),
        Some(address) if goes_on(address, &viewer.id) => {
            names_stream && is_alone(address, &viewer.id)
        }
        Some(_) => true,
    }
}

/// Whether an address could go on with what the id begins with: "192.0.2.1" + "05" hashes as
/// "192.0.2.10" + "5", and as "192.0.2.105" without an id.
fn goes_on(address: &str, id: &str) -> bool {
    let is_v6 = address.contains(':');
    let goes_on = |c: char| match is_v6 {
        true => c.is_ascii_hexdigit() || c == ':' || c == '.',
        false => c.is_ascii_digit() || c == '.' || c == ':',
    };
    id.starts_with(goes_on)
}

/// Whether no other address and id hash alike. A signer's number for an id is then let pass where the
/// token names its stream: what it could be read as opens no more than that.
fn is_alone(address: &str, id: &str) -> bool {
    let whole = format!("{address}{id}");
    let is_it = |(ip, id): (&str, &str)| ip == address || id.starts_with('0');
    !id.starts_with('0') && splits(&whole).all(is_it)
}

/// Whether a signed path can be told from the end of the minutes before it: `2` + `0live` hashes
/// as `20` + `live`. It matters where what it could be read as instead may be a stream `within` those
/// of the instance; without any path a token opens all of them.
pub(super) fn is_apart(signed: &str, minutes: &str, within: &[StreamPattern]) -> bool {
    let behind = signed.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = format!("{minutes}{}", &signed[..signed.len() - behind.len()]);
    let mut cuts = (1..=digits.len()).filter(|at| *at != minutes.len());
    behind.len() == signed.len()
        || cuts.all(|at| {
            let path = format!("{}{behind}", &digits[at..]);
            !is_span(&digits[..at]) || !may_be_within(&path, within)
        })
}

/// By the first part alone.
fn may_be_within(path: &str, within: &[StreamPattern]) -> bool {
    let first = |text: &str| text.split('/').next().map(str::to_owned);
    let takes = |pattern: &StreamPattern| {
        let part = first(pattern.as_str());
        part.as_deref() == Some("*") || part.as_deref() == Some("**") || part == first(path)
    };
    path.is_empty() || within.iter().any(takes)
}

fn begins_with_address(text: &str) -> bool {
    splits(text).next().is_some() || is_address(text)
}

/// The ways to read `text` as an address and an id.
fn splits(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let ends = text.char_indices().map(|(at, _)| at).skip(1);
    let ends = ends.take_while(|at| *at <= LONGEST_ADDRESS);
    let split = ends.map(|at| text.split_at(at));
    split.filter(|(ip, _)| is_address(ip))
}

/// In the one form in which addresses are hashed.
fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>()
        .is_ok_and(|ip| ip.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certain(id: &str, address: Option<&str>, names_stream: bool) -> bool {
        let viewer = Viewer {
            id: id.to_owned(),
            check_ip: address.is_some(),
        };
        is_certain(&viewer, address, names_stream)
    }

    #[test]
    fn an_id_that_an_address_could_go_on_with_is_refused() {
        for (good, address) in [
            ("ID_1", "192.0.2.1"),
            ("x", "192.0.2.12"),
            ("feed", "192.0.2.255"),
            ("viewer", "2001:db8::1"),
        ] {
            assert!(certain(good, Some(address), false), "{address} {good}");
        }
        for (bad, address) in [
            ("5", "192.0.2.10"),
            ("05", "192.0.2.1"),
            (".5", "192.0.2.10"),
            (":5", "192.0.2.10"),
            ("1x", "2001:db8::1"),
            ("ax", "2001:db8::1"),
            (":x", "2001:db8::1"),
        ] {
            assert!(!certain(bad, Some(address), false), "{address} {bad}");
        }
    }

    #[test]
    fn a_number_passes_where_the_stream_is_named_and_no_other_address_has_it() {
        assert!(certain("5", Some("192.0.2.10"), true));
        assert!(certain("7", Some("192.0.2.100"), true));
        for (id, address) in [
            ("05", "192.0.2.1"),
            ("7", "192.0.2.255"),
            ("15", "192.0.2.1"),
            ("5", "192.0.2.11"),
            ("1x", "2001:db8::1"),
        ] {
            assert!(!certain(id, Some(address), true), "{address} {id}");
        }
    }

    #[test]
    fn an_id_alone_holds_no_address() {
        for good in ["5", "05", "007", "viewer-7"] {
            assert!(certain(good, None, false), "{good}");
        }
        for bad in [
            "192.0.2.10",
            "192.0.2.105",
            "192.0.2.10abc",
            "::1",
            "2001:db8::1x",
        ] {
            assert!(!certain(bad, None, true), "{bad}");
        }
    }

    #[test]
    fn a_path_is_told_from_the_minutes() {
        let apart = |signed: &str, within: &[&str]| {
            let within: Vec<_> = within.iter().map(|it| it.parse().unwrap()).collect();
            is_apart(signed, "20", &within)
        };
        assert!(apart("live/a", &["**"]));
        assert!(apart("", &["**"]));
        assert!(apart("2020s-v/a", &["2020s-v/**", "live/*"]));
        assert!(!apart("0live/a", &["**"]));
        assert!(!apart("2020s-v/a", &["**"]));
        assert!(!apart("2020s-v/a", &["2020s-v/**", "*/a"]));
        for other in ["s-v/**", "020s-v/a", "02020s-v/*"] {
            assert!(!apart("2020s-v/a", &["2020s-v/**", other]), "{other}");
        }
        // All of it digits: what is left may be no path at all.
        assert!(!apart("20", &["20"]));
    }
}
