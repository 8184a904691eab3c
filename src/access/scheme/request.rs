//! A request as a scheme looks at it that signs parts of it: undecoded, free of HTTP.
//!
//! Must not know: any scheme.

use std::borrow::Cow;
use std::net::IpAddr;

use percent_encoding::percent_decode_str;

use crate::access::credential::cookies;

/// What is asked, by whom, and with what beside it.
#[derive(Clone, Copy)]
pub(in crate::access) struct Request<'a> {
    /// The content's path as the URL has it, percent-encoded, no slash before it: a playlist's
    /// (`live/news/playlist.m3u8`), or on a key request that of the key's stream (`live/news`).
    pub(in crate::access) content: &'a str,
    /// The content's stream, where it is known and not to be guessed from a URL.
    pub(in crate::access) stream: Option<&'a str>,
    /// Everything after `?`, as received.
    pub(in crate::access) query: &'a str,
    /// Every header, `Cookie` too, as received.
    pub(in crate::access) headers: &'a dyn Headers,
    /// The method, in capitals.
    pub(in crate::access) method: &'a str,
    /// The URL asked for, whose path may be another than the content's.
    pub(in crate::access) target: Target<'a>,
    /// What the TLS handshake agreed on (RFC 7301), where there was one: `http/1.1`.
    pub(in crate::access) alpn: Option<&'a str>,
    /// The client's address, behind trusted proxies.
    pub(in crate::access) ip: Option<IpAddr>,
    /// Whether the content is watched or published.
    pub(in crate::access) purpose: Purpose,
}

impl<'a> Request<'a> {
    /// The content's stream, else what a media server's front leaves of the path.
    pub(super) fn stream(&self) -> &'a str {
        self.stream.unwrap_or_else(|| stream_path(self.content))
    }

    /// The values of the cookie `name` (RFC 6265 §4.2).
    pub(super) fn cookies<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        cookies(self.headers, name)
    }
}

/// A request's headers.
pub trait Headers {
    /// The values of the headers of that name, in lower case, in their order.
    fn values<'a>(&'a self, name: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a>;
}

/// A list is one for the command line and for tests. Names are compared without their case.
impl Headers for Vec<(String, String)> {
    fn values<'a>(&'a self, name: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        let named = self
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name));
        Box::new(named.map(|(_, value)| value.as_str()))
    }
}

/// The URL that is asked for, as the client has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Target<'a> {
    /// `https`.
    pub scheme: &'a str,
    /// The host, and the port if the URL names one: `keys.example.com:8443`.
    pub authority: &'a str,
    /// The path, percent-encoded, with the slash before it, and without such a token:
    pub path: &'a str,
    /// The token that stood in the path, with its name: `hdntl=exp=…~hmac=HEX`.
    pub token: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// The content's path in a URL of ours: what stands below `/v1/play/` or `/hls/`. `None` for any
    /// other, a key's too, which does not name its content.
    pub(in crate::access) fn content(&self) -> Option<&'a str> {
        let mut prefixes = ["/v1/play/", "/hls/"].into_iter();
        prefixes.find_map(|prefix| self.path.strip_prefix(prefix))
    }
}

/// What a request wants with the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To watch it.
    Play,
    /// To send it.
    Publish,
}

/// The most query pairs that are read; a player sends a handful.
const MOST_PAIRS: usize = 64;

/// The pairs of a query, undecoded, in their order.
pub(in crate::access) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let some = query.split('&').filter(|pair| !pair.is_empty());
    some.take(MOST_PAIRS)
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Whether a query has a pair of that name.
pub(super) fn has(query: &str, name: &str) -> bool {
    pairs(query).any(|(found, _)| found == name)
}

/// The one value of `name`; `Err` if it stands there twice, where nobody can say which one counts.
pub(super) fn only<'a>(query: &'a str, name: &str) -> Result<Option<&'a str>, Repeated> {
    let mut values = pairs(query).filter(|(found, _)| *found == name);
    let first = values.next().map(|(_, value)| value);
    match values.next() {
        Some(_) => Err(Repeated),
        None => Ok(first),
    }
}

/// A parameter stands in the query more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeated;

/// Percent-decoded once; `None` if that is no text. A plus stays one.
pub(super) fn decoded(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok()
}

/// The same of a path, which [`is_plain_path`] has looked at; as it is where that is no text.
pub(in crate::access) fn plain(path: &str) -> Cow<'_, str> {
    decoded(path).unwrap_or(Cow::Borrowed(path))
}

/// Whether a path goes on below a stream.
pub(in crate::access) fn is_below(path: &str, stream: &str) -> bool {
    let rest = path.strip_prefix(stream);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// A path that means the same to everybody who reads it: no way up, no empty part, no separator
/// or control byte in disguise.
pub(super) fn is_plain_path(path: &str) -> bool {
    let Some(decoded) = decoded(path) else {
        return false;
    };
    let hides = |c: char| c.is_control() || matches!(c, '\\' | '?' | '#');
    let is_step = |part: &str| part.is_empty() || part == "." || part == "..";
    let separators = |text: &str| text.matches('/').count();
    !decoded.contains(hides)
        && !decoded.split('/').any(is_step)
        && separators(&decoded) == separators(path)
}

/// What a media server's HTTP front answers below a stream's name besides playlists, and which no
/// signer of the stream's path includes.
const FRONT_FILES: [&str; 4] = ["manifest.mpd", "Manifest", "manifest.f4m", "media.ts"];
/// The same, with a session and a bit rate in the name.
const FRONT_PREFIXES: [&str; 3] = ["chunklist_", "media_", "manifest_"];

/// The content's path without what stands behind the stream's name.
pub(super) fn stream_path(content: &str) -> &str {
    match content.rsplit_once('/') {
        Some((stream, file)) if is_front_file(file) => stream,
        _ => content,
    }
}

/// Whose stream a path's beginning may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::access) enum Owned {
    /// The content's own: its folder, if it is a file of a stream.
    Itself,
    /// One above that: it has the content only if the content is a rendition's.
    Above,
}

/// The most streams above a content's own.
const MOST_ABOVE: usize = 8;

/// The names that segments end with. What has such a name may be a stream too: `vod/film.ts`.
const SEGMENT_ENDS: [&str; 5] = [".ts", ".m4s", ".aac", ".vtt", ".mpd"];

/// The streams that the content at a path may be of, for who knows none, the longest first: a file's
/// folder, and those above it, since a rendition lies in a folder of its stream. An application is no
/// stream, and its instance neither.
pub(in crate::access) fn streams(content: &str) -> impl Iterator<Item = (&str, Owned)> {
    let content = content.strip_suffix('/').unwrap_or(content);
    let own = stream_path(content);
    let folder = own.rsplit_once('/').filter(|(_, file)| {
        let is_segment = SEGMENT_ENDS.iter().any(|end| file.ends_with(end));
        own == content && is_segment
    });
    let folder = folder.map(|(folder, _)| folder);
    let is_stream = |stream: &&str| stream.contains('/') && !stream.ends_with("/_definst_");
    let highest = folder.unwrap_or(own);
    let above = highest.rmatch_indices('/');
    let above = above.map(|(end, _)| &highest[..end]).filter(is_stream);
    let own = folder.into_iter().chain([own]);
    let own = own.map(|stream| (stream, Owned::Itself));
    own.chain(above.map(|stream| (stream, Owned::Above)).take(MOST_ABOVE))
}

fn is_front_file(file: &str) -> bool {
    let has_session = FRONT_PREFIXES.iter().any(|known| file.starts_with(known));
    file.ends_with(".m3u8") || FRONT_FILES.contains(&file) || has_session
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_not_decoded_and_not_split_twice() {
        let found: Vec<_> = pairs("a=1&b=%26c=2&&flag&=x").collect();
        assert_eq!(
            found,
            [("a", "1"), ("b", "%26c=2"), ("flag", ""), ("", "x")]
        );
        assert_eq!(only("a=1&b=2", "b"), Ok(Some("2")));
        assert_eq!(only("a=1&b=2", "c"), Ok(None));
        assert_eq!(only("b=2&b=2", "b"), Err(Repeated));
    }

    #[test]
    fn a_path_in_disguise_is_seen() {
        for plain in ["live/news", "vod/_definst_/mp4:a%20b.mp4/playlist.m3u8"] {
            assert!(is_plain_path(plain), "{plain}");
        }
        for bad in [
            "",
            "live//news",
            "live/../vod/x",
            "live/%2e%2e/vod/x",
            "live/./x",
            "live%2fx",
            "live/a%00b",
            "live/a%5cb",
            "live/a%3fb",
            "live/%ff",
            "live/",
        ] {
            assert!(!is_plain_path(bad), "{bad}");
        }
    }

    #[test]
    fn what_a_front_adds_is_cut() {
        let cases = [
            ("live/a/playlist.m3u8", "live/a"),
            ("live/a/chunklist_w1_b2.m3u8", "live/a"),
            ("live/a/media_1.ts", "live/a"),
            ("vod/smil:x.smil/manifest.mpd", "vod/smil:x.smil"),
            ("live/a/Manifest", "live/a"),
            ("live/a", "live/a"),
            ("vod/mp4:sample.mp4", "vod/mp4:sample.mp4"),
            ("live/a/index.m3u8", "live/a"),
        ];
        for (content, stream) in cases {
            assert_eq!(stream_path(content), stream);
        }
    }

    #[test]
    fn a_content_is_of_its_folder_or_of_one_above() {
        for (content, own, above) in [
            ("live/a/index.m3u8", "live/a", ""),
            ("live/a/v0/index.m3u8", "live/a/v0", "live/a"),
            ("live/a/b/v0/index.m3u8", "live/a/b/v0", "live/a/b live/a"),
            ("live/a/v0", "live/a/v0", "live/a"),
            ("live/index.m3u8", "live", ""),
            ("index.m3u8", "index.m3u8", ""),
            ("live/a", "live/a", ""),
            ("live/a/", "live/a", ""),
            ("live/a/v0/1.ts", "live/a/v0 live/a/v0/1.ts", "live/a"),
            ("vod/film.ts", "vod vod/film.ts", ""),
            ("vod/film.ts/index.m3u8", "vod/film.ts", ""),
            (
                "vod/_definst_/a/v0/index.m3u8",
                "vod/_definst_/a/v0",
                "vod/_definst_/a",
            ),
        ] {
            let texts = |wanted| {
                let some = streams(content).filter(|(_, owned)| *owned == wanted);
                some.map(|(stream, _)| stream).collect::<Vec<_>>().join(" ")
            };
            let found = (texts(Owned::Itself), texts(Owned::Above));
            assert_eq!(found, (own.to_owned(), above.to_owned()), "{content}");
        }
        let deep = format!("{}index.m3u8", "a/".repeat(100));
        assert_eq!(streams(&deep).count(), 1 + MOST_ABOVE);
    }
}
