//! Reads on from a media playlist to what it says a little later.
//!
//! A live list loses some of its first segments and gets others; what lies between stands there
//! as it stood. It is compared, which is as fast as copying it, and stays. Where anything is
//! out of the ordinary the text is to be parsed: nothing is guessed. Must not know: who asks.

use std::ops::Range;
use std::time::Duration;

use super::media::{Block, MediaPlaylist, Segment};
use super::number;
use super::reader::{Read, Reader};
use super::tag::{Group, Tag};
use super::text::{Kind, Line, Lines, Text};
use super::timing::{self, Dates};
use super::variables::Definitions;

/// What a list says next. It is taken by [`Self::take`], or the list stays as it is.
#[derive(Debug)]
pub struct Next<'a> {
    list: &'a mut MediaPlaylist,
    text: Text,
    split: Split,
    /// Its first segment, which was read anew, and those that came.
    read: Read,
    dates: Dates,
}

/// Which lines of a text are new.
#[derive(Debug, Clone)]
struct Split {
    /// So many first lines of it, to the first URI.
    head: usize,
    /// After them these lines of the list before, up to its last URI.
    kept: Range<usize>,
    /// How many segments of the list before have gone.
    gone: usize,
}

impl<'a> Next<'a> {
    /// What `source` says, read after `list`; `source` itself if it does not go on in the ordinary way.
    pub(super) fn of(list: &'a mut MediaPlaylist, source: String) -> Result<Self, String> {
        let Some((split, lines)) = split(list, &source) else {
            return Err(source);
        };
        let text = Text::new(source, lines);
        match read(list, &text, &split) {
            Some((read, dates)) => Ok(Self {
                list,
                text,
                split,
                read,
                dates,
            }),
            None => Err(text.into_source()),
        }
    }

    /// The first segment's number.
    pub fn media_sequence(&self) -> u64 {
        let first = self.read.segments.first();
        first.map_or(0, |first| first.msn)
    }

    /// EXT-X-TARGETDURATION.
    pub fn target_duration(&self) -> Duration {
        self.read.header.target_duration.unwrap_or_default()
    }

    /// Whether it is finished: EXT-X-ENDLIST.
    pub fn is_ended(&self) -> bool {
        self.read.header.is_ended
    }

    /// Whether each segment is one I-frame.
    pub fn is_iframes(&self) -> bool {
        self.read.header.is_iframes
    }

    /// The segments that do not stand as they stood: its first one, and those that came.
    pub fn read_anew(&self) -> &[Segment] {
        &self.read.segments
    }

    /// All segments, last to first.
    pub fn backwards(&self) -> impl Iterator<Item = &Segment> {
        let came = self.read.segments.iter().skip(1).rev();
        let stayed = self.list.segments[self.split.gone + 1..].iter().rev();
        came.chain(stayed).chain(self.read.segments.first())
    }

    /// Its text; the list stays as it is.
    pub fn into_text(self) -> String {
        self.text.into_source()
    }

    /// Has the list go on to it.
    pub fn take(self) {
        let Self {
            list,
            text,
            split,
            read,
            dates,
        } = self;
        let kept = split.kept.len();
        list.drop_first(split.gone);
        list.text.go_on(text, split.head, split.kept);
        list.put(read, dates, kept);
    }
}

/// The lines of `source` that `list` does not have, if it goes on from that. There must be a segment
/// besides the first that both have.
fn split(list: &MediaPlaylist, source: &str) -> Option<(Split, Vec<Line>)> {
    if !list.is_plain || list.unsupported.is_some() || list.imports {
        return None;
    }
    let mut lines = Lines::of(source).ok()?;
    // The first segment is read anew: what was in scope of it stands there now.
    while !matches!(lines.read().ok()??.kind, Kind::Uri) {}
    let number = first_number(lines.so_far(), source)?;
    let gone = number.checked_sub(list.header.media_sequence.unwrap_or(0))?;
    let gone = usize::try_from(gone).ok()?;
    let last = list
        .segments
        .len()
        .checked_sub(1)
        .filter(|last| gone < *last)?;
    let kept = list.block(gone)?.uri + 1..list.block(last)?.uri + 1;
    let head = lines.so_far().len();
    if !lines.pass(&list.text, kept.clone()) {
        return None;
    }
    while lines.read().ok()?.is_some() {}
    Some((Split { head, kept, gone }, lines.split()))
}

/// What EXT-X-MEDIA-SEQUENCE says; 0 without one.
fn first_number(lines: &[Line], source: &str) -> Option<u64> {
    let said = lines.iter().find(|line| line.is(Tag::MediaSequence));
    let Some(line) = said else { return Some(0) };
    let (_, value) = source[line.start..line.end].split_once(':')?;
    number::integer(value.trim())
}

/// The segments of `text`, which is the new lines alone, numbered as those of `list` are.
fn read(list: &MediaPlaylist, text: &Text, split: &Split) -> Option<(Read, Dates)> {
    if text.lines().any(|line| is_of_another_kind(&line)) {
        return None;
    }
    let none = Definitions::new();
    let mut reader = Reader::new(text, &none);
    reader.lines(0..split.head).ok()?;
    let (is, was) = (reader.last()?, &list.segments[split.gone]);
    // What later segments depend on: their section, and where a range without an offset begins.
    let goes_on = (&is.uri, is.range, &is.map) == (&was.uri, was.range, &was.map);
    if !goes_on || !reader.is_plain() {
        return None;
    }
    let stayed = &list.segments[split.gone + 1..];
    reader.pass_over(stayed.len(), stayed.last()?);
    reader.lines(split.head..text.lines().len()).ok()?;
    let mut read = reader.finish().ok()?;
    let has_parts = read
        .segments
        .iter()
        .any(|segment| !segment.parts.is_empty());
    if has_parts || read.open.is_some() || read.unsupported.is_some() || read.imports {
        return None;
    }
    list.number(&mut read.segments)?;
    let mut dates = list.dates;
    dates.carry(&mut read.segments[1..]);
    Some((read, dates))
}

/// A tag that makes it no media playlist.
fn is_of_another_kind(line: &Line) -> bool {
    matches!(line.kind, Kind::Tag(tag) if tag.group() == Group::Multivariant)
}

impl MediaPlaylist {
    /// Puts what was read anew in its place; `kept` lines lie between its first segment and the rest.
    fn put(&mut self, read: Read, dates: Dates, kept: usize) {
        let is = read.blocks.first().zip(read.segments.first());
        let was = self.blocks().next().zip(self.segments.first());
        let dated = |of: Option<(Block, &Segment)>| {
            of.and_then(|(block, segment)| segment.time.filter(|_| block.is_dated))
        };
        let (is, was) = (
            dated(is.map(|(block, segment)| (*block, segment))),
            dated(was),
        );
        let mut both = read.segments.into_iter().zip(read.blocks);
        if let Some((segment, block)) = both.next() {
            self.replace_first(segment, block);
        }
        for (segment, block) in both {
            self.push(segment, block.placed(|line| line + kept));
        }
        (self.header, self.is_plain) = (read.header, read.is_plain);
        self.dates = dates;
        let has_dates = is.is_some() || dates != Dates::default();
        if has_dates && (is.is_none() || is != was) {
            self.redate();
        }
    }

    /// The first segment's date is another one, or it has none: those of the segments before the next
    /// date follow.
    fn redate(&mut self) {
        let next = self.blocks().skip(1).position(|block| block.is_dated);
        let next = next.map(|after| after + 1);
        let end = next.map_or(self.segments.len(), |next| next + 1);
        let is_dated = self.block(0).is_some_and(|first| first.is_dated);
        let own = usize::from(is_dated)..next.unwrap_or(end);
        for segment in &mut self.segments[own] {
            segment.time = None;
        }
        let dates = timing::carry(&mut self.segments[..end]);
        if next.is_none() {
            self.dates = dates;
        }
    }
}
