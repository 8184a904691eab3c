//! `X-Forwarded-For` and `Forwarded` (RFC 7239), read from the right: what the nearest proxy wrote
//! is believed, what stands left of the first foreign address is anybody's text.
//!
//! A proxy writes one of the two headers and lets the other through, so where both are present
//! they have to agree. Must not know: whether the connection's other end is a proxy.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{self, HeaderMap, HeaderName};

use super::TrustedProxies;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The most proxies between a client and us.
const MOST_HOPS: usize = 16;

/// The client's address, or `None` if the headers are missing, malformed or contradict each other.
pub(super) fn client(headers: &HeaderMap, trusted: &TrustedProxies) -> Option<IpAddr> {
    let plain = text(headers, &X_FORWARDED_FOR)?;
    let standard = text(headers, &header::FORWARDED)?;
    let plain = plain.map(|text| walk(plain_hops(&text), trusted));
    let standard = standard.map(|text| walk(standard_hops(&text), trusted));
    match (plain, standard) {
        (Some(one), None) | (None, Some(one)) => one,
        (Some(one), Some(other)) => one.filter(|_| one == other),
        (None, None) => None,
    }
}

/// The lines of a header as one list; `Some(None)` if it is not there, `None` if it is no text.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<Option<String>> {
    let lines = headers.get_all(name).map(|value| value.to_str().ok());
    let lines = lines.collect::<Option<Vec<_>>>()?;
    Some((!lines.is_empty()).then(|| lines.join(",")))
}

/// From the right past every trusted proxy: the first address that is none, or the leftmost.
fn walk<'a>(
    hops: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &TrustedProxies,
) -> Option<IpAddr> {
    let mut last = None;
    for (count, hop) in hops.rev().enumerate() {
        if count == MOST_HOPS {
            return None;
        }
        let address = address(hop)?;
        last = Some(address);
        if !trusted.has(address) {
            break;
        }
    }
    last
}

fn plain_hops(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(',').map(str::trim)
}

/// The `for` of each element; an empty text, which is no address, where there is not exactly one.
fn standard_hops(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    split(text, ',').into_iter().map(|element| {
        let pairs = split(element, ';');
        let mut named = pairs.iter().filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then_some(value)
        });
        match (named.next(), named.next()) {
            (Some(value), None) => unquoted(value.trim()),
            _ => "",
        }
    })
}

/// Parts between separators outside of quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .collect()
}

/// An address needs no backslash; a text with one is none.
fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// An address alone, in brackets, or with a port.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.parse::<IpAddr>().ok();
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    let found = bare.or_else(bracketed).or_else(with_port)?;
    Some(found.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn found(lines: &[(&str, &str)]) -> Option<String> {
        let trusted = ["10.0.0.0/8", "::1"].iter();
        let trusted = TrustedProxies::new(trusted.map(|text| text.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        client(&headers, &trusted).map(|address| address.to_string())
    }

    fn plain(value: &str) -> Option<String> {
        found(&[("x-forwarded-for", value)])
    }

    fn standard(value: &str) -> Option<String> {
        found(&[("forwarded", value)])
    }

    #[test]
    fn the_nearest_foreign_address_is_the_client() {
        for (value, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, 10.0.0.2", "192.0.2.1"),
            ("203.0.113.9, 192.0.2.1,10.0.0.2 , 10.0.0.3", "192.0.2.1"),
            ("anything, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:4711, ::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("10.0.0.7, 10.0.0.2", "10.0.0.7"),
        ] {
            assert_eq!(plain(value).as_deref(), Some(client), "{value}");
        }
        for (value, client) in [
            ("for=192.0.2.1", "192.0.2.1"),
            (
                "For=\"192.0.2.1:4711\";proto=https;by=10.0.0.1",
                "192.0.2.1",
            ),
            (
                "proto=https; for=\"[2001:db8::1]:4711\" , for=10.0.0.2",
                "2001:db8::1",
            ),
            ("for=\"x,y\", for=192.0.2.1;host=\"a;b,c\"", "192.0.2.1"),
        ] {
            assert_eq!(standard(value).as_deref(), Some(client), "{value}");
        }
        let lines = [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "192.0.2.1"),
        ];
        assert_eq!(found(&lines).as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn what_is_malformed_names_nobody() {
        for bad in [
            "",
            ",",
            "192.0.2.1,",
            "unknown",
            "192.0.2",
            "192.0.2.1, 10.0.0.2, x",
            "192.0.2.1 10.0.0.2",
            "[2001:db8::1",
            "192.0.2.1:port",
            "192.0.2.256",
        ] {
            assert_eq!(plain(bad), None, "{bad}");
        }
        for bad in [
            "for=unknown",
            "for=_hidden",
            "192.0.2.1",
            "for=",
            "by=192.0.2.1",
            "for=\"192.0.2.1",
            "for=192.0.2.1;for=192.0.2.2",
            "for=192.0.2.1, proto=https",
        ] {
            assert_eq!(standard(bad), None, "{bad}");
        }
        assert_eq!(found(&[]), None);
        assert_eq!(
            plain("10.0.0.1,".repeat(15).trim_end_matches(',')).as_deref(),
            Some("10.0.0.1")
        );
        assert_eq!(plain(&format!("192.0.2.1{}", ",10.0.0.1".repeat(16))), None);
        assert_eq!(plain("\u{e4}, 192.0.2.1"), None);
    }

    #[test]
    fn two_headers_have_to_agree() {
        let both = |a, b| found(&[("x-forwarded-for", a), ("forwarded", b)]);
        assert_eq!(
            both("192.0.2.1", "for=192.0.2.1").as_deref(),
            Some("192.0.2.1")
        );
        assert_eq!(both("192.0.2.1", "for=203.0.113.9"), None);
        assert_eq!(both("192.0.2.1", "for=unknown"), None);
        assert_eq!(both("unknown", "for=unknown"), None);
    }
}
