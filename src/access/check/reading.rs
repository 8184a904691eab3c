//! What a URL may be asking for: which part of its path is the content's, and of which stream that is.
//!
//! Must not know: any scheme, or whether a stream exists.

use std::iter;

use super::Asked;
use crate::access::scheme::request::{Owned, Request, is_below, plain, streams};
use crate::domain::{Principal, StreamId, StreamPattern};

/// One way to read what is asked.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) asked: Asked<'a>,
    /// The content's path, percent-encoded, no slash before it.
    content: &'a str,
    /// The stream's, alike.
    stream: &'a str,
    owned: Owned,
}

impl<'a> Asked<'a> {
    /// Each, the likeliest first: of each content its own stream before those above it.
    /// `redirects`: whether a load balancer may have put its application before the path.
    pub(super) fn readings(self, redirects: bool) -> Vec<Reading<'a>> {
        let reading = |content, (stream, owned)| Reading {
            asked: self,
            content,
            stream,
            owned,
        };
        match self.stream {
            Some(stream) => vec![reading(self.content_of(stream), (stream, Owned::Itself))],
            None => {
                let behind = self.whole().strip_prefix("redirect/");
                let contents = self.contents().chain(behind.filter(|_| redirects));
                let each = contents.flat_map(|it| streams(it).map(move |stream| (it, stream)));
                each.map(|(content, stream)| reading(content, stream))
                    .collect()
            }
        }
    }

    /// The whole path, as one stream's.
    pub(super) fn as_it_stands(self) -> Reading<'a> {
        let whole = self.whole();
        Reading {
            asked: self,
            content: whole,
            stream: whole,
            owned: Owned::Itself,
        }
    }

    fn whole(self) -> &'a str {
        let path = self.target.path;
        path.strip_prefix('/').unwrap_or(path)
    }

    /// The path, without and with what our own server puts before it. Others have applications of the
    /// name `hls` too; the longer route is nobody else's.
    fn contents(self) -> impl Iterator<Item = &'a str> {
        let whole = self.whole();
        let below = self.target.content();
        let is_ours = whole.starts_with("v1/play/");
        let (first, second) = match below {
            Some(below) if is_ours => (below, Some(whole)),
            below => (whole, below),
        };
        iter::once(first).chain(second)
    }

    /// Where the stream is known: a playlist's path in it, else the stream's own.
    fn content_of(self, stream: &'a str) -> &'a str {
        let is_of_it = |content: &&str| *content == stream || is_below(content, stream);
        self.contents().find(is_of_it).unwrap_or(stream)
    }
}

impl<'a> Reading<'a> {
    /// As a scheme looks at it that signs parts of it.
    pub(super) fn request(&self) -> Request<'a> {
        let asked = self.asked;
        Request {
            content: self.content,
            stream: Some(self.stream),
            query: asked.query,
            headers: asked.headers,
            method: asked.method,
            target: asked.target,
            alpn: asked.alpn,
            ip: asked.ip,
            purpose: asked.purpose,
        }
    }

    /// Whether `who` is for its stream. A pattern is for the content's own stream alone, and so for
    /// no rendition below one that it means; who names a stream is for what lies below it too.
    pub(super) fn is_for(&self, who: &Principal) -> bool {
        let Ok(stream) = plain(self.stream).parse::<StreamId>() else {
            return false;
        };
        let is_it = |pattern: &StreamPattern| pattern.as_str() == stream.as_str();
        let is_named = self.owned == Owned::Itself || who.streams.iter().any(is_it);
        is_named && who.covers(&stream)
    }
}
