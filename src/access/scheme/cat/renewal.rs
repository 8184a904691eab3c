//! The claim `catr`: how a token may be renewed, and the token that follows it.
//!
//! Must not know: other claims, or how an answer is sent.

use std::time::Duration;

use minicbor::Decoder;

use super::cbor::Item;
use super::claims::label;
use super::cose::written;
use crate::domain::Timestamp;

/// The longest extension and deadline, in seconds: 100 years.
const MOST: i64 = 3_155_760_000;
/// How long before its end a token is renewed that does not say so.
const DEADLINE: i64 = 60;

/// How a token is renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Renewal {
    kind: i64,
    extension: Duration,
    deadline: Duration,
    cookie: Option<String>,
    header: Option<String>,
}

/// Where the renewed token is to be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenewedIn {
    /// A cookie of that name.
    Cookie(String),
    /// A header of the answer.
    Header(String),
}

impl Renewal {
    /// `None` if the claim is none: it must say how it is renewed and by how long. Parameters that
    /// are not known are left alone, as they only add to the answer.
    pub(super) fn read(item: &Item<'_>) -> Option<Self> {
        let entries = item.map()?;
        if !entries.iter().all(is_parameter) {
            return None;
        }
        let of = |label| {
            let mut entries = entries.iter();
            let found = entries.find(|(key, _)| key.int() == Some(label));
            found.map(|(_, value)| value)
        };
        let span = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
        let name = |label| of(label).and_then(Item::text).map(str::to_owned);
        Some(Self {
            kind: of(0)?.int()?,
            extension: span(of(1)?.int()?),
            deadline: span(of(2).and_then(Item::int).unwrap_or(DEADLINE)),
            cookie: name(3),
            header: name(4),
        })
    }

    /// When a token that ends at `end` shall end instead, if it is due at `now`.
    pub(super) fn new_end(&self, end: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let is_due = end.minus(self.deadline) <= now && now < end;
        let longer = now.plus(self.extension);
        (is_due && longer > end).then_some(longer)
    }

    /// `None` where a redirect shall bring it, for an answer that is a key is none, or under a name
    /// that could be none. Automatic is as the token came.
    pub(super) fn place(&self, came_in_header: bool) -> Option<RenewedIn> {
        let name = |own: &Option<String>| own.clone().unwrap_or_else(|| super::COOKIE.to_owned());
        let place = match self.kind {
            0 if came_in_header => RenewedIn::Header(name(&self.header)),
            0 | 1 => RenewedIn::Cookie(name(&self.cookie)),
            2 => RenewedIn::Header(name(&self.header)),
            _ => return None,
        };
        let (RenewedIn::Cookie(text) | RenewedIn::Header(text)) = &place;
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        text.chars().all(is_token).then_some(place)
    }
}

/// The same claims, to the byte, with another end (in whole seconds).
pub(super) fn extended(payload: &[u8], end: Timestamp) -> Option<Vec<u8>> {
    let mut from = Decoder::new(payload);
    let count = from.map().ok()?;
    let mut claims = Vec::new();
    let is_more = |from: &Decoder<'_>, seen: u64| match count {
        Some(count) => seen < count,
        None => payload.get(from.position()) != Some(&0xff),
    };
    while is_more(&from, claims.len() as u64) {
        let key = raw(&mut from, payload)?;
        let value = raw(&mut from, payload)?;
        claims.push((key, value));
    }
    let is_end = |key: &[u8]| Decoder::new(key).i64().ok() == Some(label::EXP);
    let head = written(|to| to.map(claims.len() as u64)?.ok())?;
    let new_end = written(|to| to.i64(end.seconds())?.ok())?;
    let parts = claims.iter().flat_map(|(key, value)| {
        let value = if is_end(key) { &new_end } else { *value };
        [*key, value]
    });
    Some(
        std::iter::once(head.as_slice())
            .chain(parts)
            .collect::<Vec<_>>()
            .concat(),
    )
}

/// The next item as it is written.
fn raw<'a>(from: &mut Decoder<'a>, all: &'a [u8]) -> Option<&'a [u8]> {
    let begin = from.position();
    from.skip().ok()?;
    all.get(begin..from.position())
}

fn is_parameter((label, value): &(Item<'_>, Item<'_>)) -> bool {
    let is_span = || value.int().is_some_and(|span| (0..=MOST).contains(&span));
    let is_list = || {
        let texts = value.array().unwrap_or_default();
        value.array().is_some() && texts.iter().all(|it| it.text().is_some())
    };
    match label.int() {
        // Automatic, by cookie, by header, by redirect.
        Some(0) => value.int().is_some_and(|kind| (0..=3).contains(&kind)),
        Some(1 | 2) => is_span(),
        Some(3 | 4) => value.text().is_some_and(|name| !name.is_empty()),
        Some(5 | 6) => is_list(),
        Some(7) => value.int().is_some_and(|code| (300..=399).contains(&code)),
        Some(_) => true,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_alone_is_another() {
        let claims = |end: i64, open: bool| {
            written(|to| {
                let to = if open { to.begin_map()? } else { to.map(3)? };
                let to = to.i64(2)?.str("alice")?.i64(4)?.i64(end)?;
                let to = to.i64(310)?.u8(1)?;
                if open { to.end()?.ok() } else { to.ok() }
            })
            .unwrap()
        };
        let end = Timestamp::from_millis(90_000);
        for open in [false, true] {
            assert_eq!(extended(&claims(60, open), end), Some(claims(90, false)));
        }
        assert_eq!(extended(b"\x01", end), None);
    }

    #[test]
    fn a_token_is_renewed_near_its_end_and_never_cut_short() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let renewal = |extension, deadline| Renewal {
            kind: 1,
            extension: Duration::from_secs(extension),
            deadline: Duration::from_secs(deadline),
            cookie: None,
            header: None,
        };
        for (extension, now, end) in [
            (120, 69, None),
            (120, 70, Some(at(190))),
            (120, 99, Some(at(219))),
            (120, 100, None),
            (5, 80, None),
        ] {
            assert_eq!(
                renewal(extension, 30).new_end(at(100), at(now)),
                end,
                "{now}"
            );
        }
    }

    #[test]
    fn a_name_that_splits_a_header_is_no_place() {
        let named = |name: &str| Renewal {
            kind: 0,
            extension: Duration::ZERO,
            deadline: Duration::ZERO,
            cookie: Some(name.to_owned()),
            header: None,
        };
        let good = Some(RenewedIn::Cookie("cat-1".to_owned()));
        assert_eq!(named("cat-1").place(false), good);
        assert_eq!(named("a; Domain=x").place(false), None);
        let header = Some(RenewedIn::Header(super::super::COOKIE.to_owned()));
        assert_eq!(named("a; Domain=x").place(true), header);
    }
}
