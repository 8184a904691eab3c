//! What the missing separators of `WMSAuth` let one token pass for.
//!
//! Address, id, key, date, minutes and path are hashed one behind the other, so a token's fields can
//! be cut elsewhere and still hash alike. Every such cut that says something else is refused here.
//! Must not know: hashes.

use std::net::IpAddr;

use super::token::Viewer;

/// The longest text of an address.
const LONGEST_ADDRESS: usize = 45;

/// Whether the id and the address, if that is hashed too, can be read in one way alone.
pub(super) fn is_certain(viewer: &Viewer, address: Option<&str>) -> bool {
    // "192.0.2.1" + "05" hashes as "192.0.2.10" + "5".
    if viewer.id.starts_with('0') {
        return false;
    }
    match address {
        // Without its address a token of somebody else's address and id would fit, and a token
        // without an id that holds the address alone.
        None => !begins_with_address(&viewer.id),
        Some(address) => {
            let whole = format!("{address}{}", viewer.id);
            splits(&whole).all(|(ip, id)| ip == address || id.starts_with('0'))
        }
    }
}

/// Whether a signed path can be told from the end of the minutes before it: `2` + `0live` hashes
/// as `20` + `live`.
pub(super) fn is_apart(signed: &str) -> bool {
    !signed.starts_with(|c: char| c.is_ascii_digit())
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

    fn certain(id: &str, address: Option<&str>) -> bool {
        let viewer = Viewer {
            id: id.to_owned(),
            check_ip: address.is_some(),
        };
        is_certain(&viewer, address)
    }

    #[test]
    fn an_id_that_could_end_another_address_is_refused() {
        assert!(certain("5", Some("192.0.2.10")));
        assert!(certain("ID_1", Some("192.0.2.1")));
        assert!(certain("7", Some("192.0.2.100")));
        for (id, address) in [
            ("05", "192.0.2.1"),
            ("7", "192.0.2.255"),
            ("15", "192.0.2.1"),
            ("5", "192.0.2.11"),
            ("1x", "2001:db8::1"),
            ("ax", "2001:db8::1"),
        ] {
            assert!(!certain(id, Some(address)), "{address} {id}");
        }
    }

    #[test]
    fn an_id_alone_holds_no_address() {
        assert!(certain("5", None));
        assert!(certain("viewer-7", None));
        for id in [
            "192.0.2.10",
            "192.0.2.105",
            "192.0.2.10abc",
            "::1",
            "2001:db8::1x",
            "05",
        ] {
            assert!(!certain(id, None), "{id}");
        }
    }

    #[test]
    fn a_path_is_told_from_the_minutes() {
        assert!(is_apart("live/a"));
        assert!(is_apart(""));
        assert!(!is_apart("0live/a"));
    }
}
