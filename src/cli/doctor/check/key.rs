//! What came for a key: 16 bytes and how they may be kept, or a refusal and what it means.
//!
//! Must not know: what the key opens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;

use super::super::ask::Seen;
use super::super::client::Client;
use super::super::code::{self, Code};
use super::super::shown::{shown, without_tokens};
use super::super::walk::Walk;
use crate::crypto::ContentKey;

/// The key, if it is one.
pub(in super::super) fn judge(
    walk: &mut Walk<'_, '_>,
    rendition: &str,
    url: &Url,
    seen: &Seen,
) -> Option<ContentKey> {
    if !seen.is_good() {
        refused(walk, rendition, url, seen);
        return None;
    }
    walk.outcome.by.bearer |= seen.with_bearer;
    walk.outcome.by.cookie |= seen.with_cookies;
    walk.outcome.by.query |= url.query().is_some();
    let place = walk.place(rendition, url);
    super::cache::key(seen, place, walk.faults);
    if let Some(code) = fault_of(&seen.body) {
        let length = seen.body.len();
        walk.faults.add(code, place, format!("{length} bytes"));
        walk.stop(format!("the key {} has {length} bytes", shown(url)));
        return None;
    }
    let kind = seen.header("content-type");
    if !kind.starts_with("application/octet-stream") {
        walk.faults
            .add(&code::KEY_TYPE, place, format!("Content-Type: {kind}"));
    }
    ContentKey::from_slice(&seen.body)
}

fn refused(walk: &mut Walk<'_, '_>, rendition: &str, url: &Url, seen: &Seen) {
    let status = seen.answer.status;
    let place = walk.place(rendition, url);
    let text = format!("status {status}");
    match status {
        404 | 410 => walk.faults.add(&code::KEY_MISSING, place, text),
        500.. | 429 => walk.faults.add(&code::KEY_UNAVAILABLE, place, text),
        _ => unauthorized(walk, rendition, url, status),
    }
    walk.stop(format!("the key {} answers {status}", shown(url)));
}

/// Whoever had nothing to show is refused rightly; whoever showed something, or lost it on the way
/// from the playlist, is not.
fn unauthorized(walk: &mut Walk<'_, '_>, rendition: &str, url: &Url, status: u16) {
    let place = walk.place(rendition, url);
    if walk.has_credential(url) {
        walk.outcome.was_refused = true;
        // From another address, that is judged when it is known what the others got.
        if walk.outcome.kit.client != Client::Casting {
            let text = format!("status {status}, with a credential");
            walk.faults.add(&code::KEY_REFUSED, place, text);
        }
        return;
    }
    let was_queried = without_tokens(&walk.outcome.kit.top, None) != walk.outcome.kit.top;
    if was_queried {
        let text = format!("status {status}: the playlist's URL has a token, the key's has none");
        walk.faults.add(&code::TOKEN_NOT_ON_KEY, place, text);
    }
    if walk.outcome.kit.held_back(url) {
        let text = "a cookie for the key is held back: it is of another site than the page";
        walk.faults.add(&code::COOKIE_SITE, place, text);
    } else if walk.outcome.kit.with_cookies
        && matches!(walk.outcome.kit.client, Client::Native | Client::HlsJs)
    {
        let text = "no cookie fits both the key's URL and the playlist's";
        walk.faults.add(&code::COOKIE_SCOPE, place, text);
    }
    let why = match walk.was_equipped() {
        true => "what it has to show does not reach the key",
        false => "it has nothing to show: no transport serves it",
    };
    walk.stop(format!("{why} ({} answers {status})", shown(url)));
}

/// What is wrong with these bytes as a key.
fn fault_of(body: &[u8]) -> Option<&'static Code> {
    if body.len() == 16 {
        return None;
    }
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    let begins = text.get(..1).unwrap_or_default();
    let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_base64 = STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 16);
    Some(match body {
        _ if matches!(begins, "<" | "{") => &code::KEY_PAGE,
        _ if is_hex || is_base64 => &code::KEY_TEXT,
        [.., b'\n'] if matches!(body.len(), 17 | 18) => &code::KEY_NEWLINE,
        _ => &code::KEY_LENGTH,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_has_a_name() {
        for (body, expected) in [
            (&b"obviously-a-fake"[..], None),
            (b"obviously-a-fake\n", Some("key-newline")),
            (b"00000000000000000000000000000000", Some("key-text")),
            (b"b2J2aW91c2x5LWEtZmFrZQ==\n", Some("key-text")),
            (b"<html>log in</html>", Some("key-page")),
            (b"{\"error\": 1}", Some("key-page")),
            (b"short", Some("key-length")),
            (b"", Some("key-length")),
        ] {
            assert_eq!(fault_of(body).map(|code| code.code), expected, "{body:?}");
        }
    }
}
