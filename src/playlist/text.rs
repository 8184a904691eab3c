//! The line model: where each line, its end and its tag stand in the text (§4.1).
//!
//! Must not know: what a tag means.

use std::ops::Range;

use super::PlaylistError;
use super::attribute::{self, Attribute, Malformed};
use super::moved::Moved;
use super::sliding::Sliding;
use super::tag::Tag;

/// The longest playlist, in bytes: one that lists two days of segments of two seconds, each with a
/// date and its key, has half as many.
pub const MAX_BYTES: usize = 32 << 20;
const MAX_LINES: usize = 1_000_000;
const BOM: char = '\u{feff}';
const HEAD: &str = "#EXTM3U";
/// A cut CRLF leaves its CR on the last line.
const SPACE: [char; 3] = [' ', '\t', '\r'];

/// A playlist's text and its lines.
#[derive(Debug, Clone)]
pub(super) struct Text {
    source: String,
    /// Where they stood when they were read, less `moved` by now.
    lines: Sliding<Line>,
    moved: Moved,
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
        let lines = lines.split();
        Ok(Self::new(source.to_owned(), lines))
    }

    /// `source`, of which these lines are to be read.
    pub(super) fn new(source: String, lines: Vec<Line>) -> Self {
        let dangling = lines.last().and_then(|line| {
            let whole =
                line.is_ended() || matches!(line.kind, Kind::Blank | Kind::Tag(Tag::EndList));
            (!whole).then(|| lines.len() - 1)
        });
        Self {
            source,
            lines: lines.into(),
            moved: Moved::default(),
            dangling,
        }
    }

    /// Goes on to `next`, in which the lines `kept` of this text stand between two others: after its
    /// `head` first lines and before the rest.
    pub(super) fn go_on(&mut self, next: Self, head: usize, kept: Range<usize>) {
        let (Some(first), Some(is)) = (self.line(kept.start), next.line(head - 1)) else {
            return *self = next;
        };
        self.moved = Moved {
            bytes: self
                .moved
                .bytes
                .wrapping_add(first.start)
                .wrapping_sub(is.next),
            lines: self.moved.lines.wrapping_add(kept.start).wrapping_sub(head),
        };
        let moved = self.moved;
        self.lines.truncate(kept.end);
        self.lines.drop_first(kept.start);
        let (head, tail) = next.lines.split_at(head);
        for line in head.iter().rev() {
            self.lines.push_front(moved.back(line));
        }
        self.lines.extend(tail.iter().map(|line| moved.back(line)));
        self.dangling = next.dangling.map(|_| self.lines.len() - 1);
        self.source = next.source;
    }

    /// How far its lines have moved.
    pub(super) fn moved(&self) -> Moved {
        self.moved
    }

    /// The text itself.
    pub(super) fn into_source(self) -> String {
        self.source
    }

    /// What these lines are, from the first one's start to the last one's end.
    fn span(&self, lines: Range<usize>) -> Option<&str> {
        let last = self.line(lines.end.checked_sub(1)?)?;
        let first = self.line(lines.start)?;
        self.source.get(first.start..last.next)
    }

    /// The text as it was parsed.
    pub(super) fn as_str(&self) -> &str {
        &self.source
    }

    /// Where the first line begins: after a byte order mark.
    pub(super) fn start(&self) -> usize {
        self.line(0).map_or(0, |line| line.start)
    }

    /// Every line, a dangling one too.
    pub(super) fn lines(&self) -> impl DoubleEndedIterator<Item = Line> + ExactSizeIterator {
        self.lines.iter().map(|line| self.moved.line(line))
    }

    /// The lines with these indices, as far as there are any.
    pub(super) fn range(&self, which: Range<usize>) -> impl DoubleEndedIterator<Item = Line> {
        let end = which.end.min(self.lines.len());
        let lines = self.lines.get(which.start..end).unwrap_or_default();
        lines.iter().map(|line| self.moved.line(line))
    }

    /// The line with this index.
    pub(super) fn line(&self, index: usize) -> Option<Line> {
        self.lines.get(index).map(|line| self.moved.line(line))
    }

    /// How many of these lines are whole: all, but for a dangling one.
    pub(super) fn whole(&self) -> usize {
        self.dangling.unwrap_or(self.lines.len())
    }

    /// The lines and their indices without a dangling one.
    pub(super) fn whole_lines(&self) -> impl Iterator<Item = (Line, usize)> {
        self.lines().zip(0..).take(self.whole())
    }

    /// The last line, if it has no line end and may therefore be half written. A blank line and
    /// a full `#EXT-X-ENDLIST` cannot be.
    pub(super) fn dangling(&self) -> Option<(Line, usize)> {
        let index = self.dangling?;
        Some((self.line(index)?, index))
    }

    /// The last line's number.
    pub(super) fn last_number(&self) -> usize {
        self.lines.len()
    }

    /// The line end that the text uses: its first line's.
    pub(super) fn eol(&self) -> &str {
        self.line(0)
            .map_or("", |line| &self.source[line.end..line.next])
    }

    /// A line's content and its line end.
    pub(super) fn whole_line(&self, line: &Line) -> &str {
        &self.source[line.start..line.next]
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
    /// How many lines more were not split off, since they are known.
    passed: usize,
}

impl<'a> Lines<'a> {
    /// At the beginning of `source`, if that can be a playlist at all.
    pub(super) fn of(source: &'a str) -> Result<Self, PlaylistError> {
        if source.len() > MAX_BYTES {
            return Err(PlaylistError::TooLong);
        }
        let at = source.len() - source.strip_prefix(BOM).unwrap_or(source).len();
        check_head(&source[at..])?;
        Ok(Self {
            source,
            at,
            lines: Vec::new(),
            passed: 0,
        })
    }

    /// Splits one more line off; `None` at the end.
    pub(super) fn read(&mut self) -> Result<Option<&Line>, PlaylistError> {
        if self.at == self.source.len() {
            return Ok(None);
        }
        let number = self.passed + self.lines.len() + 1;
        if number > MAX_LINES {
            return Err(PlaylistError::TooLong);
        }
        let line = Line::at(self.source, self.at, number)?;
        self.at = line.next;
        self.lines.push(line);
        Ok(self.lines.last())
    }

    /// Passes these lines of `before`, if the text goes on with them byte for byte: they are compared,
    /// which is as fast as copying them.
    pub(super) fn pass(&mut self, before: &Text, lines: Range<usize>) -> bool {
        let Some(known) = before.span(lines.clone()) else {
            return false;
        };
        let goes_on = self.source.as_bytes()[self.at..].starts_with(known.as_bytes());
        if goes_on {
            self.at += known.len();
            self.passed += lines.len();
        }
        goes_on
    }

    /// The lines so far.
    pub(super) fn so_far(&self) -> &[Line] {
        &self.lines
    }

    /// The lines that were split off.
    pub(super) fn split(self) -> Vec<Line> {
        self.lines
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
            && self.dangling == other.dangling
            && self.lines().eq(other.lines())
    }
}

impl Eq for Text {}

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

/// Whether a text of so many bytes and lines is within the bounds of what is read.
pub(super) fn is_bounded(bytes: usize, lines: usize) -> bool {
    bytes <= MAX_BYTES && lines <= MAX_LINES
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
