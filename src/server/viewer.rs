//! A playlist's URIs as one viewer gets them: children and keys with grants, media from the origin.
//!
//! A grant goes only onto URIs of ours that the stream owns. Must not know: files, HTTP, how a
//! grant is made.

use std::collections::HashMap;

use crate::domain::{Kid, StreamId};
use crate::playlist::UriKind;

/// Where a playlist stands, and the grants for what it names.
pub(super) struct Viewer<'a> {
    /// `https://host[:port][/prefix]`, without a slash at the end.
    pub(super) public_url: &'a str,
    pub(super) stream: &'a StreamId,
    /// The playlist's URL path below the stream, percent-encoded: `v0/index.m3u8`.
    pub(super) file: &'a str,
    /// The grant that opens the stream's playlists.
    pub(super) play: &'a str,
}

impl Viewer<'_> {
    /// The rewrite for `Playlist::map_uris`; `key` gives the grant that opens one key.
    pub(super) fn rewrite<'s>(
        &'s self,
        key: impl Fn(Kid) -> String + 's,
    ) -> impl FnMut(UriKind, &str) -> String + 's {
        let mut grants = HashMap::new();
        move |kind, uri| match kind {
            UriKind::Key | UriKind::SessionKey => match self.kid(uri) {
                Some(kid) => with_token(uri, grants.entry(kid).or_insert_with(|| key(kid))),
                None => uri.to_owned(),
            },
            UriKind::Child => self.child(uri),
            UriKind::Segment | UriKind::Map | UriKind::Other => self.media(uri),
        }
    }

    /// The kid of a key URI of ours.
    fn kid(&self, uri: &str) -> Option<Kid> {
        let path = uri.strip_prefix(self.public_url)?;
        path.strip_prefix("/v1/keys/")?.parse().ok()
    }

    /// A playlist of this stream comes through the server again, by a path of its own, so that
    /// the viewer keeps the host it came by. Another's is the origin's.
    fn child(&self, uri: &str) -> String {
        let Some((path, query)) = self.origin_path(uri) else {
            return uri.to_owned();
        };
        let below = path.strip_prefix(self.stream.as_str());
        match below.and_then(|rest| rest.strip_prefix('/')) {
            Some(file) if file.ends_with(".m3u8") => {
                let plain = format!("{}/v1/play/{path}{query}", self.prefix());
                with_token(&plain, self.play)
            }
            _ => self.at_origin(&path, query),
        }
    }

    fn media(&self, uri: &str) -> String {
        match self.origin_path(uri) {
            Some((path, query)) => self.at_origin(&path, query),
            None => uri.to_owned(),
        }
    }

    fn at_origin(&self, path: &str, query: &str) -> String {
        format!("{}/hls/{path}{query}", self.public_url)
    }

    /// The path below `/hls/`, and the query and fragment, of a URI that is the origin's; a
    /// relative one is resolved as if the playlist had come from there (RFC 3986 §5.2).
    fn origin_path<'u>(&self, uri: &'u str) -> Option<(String, &'u str)> {
        let end = uri.find(['?', '#']).unwrap_or(uri.len());
        let (path, query) = uri.split_at(end);
        let hls = format!("{}/hls/", self.prefix());
        let absolute = path.strip_prefix(self.public_url);
        let full = if let Some(ours) = absolute.filter(|rest| rest.starts_with('/')) {
            format!("{}{ours}", self.prefix())
        } else if path.is_empty()
            || path.starts_with("//")
            || path.contains("{$")
            || has_scheme(path)
        {
            return None;
        } else if path.starts_with('/') {
            path.to_owned()
        } else {
            let folder = self
                .file
                .rsplit_once('/')
                .map_or(String::new(), |(folder, _)| format!("{folder}/"));
            format!("{hls}{}/{folder}{path}", self.stream)
        };
        let plain = without_dots(&full);
        plain
            .strip_prefix(&hls)
            .map(|below| (below.to_owned(), query))
    }

    /// The path of `public_url`: `""`, or where a proxy has put us.
    fn prefix(&self) -> &str {
        let rest = self
            .public_url
            .split_once("://")
            .map_or("", |(_, rest)| rest);
        rest.find('/').map_or("", |at| &rest[at..])
    }
}

/// RFC 3986 §3.1: `scheme:` before any slash.
fn has_scheme(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+.-".contains(&b);
    first.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(allowed)
    })
}

/// RFC 3986 §5.2.4 for an absolute path.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    format!("/{}", kept.join("/"))
}

/// The URI with one more query parameter, before any fragment.
fn with_token(uri: &str, token: &str) -> String {
    let (uri, fragment) = uri.split_at(uri.find('#').unwrap_or(uri.len()));
    let mark = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{mark}token={token}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KID: &str = "0b5f3f0e-1c9c-4f7e-9d3a-000000000001";

    fn rewritten(public_url: &str, file: &str, kind: UriKind, uri: &str) -> String {
        let stream = "live/news".parse().unwrap();
        let viewer = Viewer {
            public_url,
            stream: &stream,
            file,
            play: "P",
        };
        viewer.rewrite(|kid| format!("K-{}", &kid.to_string()[35..]))(kind, uri)
    }

    fn at_home(kind: UriKind, uri: &str) -> String {
        rewritten("https://h:8443", "v0/index.m3u8", kind, uri)
    }

    #[test]
    fn children_of_the_stream_carry_the_play_grant() {
        let cases = [
            ("a.m3u8", "/v1/play/live/news/v0/a.m3u8?token=P"),
            (
                "../v1/a.m3u8?x=1#f",
                "/v1/play/live/news/v1/a.m3u8?x=1&token=P#f",
            ),
            ("./b/../a.m3u8", "/v1/play/live/news/v0/a.m3u8?token=P"),
            ("/hls/live/news/a.m3u8", "/v1/play/live/news/a.m3u8?token=P"),
            (
                "https://h:8443/hls/live/news/a.m3u8",
                "/v1/play/live/news/a.m3u8?token=P",
            ),
        ];
        for (uri, expected) in cases {
            assert_eq!(at_home(UriKind::Child, uri), expected, "{uri}");
        }
    }

    #[test]
    fn a_grant_never_leaves_the_stream() {
        let cases = [
            ("../../other/a.m3u8", "https://h:8443/hls/live/other/a.m3u8"),
            (
                "/hls/live/newsreel/a.m3u8",
                "https://h:8443/hls/live/newsreel/a.m3u8",
            ),
            ("../../../../../a.m3u8", "../../../../../a.m3u8"),
            (
                "https://cdn.example/hls/live/news/a.m3u8",
                "https://cdn.example/hls/live/news/a.m3u8",
            ),
            (
                "https://h:84430/hls/live/news/a.m3u8",
                "https://h:84430/hls/live/news/a.m3u8",
            ),
            ("//cdn.example/a.m3u8", "//cdn.example/a.m3u8"),
            ("data:text/plain,x", "data:text/plain,x"),
            ("{$base}/a.m3u8", "{$base}/a.m3u8"),
        ];
        for (uri, expected) in cases {
            let out = at_home(UriKind::Child, uri);
            assert!(!out.contains("token="), "{uri}: {out}");
            assert_eq!(out, expected, "{uri}");
        }
    }

    #[test]
    fn keys_of_ours_carry_their_own_grant() {
        let ours = format!("https://h:8443/v1/keys/{KID}");
        assert_eq!(at_home(UriKind::Key, &ours), format!("{ours}?token=K-1"));
        assert_eq!(
            at_home(UriKind::SessionKey, &ours),
            format!("{ours}?token=K-1")
        );
        for foreign in [
            format!("https://h:8443.evil.example/v1/keys/{KID}"),
            format!("http://h:8443/v1/keys/{KID}"),
            format!("{ours}/x"),
            format!("{ours}?a=1"),
            "skd://x".to_owned(),
        ] {
            assert_eq!(at_home(UriKind::Key, &foreign), foreign);
        }
    }

    #[test]
    fn media_comes_from_the_origin() {
        let cases = [
            ("s1.ts", "https://h:8443/hls/live/news/v0/s1.ts"),
            (
                "../a%20b.ts?q=1",
                "https://h:8443/hls/live/news/a%20b.ts?q=1",
            ),
            ("a:1.ts", "a:1.ts"),
            ("x/a:1.ts", "https://h:8443/hls/live/news/v0/x/a:1.ts"),
            ("https://cdn.example/s.ts", "https://cdn.example/s.ts"),
            ("/elsewhere/s.ts", "/elsewhere/s.ts"),
        ];
        for (uri, expected) in cases {
            assert_eq!(at_home(UriKind::Segment, uri), expected, "{uri}");
        }
        assert_eq!(
            at_home(UriKind::Map, "init.mp4"),
            "https://h:8443/hls/live/news/v0/init.mp4"
        );
    }

    #[test]
    fn a_proxy_prefix_is_kept() {
        let at = |kind, uri| rewritten("https://h/tv", "master.m3u8", kind, uri);
        assert_eq!(
            at(UriKind::Child, "v0/a.m3u8"),
            "/tv/v1/play/live/news/v0/a.m3u8?token=P"
        );
        assert_eq!(
            at(UriKind::Segment, "s.ts"),
            "https://h/tv/hls/live/news/s.ts"
        );
        let key = format!("https://h/tv/v1/keys/{KID}");
        assert_eq!(at(UriKind::Key, &key), format!("{key}?token=K-1"));
    }
}
