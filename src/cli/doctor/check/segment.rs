//! Segments: whether they open with what the playlist says, and are media then.
//!
//! Must not know: players.

use super::super::ask::Seen;
use super::super::code::{self, Code};
use super::super::media::Rendition;
use super::super::shown::shown;
use super::super::walk::Walk;
use super::form;
use crate::crypto::{ContentKey, Iv, cbc};
use crate::playlist::{KeyTag, Map, Segment};

pub(in super::super) fn judge(
    walk: &mut Walk<'_, '_>,
    rendition: &Rendition,
    segment: &Segment,
    seen: &Seen,
) {
    if !came(walk, rendition, seen) {
        return;
    }
    let found = match segment.key.as_deref() {
        None => clear(&seen.body),
        // An I-frame's range lies within a resource that is one cipher stream: it opens with that.
        Some(_) if rendition.list.is_iframes() && segment.range.is_some() => None,
        Some(tag) => match key(walk, rendition, tag) {
            Some(key) => encrypted(&key, iv(tag, segment.msn), seen),
            None => None,
        },
    };
    tell(walk, rendition, seen, found);
}

pub(in super::super) fn section(
    walk: &mut Walk<'_, '_>,
    rendition: &Rendition,
    map: &Map,
    seen: &Seen,
) {
    if !came(walk, rendition, seen) {
        return;
    }
    let Some(tag) = map.key.as_deref() else {
        return;
    };
    if let (Some(key), Some(_)) = (key(walk, rendition, tag), &tag.iv)
        && cbc::decrypt(&key, iv(tag, 0), seen.body.clone()).is_none()
    {
        let found = (
            &code::SEGMENT_PADDING,
            "the initialisation section does not open".to_owned(),
        );
        tell(walk, rendition, seen, Some(found));
    }
}

fn came(walk: &mut Walk<'_, '_>, rendition: &Rendition, seen: &Seen) -> bool {
    if !seen.is_good() {
        let text = format!("status {}", seen.answer.status);
        tell(walk, rendition, seen, Some((&code::SEGMENT_REFUSED, text)));
    }
    seen.is_good()
}

fn tell(
    walk: &mut Walk<'_, '_>,
    rendition: &Rendition,
    seen: &Seen,
    found: Option<(&'static Code, String)>,
) {
    if let Some((code, text)) = found {
        let place = walk.place(&rendition.name, &seen.url);
        walk.stop(format!("{}: {text}", shown(&seen.url)));
        walk.faults.add(code, place, text);
    }
}

fn key(walk: &Walk<'_, '_>, rendition: &Rendition, tag: &KeyTag) -> Option<ContentKey> {
    let url = rendition.join(&tag.uri)?;
    walk.outcome.keys.get(url.as_str()).cloned().flatten()
}

fn iv(tag: &KeyTag, msn: u64) -> Iv {
    let said = tag.iv.as_deref().and_then(Iv::parse);
    said.unwrap_or_else(|| Iv::of_sequence(msn))
}

/// A segment without a key tag is clear, or was encrypted and lost its tag.
fn clear(body: &[u8]) -> Option<(&'static Code, String)> {
    let fault = form::fault(body);
    match fault {
        Some(why) if body.len().is_multiple_of(16) => Some((
            &code::KEY_TAG_LOST,
            format!("no EXT-X-KEY before it, and {why}"),
        )),
        Some(why) => Some((&code::SEGMENT_FORM, why)),
        None => None,
    }
}

fn encrypted(key: &ContentKey, iv: Iv, seen: &Seen) -> Option<(&'static Code, String)> {
    let body = &seen.body;
    if body.is_empty() || !body.len().is_multiple_of(16) {
        let text = format!("{} bytes are no whole blocks of 16", body.len());
        return Some((&code::SEGMENT_LENGTH, text));
    }
    if form::fault(body).is_none() {
        let text = "it is clear under an EXT-X-KEY".to_owned();
        return Some((&code::SEGMENT_CLEAR, text));
    }
    match cbc::decrypt(key, iv, body.clone()) {
        Some(plain) => {
            let fault = form::fault(&plain)?;
            match form::goes_on(&plain) {
                true => Some((&code::IV_WRONG, "its first 16 bytes do not open".to_owned())),
                false => Some((&code::SEGMENT_FORM, fault)),
            }
        }
        None => Some(unopened(key, iv, body)),
    }
}

/// Why the padding is none: it was left out, or the key is another.
fn unopened(key: &ContentKey, iv: Iv, body: &[u8]) -> (&'static Code, String) {
    let raw = cbc::decrypt_raw(key, iv, body).unwrap_or_default();
    match form::fault(&raw).is_none() || form::goes_on(&raw) {
        true => (
            &code::SEGMENT_PADDING,
            "it opens, and ends without PKCS#7".to_owned(),
        ),
        false => (
            &code::KEY_WRONG,
            "it does not open with this key".to_owned(),
        ),
    }
}
