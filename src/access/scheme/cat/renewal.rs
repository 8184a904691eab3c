//! The claim `catr`: how a token may be renewed.
//!
//! Must not know: other claims, or how an answer is sent.

use super::cbor::Item;

/// The longest extension and deadline, in seconds: 100 years.
const MOST: i64 = 3_155_760_000;

/// Whether the claim is one: it must say how it is renewed and by how long. Parameters that are
/// not known are left alone, as they only add to the answer.
pub(super) fn is_renewal(item: &Item<'_>) -> bool {
    let Some(entries) = item.map() else {
        return false;
    };
    let is_there = |label| entries.iter().any(|(key, _)| key.int() == Some(label));
    is_there(0) && is_there(1) && entries.iter().all(is_parameter)
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
