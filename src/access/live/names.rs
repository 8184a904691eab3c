//! What sessions and devices are called, in memory and in the store.
//!
//! Must not know: which there are.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use crate::crypto::hex_of;
use crate::crypto::{Sha256, sha256};
use crate::domain::{Principal, PrincipalKind};
use crate::store::SessionName;

/// A digest of a session's name.
pub(super) type Key = [u8; 16];

/// The longest name that is kept as it is, in bytes.
const LONGEST: usize = 255;

/// The key of a session.
pub(super) fn key(scheme: &str, session: &str, subject: &str) -> Key {
    let mut digest = Sha256::default();
    for part in [scheme, session, subject].map(storable) {
        digest.update(&part.len().to_be_bytes());
        digest.update(part.as_bytes());
    }
    first(digest.finish())
}

/// The key of a session that was named already.
pub(super) fn key_of(name: &SessionName) -> Key {
    key(&name.scheme, &name.session, &name.subject)
}

/// The name of a session.
pub(super) fn name(scheme: &Arc<str>, session: &str, subject: &str) -> SessionName {
    SessionName {
        scheme: match storable(scheme) {
            Cow::Borrowed(_) => Arc::clone(scheme),
            Cow::Owned(digest) => digest.into(),
        },
        subject: storable(subject).into_owned(),
        session: storable(session).into_owned(),
    }
}

/// The session by which `who` is counted. Viewers whom their token does not tell apart, since it is
/// everybody's, are by their addresses: one of IPv4, or a /64.
pub(super) fn counted(who: &Principal, ip: Option<IpAddr>) -> Cow<'_, str> {
    let is_anybody = matches!(who.kind, PrincipalKind::Viewer | PrincipalKind::Grant)
        && who.session == who.subject;
    match ip.map(|ip| ip.to_canonical()).filter(|_| is_anybody) {
        Some(IpAddr::V4(v4)) => Cow::Owned(format!("{}@{v4}", who.session)),
        Some(IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            Cow::Owned(format!("{}@{a:x}:{b:x}:{c:x}:{d:x}::", who.session))
        }
        None => Cow::Borrowed(&who.session),
    }
}

/// A client as far as it can be told from others: its address and what it calls itself. Without an
/// address no session shares its device with another.
pub(super) fn device(name: &SessionName, ip: Option<IpAddr>, user_agent: Option<&str>) -> i64 {
    let mut digest = Sha256::default();
    match ip.map(|ip| ip.to_canonical()) {
        Some(IpAddr::V4(v4)) => digest.update(&v4.octets()),
        Some(IpAddr::V6(v6)) => digest.update(&v6.octets()),
        None => digest.update(&key_of(name)),
    }
    digest.update(b" ");
    digest.update(user_agent.unwrap_or_default().as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = digest.finish();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A name that every database takes and no console stumbles over: another is known by its digest.
pub(in crate::access) fn storable(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("sha256:{}", hex_of(&sha256(text.as_bytes()))))
}

fn first(digest: [u8; 32]) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&digest[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_run_into_each_other() {
        let keys = [
            key("a", "bc", "d"),
            key("ab", "c", "d"),
            key("a", "b", "cd"),
            key("a", "d", "bc"),
        ];
        for (at, one) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(one), "{at}");
        }
    }

    #[test]
    fn what_no_database_takes_has_another_name() {
        let long = "x".repeat(256);
        for odd in ["a\0b", "line\nbreak", &long] {
            let named = name(&"s".into(), odd, odd);
            assert!(
                named.session.starts_with("sha256:") && named.session.len() == 71,
                "{odd:?}"
            );
            assert_eq!(key_of(&named), key("s", odd, odd));
        }
        assert_eq!(name(&"s".into(), "é", "b").session, "é");
    }

    #[test]
    fn a_device_is_an_address_and_a_user_agent() {
        let of = |session: &str, ip: Option<&str>, agent| {
            let ip = ip.map(|ip| ip.parse().unwrap());
            device(&name(&"s".into(), session, "v"), ip, agent)
        };
        let one = of("1", Some("192.0.2.7"), Some("tv"));
        assert_eq!(one, of("2", Some("::ffff:192.0.2.7"), Some("tv")));
        assert_ne!(one, of("1", Some("192.0.2.8"), Some("tv")));
        assert_ne!(one, of("1", Some("192.0.2.7"), Some("phone")));
        assert_ne!(of("1", None, Some("tv")), of("2", None, Some("tv")));
    }
}
