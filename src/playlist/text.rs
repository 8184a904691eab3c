//! The line model: where each line, its end and its tag stand in the text (§4.1).
//!
//! Must not know: what a tag means.

use std::ops::Range;

use super::PlaylistError;
use super::attribute::{self, Attribute, Malformed};
use super::tag::Tag;

const MAX_BYTES: usize = 8 * 1024 * 1024;
const MAX_LINES: usize = 500_000;
const BOM: char = '\u{feff}';
const HEAD: &str = "#EXTM3U";
/// A cut CRLF leaves its CR on the last line.
const SPACE: [char; 3] = [' ', '\t', '\r'];

/// A playlist's text and its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    source: String,
    lines: Vec<Line>,
    dangling: Option<usize>,
}

/// One line: `source[start..end]` is its content, `source[end..next]` its line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) next: usize,
    pub(super) kind: Kind,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing, or space only.
    Blank,
    /// Begins with `#` but not with `#EXT`.
    Comment,
    /// Begins with `#EXT` and is no tag we know.
    Unknown,
    /// A tag we know.
    Tag(Tag),
    /// Everything else.
    Uri,
}

impl Text {
    /// Splits `source`. Blank lines, comments and unknown tags are lines too.
    pub(super) fn parse(source: &str) -> Result<Self, PlaylistError> {
        let mut lines = Lines::of(source)?;
        while lines.read()?.is_some() {}
        Ok(lines.finish())
    }

    /// The text as it was parsed.
    pub(super) fn as_str(&self) -> &str {
        &self.source
    }

    /// Where the first line begins: after a byte order mark.
    pub(super) fn start(&self) -> usize {
        self.lines[0].start
    }

    /// Every line, a dangling one too.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The lines and their indices without a dangling one.
    pub(super) fn whole_lines(&self) -> impl Iterator<Item = (&Line, usize)> {
        let end = self.dangling.unwrap_or(self.lines.len());
        self.lines[..end].iter().zip(0..)
    }

    /// The last line, if it has no line end and may therefore be half written. A blank line and
    /// a full `#EXT-X-ENDLIST` cannot be.
    pub(super) fn dangling(&self) -> Option<(&Line, usize)> {
        self.dangling.map(|index| (&self.lines[index], index))
    }

    /// The last line's number.
    pub(super) fn last_number(&self) -> usize {
        self.lines.len()
    }

    /// The line end that the text uses: its first line's.
    pub(super) fn eol(&self) -> &str {
        &self.source[self.lines[0].end..self.lines[0].next]
    }

    /// A line's content.
    pub(super) fn body(&self, line: &Line) -> &str {
        &self.source[line.start..line.end]
    }

    /// A URI line's URI, without space around it, and where it stands.
    pub(super) fn uri(&self, line: &Line) -> (&str, Range<usize>) {
        let body = self.body(line);
        let uri = body.trim_matches(SPACE);
        let start = line.start + (body.len() - body.trim_start_matches(SPACE).len());
        (uri, start..start + uri.len())
    }

    /// What stands after the tag's colon; empty without one.
    pub(super) fn value(&self, line: &Line) -> &str {
        self.body(line)
            .split_once(':')
            .map_or("", |(_, value)| value)
    }

    /// The tag's attributes, in order.
    pub(super) fn attributes(&self, line: &Line) -> Result<Vec<Attribute<'_>>, Malformed> {
        let value = self.value(line);
        attribute::list(value, line.end - value.len())
    }
}

/// A text that is being split.
pub(super) struct Lines<'a> {
    source: &'a str,
    /// Where the next line begins.
    at: usize,
    lines: Vec<Line>,
}

impl<'a> Lines<'a> {
    /// At the beginning of `source`, if that can be a playlist at all.
    pub(super) fn of(source: &'a str) -> Result<Self, PlaylistError> {
        if !is_bounded(source) {
            return Err(PlaylistError::TooLong);
        }
        let at = source.len() - source.strip_prefix(BOM).unwrap_or(source).len();
        check_head(&source[at..])?;
        Ok(Self {
            source,
            at,
            lines: Vec::new(),
        })
    }

    /// Splits one more line off; `None` at the end.
    pub(super) fn read(&mut self) -> Result<Option<&Line>, PlaylistError> {
        if self.at == self.source.len() {
            return Ok(None);
        }
        let line = Line::at(self.source, self.at, self.lines.len() + 1)?;
        self.at = line.next;
        self.lines.push(line);
        Ok(self.lines.last())
    }

    /// Takes these lines of `before` over, if the text goes on with them byte for byte.
    pub(super) fn take_over(&mut self, before: &Text, lines: Range<usize>) -> bool {
        let taken = &before.lines[lines];
        let (Some(first), Some(last)) = (taken.first(), taken.last()) else {
            return false;
        };
        let known = &before.source.as_bytes()[first.start..last.next];
        if !self.source.as_bytes()[self.at..].starts_with(known) {
            return false;
        }
        let (from, number) = (self.at, self.lines.len() + 1);
        self.lines.extend(taken.iter().map(|line| Line {
            number: number + (line.number - first.number),
            start: from + (line.start - first.start),
            end: from + (line.end - first.start),
            next: from + (line.next - first.start),
            kind: line.kind,
        }));
        self.at = from + known.len();
        true
    }

    /// The lines so far.
    pub(super) fn so_far(&self) -> &[Line] {
        &self.lines
    }

    /// The text, all of it having been read.
    pub(super) fn finish(self) -> Text {
        let dangling = self.lines.last().and_then(|line| {
            let whole =
                line.is_ended() || matches!(line.kind, Kind::Blank | Kind::Tag(Tag::EndList));
            (!whole).then(|| self.lines.len() - 1)
        });
        Text {
            source: self.source.to_owned(),
            lines: self.lines,
            dangling,
        }
    }
}

impl Line {
    fn at(source: &str, start: usize, number: usize) -> Result<Self, PlaylistError> {
        let rest = &source[start..];
        let (end, next) = match rest.find('\n') {
            Some(at) if rest[..at].ends_with('\r') => (start + at - 1, start + at + 1),
            Some(at) => (start + at, start + at + 1),
            None => (source.len(), source.len()),
        };
        let body = &source[start..end];
        let cut = next == end && body.ends_with('\r');
        if body[..body.len() - usize::from(cut)].contains(is_forbidden) {
            return Err(PlaylistError::Control { line: number });
        }
        if body.trim_start_matches(is_blank).starts_with('#') && !body.starts_with('#') {
            return Err(PlaylistError::Indented { line: number });
        }
        Ok(Self {
            number,
            start,
            end,
            next,
            kind: Kind::of(body),
        })
    }

    /// Whether the line has its line end.
    pub(super) fn is_ended(&self) -> bool {
        self.next > self.end
    }

    /// Whether it is this tag.
    pub(super) fn is(&self, tag: Tag) -> bool {
        self.kind == Kind::Tag(tag)
    }
}

impl Kind {
    fn of(body: &str) -> Self {
        if body.trim_matches(SPACE).is_empty() {
            return Self::Blank;
        }
        if !body.starts_with('#') {
            return Self::Uri;
        }
        match body.strip_prefix("#EXT") {
            None => Self::Comment,
            Some(rest) => {
                let name = rest.split(':').next().unwrap_or_default().trim_end();
                Tag::named(name).map_or(Self::Unknown, Self::Tag)
            }
        }
    }
}

/// Whether a text is within the bounds of what is read.
pub(super) fn is_bounded(text: &str) -> bool {
    text.len() <= MAX_BYTES && text.split_inclusive('\n').count() <= MAX_LINES
}

/// What some players trim before they look for `#`.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == BOM
}

/// §4.1 forbids control characters. A tab is let pass: EXT-X-SKIP separates ids by it.
fn is_forbidden(c: char) -> bool {
    c.is_control() && c != '\t'
}

/// §4.4.1.1: `#EXTM3U` is the first line. A text that stops within it is half written.
fn check_head(text: &str) -> Result<(), PlaylistError> {
    let first = text.split('\n').next().unwrap_or_default();
    if first.trim_end() == HEAD {
        Ok(())
    } else if first.len() == text.len() && HEAD.starts_with(first) {
        Err(PlaylistError::Incomplete { line: 1 })
    } else {
        Err(PlaylistError::NotAPlaylist)
    }
}
