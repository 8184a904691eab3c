//! Access lists of EdgeAuth: patterns joined by `!`, where `*` is any text and `?` one character.
//!
//! Must not know: tokens.

use std::borrow::Cow;

use crate::access::scheme::request::decoded;

/// The most patterns of one list.
const MOST: usize = 32;

/// Whether `acl` takes in the content at `content`, which is no path in disguise. A stream is taken
/// in by what takes in anything right below it, as its key is. Patterns may have been encoded before they
/// were signed, as Akamai's edge does (`%2f*`); they are told apart first, so that no `%21` makes two of one.
pub(super) fn covers(acl: &str, content: &str) -> bool {
    let raw = format!("/{content}");
    let plain = decoded(&raw).map(std::borrow::Cow::into_owned);
    let below = format!("{raw}/");
    let paths = [Some(raw), plain, Some(below)];
    let mut patterns = acl.split('!').take(MOST);
    patterns.any(|pattern| {
        let plain = decoded(pattern).unwrap_or(Cow::Borrowed(pattern));
        let mut paths = paths.iter().flatten();
        paths.any(|path| matches(pattern, path) || matches(&plain, path))
    })
}

/// Without going back further than to the last star, so that no pattern takes long.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(byte) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (p, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_cross_slashes() {
        let cases = [
            ("/live/*", "live/a/b.m3u8", true),
            ("/live/*", "liveX/a", false),
            ("/live/seg??.ts", "live/seg1.ts", false),
            ("/live/seg??.ts", "live/seg12.ts", true),
            ("/a/*!/keys/*", "b/1", false),
            ("/a/*!/keys/*", "keys/1", true),
            ("*/abc/*", "x/abc/y", true),
            ("/*", "anything", true),
            ("/live/news/*", "live/news", true),
            ("/live/news/*", "live/newsreel", false),
            ("/live/news", "live/news", true),
            ("", "live/news", false),
            ("/a b/*", "a%20b/c", true),
            ("%2f*", "live/news", true),
            ("%2Flive%2Fnews%2F*", "live/news", true),
            ("%2Flive%2Fnews%2F*", "live/newsreel", false),
            ("/x%21%2F*", "live/news", false),
            ("%252f*", "live/news", false),
        ];
        for (acl, content, expected) in cases {
            assert_eq!(covers(acl, content), expected, "{acl} {content}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let pattern = "*a".repeat(500);
        assert!(!covers(&pattern, &"a".repeat(400)));
    }
}
