//! Partial segments (§4.4.4.9) and what announces them: what the source says of them.
//!
//! Must not know: how they are rewritten.

use std::time::Duration;

use super::PlaylistError;
use super::attribute;
use super::media::MediaPlaylist;
use super::number;
use super::range::{self, ByteRange};
use super::tag::Tag;
use super::text::{Kind, Line, Text};
use super::variables::{From, Variables};

/// One EXT-X-PART of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialSegment {
    /// Its URI, variables put in.
    pub uri: String,
    /// The part of the file that it is; `None` for the whole.
    pub range: Option<ByteRange>,
    /// DURATION, exact to the nanosecond.
    pub duration: Duration,
    /// GAP=YES: there is no file.
    pub gap: bool,
    /// Index of its line.
    pub(super) at: usize,
}

/// Reads the tag at line `index`; `before` is the part before it.
pub(super) fn read(
    text: &Text,
    (line, index): (&Line, usize),
    before: Option<&PartialSegment>,
    variables: &Variables<'_>,
) -> Result<(PartialSegment, From), PlaylistError> {
    let malformed = || PlaylistError::Attributes {
        tag: Tag::Part.name(),
        line: line.number,
    };
    let list = text.attributes(line).map_err(|_| malformed())?;
    let uri = attribute::quoted(&list, "URI").ok_or_else(malformed)?;
    let (uri, from) = variables.put_in(uri);
    let duration = attribute::value(&list, "DURATION").and_then(number::seconds);
    let range = match attribute::quoted(&list, "BYTERANGE") {
        None => None,
        Some(said) => {
            let (len, offset) = range::read(said).ok_or_else(malformed)?;
            let follows = || Some(before.filter(|before| before.uri == uri)?.range?.end());
            let offset = offset.or_else(follows).ok_or_else(malformed)?;
            Some(ByteRange::new(offset, len).ok_or_else(malformed)?)
        }
    };
    let part = PartialSegment {
        uri: uri.into_owned(),
        range,
        duration: duration.ok_or_else(malformed)?,
        gap: attribute::value(&list, "GAP") == Some("YES"),
        at: index,
    };
    Ok((part, from))
}

impl MediaPlaylist {
    /// The URI of the part that comes next, as EXT-X-PRELOAD-HINT says it (§4.4.5.3).
    pub fn hinted_part(&self) -> Option<&str> {
        let hints = self.tags(Tag::PreloadHint);
        let mut parts = hints.filter_map(|line| {
            let list = self.text.attributes(&line).ok()?;
            let is_part = attribute::value(&list, "TYPE") == Some("PART");
            attribute::quoted(&list, "URI").filter(|_| is_part)
        });
        parts.next()
    }

    /// The longest part, as EXT-X-PART-INF says it (§4.4.3.7), where parts are listed.
    pub fn part_target(&self) -> Option<Duration> {
        let line = self.tags(Tag::PartInf).next()?;
        let list = self.text.attributes(&line).ok()?;
        attribute::value(&list, "PART-TARGET").and_then(number::seconds)
    }

    /// The URIs of the playlists that EXT-X-RENDITION-REPORT tells of (§4.4.5.4).
    pub fn reported(&self) -> impl Iterator<Item = &str> {
        self.tags(Tag::RenditionReport).filter_map(|line| {
            let list = self.text.attributes(&line).ok()?;
            attribute::quoted(&list, "URI")
        })
    }

    fn tags(&self, tag: Tag) -> impl Iterator<Item = Line> {
        let all = self.text.whole_lines().filter(|_| !self.is_plain);
        let lines = all.map(|(line, _)| line);
        lines.filter(move |line| line.kind == Kind::Tag(tag))
    }
}
